"""The environment in which clients run: a home of their own, and nothing but loopback within reach."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from pathlib import Path

from tests._support.node import node

_NOWHERE = "http://127.0.0.1:9"
"""A proxy that is not there, so that what a client wants from elsewhere fails at once."""


def loopback_environment(home: Path) -> dict[str, str]:
    """Nothing of this process's environment is in it: no credentials, no settings of the person who runs this."""
    proxies = {
        name: value
        for upper, value in (
            ("HTTP_PROXY", _NOWHERE),
            ("HTTPS_PROXY", _NOWHERE),
            ("ALL_PROXY", _NOWHERE),
            ("NO_PROXY", "127.0.0.1,localhost"),
        )
        for name in (upper, upper.lower())
    }
    temporary = home / "tmp"
    temporary.mkdir(exist_ok=True)
    return {
        **proxies,
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "PATH": f"{node().parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
    }


def end_leftover_processes(home: Path) -> None:
    """End what a client left running of itself: processes whose command line names this home."""
    listed = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, encoding="utf-8", errors="replace")
    for line in listed.stdout.splitlines():
        number, _, command = line.strip().partition(" ")
        if f"{home}/" in command and int(number) != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGTERM)
