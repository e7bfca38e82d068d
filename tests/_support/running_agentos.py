"""AgentOSes that tests run, each in a fork of a process that has imported agno."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from agentos_mcp.demo.host_process import DEMO_BUILD_FUNCTION, PACE_VARIABLE
from tests._support.processes import PATIENCE, Forked, Process

HOST = Forked("agentos_mcp.demo.host_process", preload="agno")


@contextmanager
def running_agentos(
    *,
    build: str = DEMO_BUILD_FUNCTION,
    pace: float = 1.0,
    port: int = 0,
    db_file: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[str]:
    """As `demo_agentos`, which starts its process anew: yields the AgentOS's address, stops it on leaving."""
    arguments = ["--with-parent", "--port", str(port), "--build", build]
    if db_file is not None:
        arguments += ["--db", db_file]
    with Process(*arguments, command=HOST, given={**(environment or {}), PACE_VARIABLE: str(pace)}) as host:
        yield host.out.wait_for(bool, 2 * PATIENCE)
