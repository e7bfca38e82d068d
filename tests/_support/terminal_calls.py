"""Commands as a script calls them: no terminal, their output read as a whole."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests._support.command_server import Completed, command_server
from tests._support.processes import MODULE, PATIENCE, environment


@dataclass(frozen=True)
class Ended:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which has to be one JSON document."""
        return json.loads(self.out)

    @property
    def reference(self) -> str:
        """The run reference that it told."""
        return self.err.rpartition("run: ")[2].split()[0]


def call(url: str, *arguments: str, stdin: str = "", given: Mapping[str, str] | None = None) -> Ended:
    """Run a command against the AgentOS at that address."""
    everything = environment({"AGENTOS_URL": url, **(given or {})})
    if not hasattr(os, "fork") or any(name.startswith("PYTHON") for name in given or ()):
        ended = subprocess.run(
            [*MODULE, *arguments], input=stdin.encode(), capture_output=True, env=everything, timeout=PATIENCE
        )
        completed = Completed(ended.returncode, ended.stdout, ended.stderr)
    else:
        completed = command_server().run(arguments, everything, stdin.encode(), PATIENCE)
    out, err = (text.decode().replace("\r\n", "\n") for text in (completed.out, completed.err))
    assert "Traceback" not in err, err
    return Ended(completed.code, out, err)


def done(url: str, *arguments: str, stdin: str = "") -> Ended:
    """The same, of a command that has to succeed."""
    ended = call(url, *arguments, stdin=stdin)
    assert ended.code == 0, ended
    return ended


def started(url: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A command that is running, with what it says in pipes."""
    return subprocess.Popen(
        [*MODULE, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=environment({"AGENTOS_URL": url}),
    )
