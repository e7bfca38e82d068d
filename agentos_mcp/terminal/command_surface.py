"""How a person at a terminal is told of actions and parameters: as commands and flags that can be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from agentos_mcp.agentos.hints import Action, Parameter, Value

_Words = list[str]
_Command = Callable[[Mapping[str, Value]], _Words]


class CommandSurface:
    """Actions that have a command of their own; the others are not offered at a terminal."""

    def action(self, action: Action) -> str:
        command = _COMMANDS.get(action.name)
        return f"`{shlex.join(['agentos-mcp', *command(action.arguments)])}`" if command is not None else ""

    def parameter(self, parameter: Parameter) -> str:
        flag = f"--{parameter.name.replace('_', '-')}"
        return flag if parameter.value is None else f"{flag} {shlex.quote(str(parameter.value))}"


class LookupSurface(CommandSurface):
    """For somebody who wants to look at a component: one of another kind is looked at, not run."""

    def action(self, action: Action) -> str:
        verb, _, kind = action.name.partition("_")
        return super().action(Action(f"list_{kind}s", action.arguments) if verb == "run" else action)


def _run(kind: str) -> _Command:
    def words(arguments: Mapping[str, Value]) -> _Words:
        message = str(arguments.get("message", "TEXT"))
        return [
            "run",
            kind,
            _value(arguments, f"{kind}_id", "ID"),
            *_flags(arguments, "session_id", "user_id"),
            "-m",
            message,
        ]

    return words


def _list(command: str, *flags: str) -> _Command:
    return lambda arguments: [command, *_flags(arguments, *flags)]


def _one(command: str, name: str, placeholder: str, *last: str) -> _Command:
    return lambda arguments: [command, _value(arguments, name, placeholder), *last]


def _component(arguments: Mapping[str, Value]) -> _Words:
    return [f"{arguments.get('kind', 'agent')}s", _value(arguments, "id", "ID")]


def _session_runs(arguments: Mapping[str, Value]) -> _Words:
    return ["runs", "--session-id", _value(arguments, "session_id", "ID")]


def _value(arguments: Mapping[str, Value], name: str, placeholder: str) -> str:
    return str(arguments.get(name, placeholder))


def _flags(arguments: Mapping[str, Value], *names: str) -> _Words:
    flags = ((f"--{name.replace('_', '-')}", str(arguments[name])) for name in names if name in arguments)
    return [word for pair in flags for word in pair]


_COMMANDS: Mapping[str, _Command] = {
    "run_agent": _run("agent"),
    "run_team": _run("team"),
    "run_workflow": _run("workflow"),
    "list_agents": _list("agents"),
    "list_teams": _list("teams"),
    "list_workflows": _list("workflows"),
    "get_component": _component,
    "get_config": lambda _: ["agents", "--config"],
    "list_databases": lambda _: ["agents", "--config"],
    "list_runs": _list("runs", "kind", "status", "session_id", "user_id"),
    "list_session_runs": _session_runs,
    "get_run": _one("runs", "run", "RUN"),
    "explain_run": _one("runs", "run", "RUN", "--explain"),
    "continue_run": _one("continue", "run", "RUN"),
    "cancel_run": _one("cancel", "run", "RUN"),
    "list_sessions": _list("sessions", "kind", "user_id", "db_id"),
    "get_session": _one("sessions", "session_id", "ID"),
    "list_memories": _list("memories", "user_id", "db_id"),
    "get_memory": _one("memories", "memory_id", "ID"),
    "list_traces": _list("traces", "session_id", "db_id"),
    "get_trace": _one("traces", "id", "ID"),
    "search_knowledge": lambda _: ["knowledge", "search", "QUERY"],
    "add_knowledge": lambda _: ["knowledge", "add", "--file", "FILE"],
    "list_knowledge": lambda arguments: ["knowledge", "list", *_flags(arguments, "knowledge_id")],
}
