"""How a mending command is written, so that it can be copied and works in the shell that `doctor` runs in."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from agentos_mcp.install.host_system import System
from agentos_mcp.install.server_command import server_command


def own_command(system: System, *arguments: str) -> str:
    """A command of agentos-mcp's: by its name where the shell finds this very one, else by its path."""
    command = server_command(system)
    found = shutil.which("agentos-mcp", path=system.environment.get("PATH", ""))
    if len(command) == 1 and found and Path(found).resolve() == Path(command[0]).resolve():
        command = ["agentos-mcp"]
    return shell_line(system, [*command, *arguments])


def shell_line(system: System, command: Sequence[str]) -> str:
    return subprocess.list2cmdline(command) if system.platform == "win32" else shlex.join(command)


def set_variable_command(system: System, variable: str, value: str) -> str:
    """How a shell is told a variable."""
    if system.platform == "win32":
        return f'$env:{variable} = "{value}"'
    return f"export {variable}={value}"
