"""What fixes a finding, as data: commands and settings, written as lines of the shell when they are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.program_name import program_words


@dataclass(frozen=True)
class AgentOSMCPCommand:
    """A command of agentos-mcp, such as `install cursor`."""

    arguments: tuple[str, ...]

    def render(self, system: HostSystem) -> str:
        return system.shell_line(self.command_line(system))

    def command_line(self, system: HostSystem) -> list[str]:
        return [*program_words(search_path=system.environment.get("PATH")), *self.arguments]

    def as_data(self, system: HostSystem) -> dict[str, Any]:
        return {"command": self.command_line(system)}


@dataclass(frozen=True)
class OtherCommand:
    """A command of another program."""

    arguments: tuple[str, ...]

    def render(self, system: HostSystem) -> str:
        return system.shell_line(self.arguments)

    def as_data(self, _: HostSystem) -> dict[str, Any]:
        return {"command": list(self.arguments)}


@dataclass(frozen=True)
class SetVariable:
    """An environment variable that has to be set."""

    variable: str
    value: str

    def render(self, system: HostSystem) -> str:
        if system.platform == "win32":
            return f'$env:{self.variable} = "{self.value}"'
        return f"export {self.variable}={self.value}"

    def as_data(self, _: HostSystem) -> dict[str, Any]:
        return {"set": {self.variable: self.value}}


@dataclass(frozen=True)
class UnsetVariables:
    """Environment variables that have to be removed."""

    variables: tuple[str, ...]

    def render(self, system: HostSystem) -> str:
        if system.platform == "win32":
            return " ".join(["Remove-Item", *(f"Env:{variable}" for variable in self.variables)])
        return " ".join(["unset", *self.variables])

    def as_data(self, _: HostSystem) -> dict[str, Any]:
        return {"unset": list(self.variables)}


@dataclass(frozen=True)
class InstallEntry:
    """Installs a client's entry again, with settings of `serve` by option name; no secret is among them."""

    client_key: str
    name: str
    flags: tuple[tuple[str, str | bool], ...]


@dataclass(frozen=True)
class RestrictPermissions:
    """Lets only its owner read a file."""

    path: Path


AutomaticFix = InstallEntry | RestrictPermissions
"""What `--fix` does; `automatic_fixes.py` shows and applies it."""


Action = AgentOSMCPCommand | OtherCommand | SetVariable | UnsetVariables


@dataclass(frozen=True)
class FixStep:
    """One step: what a person does, what they run or set, or both."""

    instruction: str = ""
    action: Action | None = None

    def render(self, system: HostSystem) -> str:
        action = self.action.render(system) if self.action else ""
        return ": ".join(part for part in (self.instruction, action) if part)

    def as_data(self, system: HostSystem) -> dict[str, Any]:
        action = self.action.as_data(system) if self.action else {}
        return {"text": self.render(system), "instruction": self.instruction, **action}

    def mapped(self, change: Callable[[str], str]) -> FixStep:
        """The step with each of its texts changed."""
        return FixStep(change(self.instruction), _mapped(self.action, change))


def _mapped(action: Action | None, change: Callable[[str], str]) -> Action | None:
    match action:
        case AgentOSMCPCommand() | OtherCommand():
            return replace(action, arguments=tuple(map(change, action.arguments)))
        case SetVariable():
            return replace(action, value=change(action.value))
        case _:
            return action


Fix = tuple[FixStep, ...]


def run_command(instruction: str, *arguments: str) -> FixStep:
    """The step that runs a command of agentos-mcp."""
    return FixStep(instruction, AgentOSMCPCommand(arguments))


def set_variable(instruction: str, variable: str, value: str) -> FixStep:
    return FixStep(instruction, SetVariable(variable, value))


def from_hint(error: AgentOSError, surface: CommandSurface, *otherwise: FixStep) -> Fix:
    """The error's own hint; other steps where it has none."""
    hint = one_line(error.hint.render(surface))
    return (FixStep(hint),) if hint else otherwise
