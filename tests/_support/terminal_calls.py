"""Commands invoked as a script does: no terminal, their output read as a whole."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests._support.fork_server import can_fork, fork_server
from tests._support.processes import MODULE, PATIENCE, environment

AGENTOS_LINE = re.compile(r"^AgentOS: (.+)\n", re.MULTILINE)
"""On standard error, before the first request."""


@dataclass(frozen=True)
class CommandResult:
    """A command's exit code and output."""

    exit_code: int
    stdout: str
    stderr: str
    """Without the line that names the AgentOS."""
    agentos: str = ""
    """The AgentOS that the command spoke to, as standard error names it."""

    @property
    def json(self) -> Any:
        """Standard output, which has to be one JSON document."""
        return json.loads(self.stdout)

    @property
    def reference(self) -> str:
        """The run reference at the end of standard error."""
        return self.stderr.rpartition("run: ")[2].split()[0]


def invoke(url: str, *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None) -> CommandResult:
    """Run a command against the AgentOS at that address."""
    variables = environment({"AGENTOS_URL": url, **(env or {})})
    if can_fork(env):
        result = fork_server("package").run("agentos_mcp", arguments, variables, stdin.encode(), PATIENCE)
    else:
        result = subprocess.run(
            [*MODULE, *arguments], input=stdin.encode(), capture_output=True, env=variables, timeout=PATIENCE
        )
    stdout, stderr = (output.decode().replace("\r\n", "\n") for output in (result.stdout, result.stderr))
    assert "Traceback" not in stderr, stderr
    named = AGENTOS_LINE.search(stderr)
    return CommandResult(result.returncode, stdout, AGENTOS_LINE.sub("", stderr, count=1), named[1] if named else "")


def invoke_ok(url: str, *arguments: str, stdin: str = "") -> CommandResult:
    """Run a command that has to succeed."""
    result = invoke(url, *arguments, stdin=stdin)
    assert result.exit_code == 0, result
    return result


def start_command(url: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a command with its output in pipes, and do not wait for it."""
    return subprocess.Popen(
        [*MODULE, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        env=environment({"AGENTOS_URL": url}),
    )
