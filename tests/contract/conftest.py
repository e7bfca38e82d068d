"""One AgentOS of the oldest and one of the newest agno, each in a Python environment of its own."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path

import httpx
import pytest

from agentos_mcp.demo.host_process import demo_agentos
from tests._support.agno_environments import PORT_VARIABLE, ROOT, python_with
from tests._support.contract_calls import OLDEST
from tests._support.openapi import Declaration
from tests._support.running_agentos import running_agentos
from tests._support.served_agentos import Served
from tests._support.web_pages import serve_pages


@pytest.fixture(scope="session", params=["oldest", "newest"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """Each of the two, one after the other."""
    old = request.param == "oldest"
    python, version = (python_with(OLDEST), OLDEST) if old else (None, metadata.version("agno"))
    with _served(python, version) as served:
        yield served


@contextmanager
def _served(python: Path | None, version: str) -> Iterator[Served]:
    """Served by this Python; by None, in a fork of a process that has imported the newest agno."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = {PORT_VARIABLE: str(port), "PYTHONPATH": str(ROOT)}
    build = "tests._support.agentos.contract:build"
    with ExitStack() as stack:
        if python is None:
            host = running_agentos(build=build, port=port, environment=environment)
        else:
            host = demo_agentos(build=build, port=port, environment=environment, python=str(python))
        url = stack.enter_context(host)
        pages = stack.enter_context(serve_pages({"/tides.txt": "The tide turns twice a day."}))
        openapi = httpx.get(f"{url}/openapi.json", timeout=30).json()
        yield Served(version, url, pages.url, Declaration(openapi))


@pytest.fixture(scope="session")
def queueing() -> Iterator[Served]:
    """The newest once more, with a durable queue."""
    from tests._support.agentos.durable_queue import DATABASE_VARIABLE
    from tests._support.postgres import postgres

    with postgres() as database:
        host = running_agentos(
            build="tests._support.agentos.durable_queue:build", environment={DATABASE_VARIABLE: database}
        )
        with host as url:
            yield Served(
                metadata.version("agno"), url, "", Declaration(httpx.get(f"{url}/openapi.json", timeout=30).json())
            )
