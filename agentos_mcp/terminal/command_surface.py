"""How a person at a terminal is told of actions and parameters: as commands and flags that can be pasted."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from agentos_mcp.agentos.hints import TOKEN_KINDS, Action, Page, Parameter, Setting, Value
from agentos_mcp.terminal.program_name import PROGRAM, program_words

_CONNECTION_FLAGS = ("url", "profile", "token_file")
"""The settings that the next command needs as well. A token is not repeated: it would be printed."""

_Words = list[str]
_CommandBuilder = Callable[[Mapping[str, Value]], _Words]


class CommandSurface:
    """Writes actions as commands; an action without a command is not offered at a terminal.

    `program` are the words that start this program, `connection_flags` those that say which AgentOS: they stand at the
    end of every command.
    """

    def __init__(self, program: Sequence[str] = (PROGRAM,), connection_flags: Sequence[str] = ()) -> None:
        self._program = tuple(program)
        self.connection_flags = tuple(connection_flags)

    @classmethod
    def of(cls, options: argparse.Namespace) -> Self:
        """The surface for the answers to a command: what follows is about the same AgentOS."""
        given = ((name, getattr(options, name, None)) for name in _CONNECTION_FLAGS)
        flags = [word for name, value in given if value for word in (f"--{name.replace('_', '-')}", str(value))]
        return cls(program_words(), flags)

    def command_line(self, *words: str) -> str:
        """The line to paste that runs this program with these words, quoted for a shell."""
        return shlex.join([*self._program, *words, *self.connection_flags])

    def action(self, action: Action) -> str:
        build_command = _COMMANDS.get(action.name)
        return f"`{self.command_line(*build_command(action.arguments))}`" if build_command is not None else ""

    def parameter(self, parameter: Parameter) -> str:
        flag = f"--{parameter.name.replace('_', '-')}"
        return flag if parameter.value is None else f"{flag} {shlex.quote(str(parameter.value))}"

    def setting(self, setting: Setting) -> str:
        if setting.name == "url":
            return f"say where it runs: `{shlex.join([*self._program, 'use', 'URL'])}`"
        if file := self._token_file:
            return f"write {TOKEN_KINDS} into {shlex.quote(file)}"
        line = shlex.join([*self._program, "use", setting.agentos_url or "URL", "--token-file", "PATH"])
        return f"write {TOKEN_KINDS} into a file that only you can read, then `{line}`"

    def page(self, page: Page) -> str:
        return ""

    def for_client(self, _: str, *, opens_pages: bool = False) -> Self:
        return self

    @property
    def _token_file(self) -> str:
        pairs = zip(self.connection_flags, self.connection_flags[1:], strict=False)
        return next((value for flag, value in pairs if flag == "--token-file"), "")


def _run(kind: str) -> _CommandBuilder:
    def build(arguments: Mapping[str, Value]) -> _Words:
        message = str(arguments.get("message", "TEXT"))
        return [
            "run",
            kind,
            _value(arguments, f"{kind}_id", "ID"),
            *_flags(arguments, "session_id", "user_id"),
            "-m",
            message,
        ]

    return build


def _list(command: str, *flags: str) -> _CommandBuilder:
    return lambda arguments: [command, *_flags(arguments, *flags)]


def _show(command: str, parameter: str, placeholder: str, *flags: str) -> _CommandBuilder:
    return lambda arguments: [command, _value(arguments, parameter, placeholder), *flags]


def _show_component(arguments: Mapping[str, Value]) -> _Words:
    return [f"{arguments.get('kind', 'agent')}s", _value(arguments, "id", "ID")]


def _list_session_runs(arguments: Mapping[str, Value]) -> _Words:
    return ["runs", "--session-id", _value(arguments, "session_id", "ID")]


def _value(arguments: Mapping[str, Value], name: str, placeholder: str) -> str:
    return str(arguments.get(name, placeholder))


def _flags(arguments: Mapping[str, Value], *names: str) -> _Words:
    flags = ((f"--{name.replace('_', '-')}", str(arguments[name])) for name in names if name in arguments)
    return [word for flag in flags for word in flag]


_COMMANDS: Mapping[str, _CommandBuilder] = {
    "run_agent": _run("agent"),
    "run_team": _run("team"),
    "run_workflow": _run("workflow"),
    "list_agents": _list("agents"),
    "list_teams": _list("teams"),
    "list_workflows": _list("workflows"),
    "get_component": _show_component,
    "get_config": lambda _: ["agents", "--config"],
    "list_databases": lambda _: ["agents", "--config"],
    "list_runs": _list("runs", "kind", "status", "session_id", "user_id", "since", "until"),
    "list_session_runs": _list_session_runs,
    "get_run": _show("runs", "run", "RUN"),
    "explain_run": _show("runs", "run", "RUN", "--explain"),
    "compare_runs": lambda arguments: [
        "compare",
        *(str(arguments[name]) for name in ("run_a", "run_b") if name in arguments),
    ],
    "list_pending": _list("inbox", "user_id"),
    "continue_run": _show("continue", "run", "RUN"),
    "cancel_run": _show("cancel", "run", "RUN"),
    "list_sessions": _list("sessions", "kind", "user_id", "since", "until", "db_id"),
    "get_session": _show("sessions", "session_id", "ID"),
    "list_memories": _list("memories", "user_id", "db_id"),
    "get_memory": _show("memories", "memory_id", "ID"),
    "list_traces": _list("traces", "session_id", "since", "until", "order", "db_id"),
    "get_trace": _show("traces", "id", "ID"),
    "get_metrics": _list("metrics", "since", "until", "user_id", "db_id"),
    "search_knowledge": lambda _: ["knowledge", "search", "QUERY"],
    "add_knowledge": lambda _: ["knowledge", "add", "--file", "FILE"],
    "list_knowledge": lambda arguments: ["knowledge", "list", *_flags(arguments, "knowledge_id")],
}
