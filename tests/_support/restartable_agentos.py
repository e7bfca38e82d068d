"""An AgentOS that tests kill and start again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class Host:
    """An AgentOS that can be killed and started again on the same port and database."""

    def __init__(self, db: Path, environment: Mapping[str, str] | None = None) -> None:
        self._db = db
        self._port = 0
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "agentos_mcp.demo.host_process",
            "--build",
            "tests._support.agentos.sample:build",
        ]
        command += ["--db", str(self._db), "--port", str(self._port), "--with-parent"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self._environment,
        )
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline().strip().rpartition(":")[2])

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(timeout=10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def host_at(db: Path, **environment: str) -> Iterator[Host]:
    host = Host(db, environment)
    host.start()
    try:
        yield host
    finally:
        host.kill()
