"""An AgentOS that tests kill and start again."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests._support.processes import PATIENCE, Process
from tests._support.running_agentos import HOST


class Host:
    """An AgentOS that can be killed and started again on the same port and database."""

    def __init__(
        self,
        db: Path,
        environment: Mapping[str, str] | None = None,
        build: str = "tests._support.agentos.sample:build",
    ) -> None:
        self._db = db
        self._build = build
        self._port = 0
        self._environment = environment
        self._process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        arguments = ["--build", self._build, "--db", str(self._db)]
        arguments += ["--port", str(self._port), "--with-parent"]
        self._process = Process(*arguments, command=HOST, given=self._environment)
        self._port = int(self._process.out.wait_for(bool, 2 * PATIENCE).rpartition(":")[2])

    def kill(self) -> None:
        assert self._process is not None
        self._process.signal(signal.SIGKILL)
        self._process.__exit__(None, None, None)


@contextmanager
def host_at(db: Path, **environment: str) -> Iterator[Host]:
    host = Host(db, environment)
    host.start()
    try:
        yield host
    finally:
        host.kill()
