"""Two servers in front of one demo AgentOS, and what the conformance suite says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests._support.conformance_suite import Report, Spec, entry_point, run
from tests._support.node import NodeError
from tests._support.processes import FORK, Forked, HttpServer, ListeningProcess
from tests._support.running_agentos import running_agentos

Reports = Callable[[Spec], Report]


@pytest.fixture(scope="session")
def suite() -> None:
    """The suite is installed. Its absence fails the tests: a green run without it would mean nothing."""
    try:
        entry_point()
    except NodeError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def agentos() -> Iterator[str]:
    with running_agentos(pace=0.5) as url:
        yield url


@pytest.fixture(scope="session")
def real_reports(suite: None, agentos: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reports]:
    """Verdicts on the server as people run it."""
    with HttpServer("--url", agentos, command=FORK) as server:
        yield cache(lambda spec: run(server.url, spec, tmp_path_factory.mktemp(f"real-{spec}")))


@pytest.fixture(scope="session")
def fixture_reports(suite: None, agentos: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reports]:
    """Verdicts on the same server with the suite's fixtures added to it."""
    with ListeningProcess(agentos, command=Forked("tests._support.conformance_fixtures")) as server:
        yield cache(lambda spec: run(server.url, spec, tmp_path_factory.mktemp(f"fixtures-{spec}")))
