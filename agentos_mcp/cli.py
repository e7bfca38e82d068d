"""The commands and their parsers. What a command needs is imported when it runs: `serve` has to start fast."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from agentos_mcp import __version__
from agentos_mcp.agentos.broken_pipe import is_broken_pipe
from agentos_mcp.agentos.plain_text import PlainFormatter, one_line, strip_control_chars
from agentos_mcp.settings import OPTIONS, Settings, SettingsError, load, load_instances
from agentos_mcp.settings.options import without_address
from agentos_mcp.settings.settings import MissingExtraError
from agentos_mcp.terminal.error_output import print_error
from agentos_mcp.terminal.exit_codes import BROKEN_PIPE, INTERRUPTED, USAGE
from agentos_mcp.terminal.usage_errors import (
    Parser,
    UnknownFlag,
    UsageError,
    command_line,
    commands_with_flag,
    most_similar,
)

if TYPE_CHECKING:
    import argparse

_MAX_ERROR_LENGTH = 1500
"""Characters; an error repeats what was typed."""
_GARBAGE_THRESHOLDS = (20_000, 10, 10)
"""Python looks for garbage so often by default that a quarter of the time of many runs at once went into it."""


@dataclass(frozen=True)
class Command:
    """One command: its line in the overview, its arguments, and the function that runs it and returns the exit code."""

    summary: str
    add_arguments: Callable[[str, argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    description: str = ""

    def parser(self, name: str) -> Parser:
        """This command's parser alone: to build those of all commands would slow the start."""
        parser = Parser(prog=f"agentos-mcp {name}", description=self.description or _sentence(self.summary))
        self.add_arguments(name, parser)
        return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code (USAGE for an argument or a setting that is invalid)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        exit_code = _run_reporting_errors(words)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        if not is_broken_pipe(error, sys.stdout):
            raise
        # The reader, such as `head`, has what it wants.
        _discard_output()
        return BROKEN_PIPE
    return exit_code


def _run_reporting_errors(words: list[str]) -> int:
    try:
        return _run(words)
    except UsageError as error:
        return _print_error(words, error.message, error.hint, error.prog)
    except SettingsError as error:
        return _print_error(words, str(error), _settings_hint(error))
    except KeyboardInterrupt:
        if "--json" in words:
            from agentos_mcp.terminal.output import print_json

            print_json({"error": "Interrupted.", "next": ""})
        return INTERRUPTED


def _discard_output() -> None:
    """Send what is still buffered nowhere, or Python would complain about the broken pipe at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(words: list[str]) -> int:
    if words[:1] in (["-h"], ["--help"], ["help"]) or (not words and _is_interactive()):
        if words[:1] == ["help"] and len(words) > 1:
            return _run([*words[1:], "--help"])
        print(overview())
        return 0
    if words[:1] == ["--version"]:
        print(f"agentos-mcp {__version__}")
        return 0
    if words[:1] == ["__complete"]:
        return _complete(words[1:])
    names_command = bool(words) and not words[0].startswith("-")
    name, *rest = words if names_command else ["serve", *words]
    if (command := COMMANDS.get(name)) is None:
        raise _unknown_command(name, rest)
    try:
        options = command.parser(name).parse_args(rest)
    except UsageError as error:
        # Not before it was parsed: the value of a flag can be called like a command, as in `--expose agents`.
        if not names_command and (later := next((word for word in words if word in COMMANDS), "")):
            raise _command_after_flags(later, words) from None
        if isinstance(error, UnknownFlag):
            raise _flag_of_another_command(error, name, rest) from None
        raise
    options.command = name
    return command.run(options)


def _command_after_flags(name: str, words: list[str]) -> UsageError:
    position = words.index(name)
    line = command_line([name, *words[:position], *words[position + 1 :]])
    return UsageError("The command has to come first", f"Use `{line}`." if line else "")


def _unknown_command(name: str, rest: list[str]) -> UsageError:
    suggestion = most_similar(name, COMMANDS)
    meant = [suggestion, *rest]
    if rest and f"{name}s" in COMMANDS:
        # `agentos-mcp workflow pipeline tea`: with one word it is shown, with more it is run.
        meant = [f"{name}s", *rest] if len(rest) == 1 else ["run", name, *rest]
    line = command_line(meant) if rest else ""
    hint = (
        f"Did you mean {meant[0]}?{f' Use `{line}`.' if line else ''}"
        if suggestion
        else f"See {command_line(['--help'])}."
    )
    return UsageError(f"There is no command '{name}'", hint)


def _flag_of_another_command(error: UnknownFlag, name: str, rest: list[str]) -> UsageError:
    """The same error, with the commands that have the flag; the line where there is only one."""
    owners = commands_with_flag(
        error.flag, {other: partial(command.parser, other) for other, command in COMMANDS.items() if other != name}
    )
    if not owners:
        return error
    line = command_line([owners[0], *rest]) if len(owners) == 1 and error.flag in rest[:1] else ""
    hint = f"{error.flag} is a flag of {', '.join(owners)}. "
    return UsageError(error.message, hint + (f"Use `{line}`." if line else error.hint), error.prog)


def _is_interactive() -> bool:
    """Whether a person typed the bare command. A client starts it without a terminal: then it serves."""
    return _can_ask()


def _can_ask() -> bool:
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def _settings_hint(error: SettingsError) -> str:
    from agentos_mcp.settings.profiles import UnknownProfileError

    if isinstance(error, MissingExtraError):
        from agentos_mcp.install.own_package import install_command

        return f"Install it: {install_command(error.extra)}"
    return f"`{command_line(['use'])}` lists them." if isinstance(error, UnknownProfileError) else ""


def _print_error(words: Sequence[str], message: str, hint: str = "", prog: str = "agentos-mcp") -> int:
    message = one_line(message, max_length=_MAX_ERROR_LENGTH)
    print_error(message, hint, as_json="--json" in words, prog=prog)
    return USAGE


def overview() -> str:
    """The help of the program: all commands in groups, a line each."""
    width = max(map(len, COMMANDS)) + 2
    lines = [
        "usage: agentos-mcp COMMAND ...",
        "",
        "Run the agents, teams and workflows of any AgentOS, from this terminal or from an MCP client.",
    ]
    for title, commands in _GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:<{width}}{command.summary}" for name, command in commands.items())]
    return "\n".join(
        [
            *lines,
            "",
            "AgentOS is expected at http://localhost:7777; `agentos-mcp use URL` remembers another address.",
            "agentos-mcp COMMAND --help shows all arguments of a command. agentos-mcp doctor finds out what is wrong.",
            "agentos-mcp --version prints the version.",
        ]
    )


def build_full_parser() -> Parser:
    """The parser of all commands at once, for shell completion."""
    parser = Parser(prog="agentos-mcp")
    parser.add_argument("--version", action="version", version=f"agentos-mcp {__version__}", help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        subparser = commands.add_parser(name, help=command.summary, description=_sentence(command.summary))
        command.add_arguments(name, subparser)
    return parser


def _sentence(phrase: str) -> str:
    return f"{phrase[:1].upper()}{phrase[1:]}."


# Arguments and flags (those of the terminal's commands: terminal/command_flags.py)


def _add_settings_flags(parser: argparse.ArgumentParser) -> None:
    for option in OPTIONS:
        description = f"{option.description} [{', '.join(option.variables)}]"
        if option.switch:
            parser.add_argument(option.flag, dest=option.name, action="store_true", default=None, help=description)
        else:
            parser.add_argument(option.flag, dest=option.name, metavar=option.metavar, help=description)


def _add_serve_arguments(_: str, parser: argparse.ArgumentParser) -> None:
    from agentos_mcp.server.http.settings import add_http_options

    _add_settings_flags(parser)
    parser.add_argument("--demo", action="store_true", help="start the demo AgentOS and serve it")
    add_http_options(parser)


def _add_terminal_arguments(name: str, parser: argparse.ArgumentParser) -> None:
    from agentos_mcp.terminal.command_flags import add_arguments

    add_arguments(name, parser)


def _add_install_arguments(_: str, parser: argparse.ArgumentParser) -> None:
    import argparse

    from agentos_mcp.install.client_table import ALL, CLIENTS

    keys = [*(client.key for client in CLIENTS), ALL]
    parser.epilog = f"Clients: {', '.join(keys)} (every client found on this machine)."
    parser.add_argument("clients", nargs="+", choices=keys, metavar="CLIENT", help="MCP client to configure; see below")
    parser.add_argument("--name", help="name of the server in the client (default: agentos; to uninstall: every name)")
    parser.add_argument("--uninstall", action="store_true", help="remove the server from the client")
    parser.add_argument("--dry-run", action="store_true", help="show what would change without writing it")
    parser.add_argument("--no-verify", action="store_true", help="do not test the new configuration by starting it")
    parser.add_argument(
        "--token-env", default="", metavar="VARIABLE", help="environment variable from which the client takes the token"
    )
    parser.add_argument(
        "--remember",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="use the AgentOS of --url for the terminal's commands, too (default: you are asked)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document, for scripts")
    _add_settings_flags(parser)


def _add_use_arguments(_: str, parser: argparse.ArgumentParser) -> None:
    from agentos_mcp.terminal.command_flags import add_use_arguments

    add_use_arguments(parser)


def _add_doctor_arguments(_: str, parser: argparse.ArgumentParser) -> None:
    from agentos_mcp.terminal.command_flags import add_connection_flags

    parser.add_argument(
        "--run",
        nargs="?",
        const="",
        metavar="KIND:NAME",
        help="also run a component as a test: the first one, or the one named, such as agent:writer",
    )
    parser.add_argument("--fix", action="store_true", help="fix what can be fixed, after showing it, and check again")
    parser.add_argument("-y", "--yes", action="store_true", help="with --fix: do not ask before changing anything")
    add_connection_flags(parser)


def _add_demo_arguments(_: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic", nargs="?", default="", help="topic for the content pipeline to write about")
    parser.add_argument("--keep", action="store_true", help="keep the AgentOS running until Ctrl-C")
    parser.add_argument("--pace", type=float, default=1.0, help="factor for the demo's pauses; 0 for none (default: 1)")


def _add_completion_arguments(_: str, parser: argparse.ArgumentParser) -> None:
    import argparse

    from agentos_mcp.terminal.shell_completion import SETUP_LINES

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    lines = (f"  {line}" for line in SETUP_LINES.values())
    parser.epilog = "\n".join(["To set it up, in a new or an old home, then open a new shell:", *lines])
    parser.add_argument("shell", choices=tuple(SETUP_LINES), help="shell that the script is for")


# The commands


def _load_settings(
    options: argparse.Namespace,
    *names: str,
    use_profiles: bool = True,
    may_have_instances: bool = False,
    has_own_address: bool = True,
) -> Settings:
    """The settings from the flags of these names (default: all), the environment and the profile in use.

    Logging is set up by them. `may_have_instances`: several AgentOSes may be named. `has_own_address`: whether they say
    which AgentOS it is.
    """
    profiles = None
    if use_profiles:
        from agentos_mcp.settings.profiles import ProfileFile

        profiles = ProfileFile()
    names = names or tuple(option.name for option in OPTIONS)
    flags = {name: getattr(options, name, None) for name in names}
    environ: Mapping[str, str] = os.environ
    if not has_own_address:
        flags, environ = without_address(flags, environ)
    settings = (load_instances if may_have_instances else load)(flags, environ, profiles)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_log_formatter(settings))
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper())
    return settings


def _log_formatter(settings: Settings) -> logging.Formatter:
    if settings.log_format == "json":
        from agentos_mcp.agentos.log_format import JsonFormatter

        return JsonFormatter(secrets=settings.known_tokens)
    return PlainFormatter("%(levelname)s %(name)s: %(message)s", secrets=settings.known_tokens)


def _announce(settings: Settings, text: str) -> None:
    """Say that it serves, to whoever started it, whatever is logged."""
    if settings.log_format == "json":
        from agentos_mcp.agentos.log_format import json_line

        text = json_line("agentos_mcp", text)
    print(text, file=sys.stderr, flush=True)


def _serve(options: argparse.Namespace) -> int:
    # What is created at start stays: collecting garbage then would cost a tenth of the time.
    gc.disable()
    # What a client's entry says stands alone, and a demo is nobody's profile.
    is_told = bool(options.url or os.environ.get("AGENTOS_URL")) and not options.profile
    if options.demo:
        settings = _load_settings(options, use_profiles=False, has_own_address=False)
    else:
        settings = _load_settings(options, use_profiles=not is_told, may_have_instances=True)
    with contextlib.ExitStack() as stack:
        if options.demo:
            from agentos_mcp.demo.host_process import DemoError, demo_agentos

            try:
                settings = replace(settings, url=stack.enter_context(demo_agentos()))
            except DemoError as error:
                raise SettingsError(str(error)) from None
        return _serve_transport(options, settings)


def _serve_transport(options: argparse.Namespace, settings: Settings) -> int:
    from agentos_mcp.server.http.settings import http_settings

    http = http_settings(options, agentos=settings) if options.http else None
    import anyio

    prefetch = None
    if http is None and not settings.instances:
        from agentos_mcp.agentos.client import Limits
        from agentos_mcp.agentos.config_prefetch import prefetch_config

        prefetch = prefetch_config(settings.url, settings.token, Limits(read_seconds=settings.timeout))
    identities = None
    if http is not None and http.tells_callers_apart:
        from agentos_mcp.server.http.identity_modes import build_identity

        identities = build_identity(http, settings)
    from agentos_mcp.server.sdk_import import import_sdk

    import_sdk(serves_http=http is not None)
    from agentos_mcp.server.build import build_server

    server = build_server(settings, prefetch, identities=identities)
    gc.freeze()
    gc.set_threshold(*_GARBAGE_THRESHOLDS)
    gc.enable()
    if http is not None:
        from agentos_mcp.server.http.app import announcement, open_socket, serve_http

        listener = open_socket(http.host, http.port)
        _announce(settings, announcement(http, listener))
        anyio.run(serve_http, server, listener, http, identities)
        return 0

    from agentos_mcp.server.stdio import serve_stdio

    if sys.stdin.isatty():
        _announce(
            settings,
            "Serving MCP on standard input: an MCP client starts this command by itself. Press Ctrl-D to stop.",
        )
    return anyio.run(serve_stdio, server)


def _run_at_terminal(options: argparse.Namespace) -> int:
    from agentos_mcp.terminal.command_flags import CONNECTION_SETTINGS

    settings = _load_settings(options, *CONNECTION_SETTINGS)
    gc.disable()
    from agentos_mcp.terminal.dispatch import dispatch

    gc.freeze()
    gc.enable()
    return dispatch(options, settings)


def _use(options: argparse.Namespace) -> int:
    from agentos_mcp.agentos.errors import AgentOSError
    from agentos_mcp.terminal.dispatch import report_error
    from agentos_mcp.terminal.use_command import use

    try:
        return use(options)
    except AgentOSError as error:
        return report_error(error, options)


def _install(options: argparse.Namespace) -> int:
    from agentos_mcp.install.installation import install
    from agentos_mcp.install.launch_command import with_profile
    from agentos_mcp.settings.instances import config_in_use
    from agentos_mcp.settings.options import profile_in_use
    from agentos_mcp.settings.profiles import ProfileFile
    from agentos_mcp.terminal.output import agentos_data, print_agentos

    flags = {option.name: getattr(options, option.name) for option in OPTIONS}
    is_of_profile = not (options.uninstall or config_in_use(flags, os.environ))
    profile = profile_in_use(flags, os.environ, ProfileFile()) if is_of_profile else None
    if profile is not None:
        flags, options.token_env = with_profile(flags, options.token_env, profile)
    report = install(
        options.clients,
        name=options.name or "",
        flags=flags,
        token_variable=options.token_env,
        uninstall=options.uninstall,
        dry_run=options.dry_run,
        verify=not options.no_verify,
    )
    agentos = Settings(
        url=str(flags.get("url") or os.environ.get("AGENTOS_URL") or Settings.url).rstrip("/"),
        profile=profile.name if profile else "",
    )
    if not options.json:
        if not options.uninstall:
            print_agentos(agentos, report.agentos_name)
        print(strip_control_chars(str(report)))
    remembered: dict[str, object] = {} if options.uninstall else {"agentos": agentos_data(agentos)}
    if report.ok and not (options.uninstall or options.dry_run):
        from agentos_mcp.terminal.use_command import offer_to_remember

        remembered |= offer_to_remember(options, profile)
    if options.json:
        import json
        from dataclasses import asdict

        data = asdict(report)
        del data["agentos_name"]
        print(json.dumps({"ok": report.ok, **data, **remembered}, ensure_ascii=False))
    return 0 if report.ok else 1


def _doctor(options: argparse.Namespace) -> int:
    from agentos_mcp.doctor.diagnosis import diagnose
    from agentos_mcp.terminal.command_flags import CONNECTION_SETTINGS

    if options.fix and not options.yes and (options.json or not _can_ask()):
        raise UsageError("--fix has nobody to ask here", "Add --yes to change what can be fixed.", "agentos-mcp doctor")
    settings = _load_settings(options, *CONNECTION_SETTINGS)
    url_given = bool(options.url or os.environ.get("AGENTOS_URL") or settings.profile)
    if settings.profile and not options.json:
        from agentos_mcp.terminal.output import print_agentos

        print_agentos(settings)
    return diagnose(options, settings, url_given=url_given)


def _demo(options: argparse.Namespace) -> int:
    from agentos_mcp.demo.tour import run_tour

    return run_tour(options.topic, keep=options.keep, pace=options.pace)


def _complete(words: list[str]) -> int:
    """What the completion scripts ask: the values that may stand after these words."""
    from agentos_mcp.terminal.command_flags import CONNECTION_SETTINGS
    from agentos_mcp.terminal.value_completion import print_values

    parsers = {name: partial(command.parser, name) for name, command in COMMANDS.items()}
    return print_values(words, parsers, lambda options: _load_settings(options, *CONNECTION_SETTINGS))


def _completion(options: argparse.Namespace) -> int:
    from agentos_mcp.terminal.shell_completion import completion_script

    print(completion_script(build_full_parser(), options.shell))
    return 0


def _terminal_command(summary: str) -> Command:
    return Command(summary, _add_terminal_arguments, _run_at_terminal)


_GROUPS = {
    "AgentOS": {
        "use": Command(
            "remember an AgentOS, switch between those that are remembered, or list them",
            _add_use_arguments,
            _use,
            "Remember an AgentOS by its URL, so that every command speaks to it; or switch to one by its name. Without "
            "arguments the AgentOSes that are remembered are listed.",
        ),
    },
    "Components": {
        "agents": _terminal_command("list the agents, or show one of them"),
        "teams": _terminal_command("list the teams, or show one of them"),
        "workflows": _terminal_command("list the workflows, or show one of them"),
    },
    "Run": {
        "run": _terminal_command("run an agent, a team or a workflow and follow it"),
        "chat": _terminal_command("talk with an agent, a team or a workflow in one session"),
        "continue": _terminal_command("answer the questions of a paused run and follow it"),
        "inbox": _terminal_command("list what waits for an answer, and answer it; or watch for it"),
        "cancel": _terminal_command("cancel a run"),
    },
    "History and knowledge": {
        "runs": _terminal_command("list the latest runs; show, explain or follow one of them"),
        "view": _terminal_command("show a run, a trace, the figures, what waits or two runs as a page in the browser"),
        "compare": _terminal_command("compare two runs: what changed, and why one failed"),
        "sessions": _terminal_command("list the sessions, or show one of them"),
        "memories": _terminal_command("list the memories, or show one of them"),
        "knowledge": _terminal_command("search a knowledge base, add to it, or list its contents"),
        "traces": _terminal_command("list the traces, or show one of them"),
        "metrics": _terminal_command("show runs, tokens and users by day"),
    },
    "MCP clients": {
        "install": Command("add the server to the configurations of MCP clients", _add_install_arguments, _install),
        "serve": Command(
            "serve MCP (the default command)", _add_serve_arguments, _serve, "Serve MCP over stdio or streamable HTTP."
        ),
    },
    "More": {
        "doctor": Command("check what works and what does not, and how to fix it", _add_doctor_arguments, _doctor),
        "demo": Command(
            "start a demo AgentOS and run its content pipeline through MCP",
            _add_demo_arguments,
            _demo,
            "Start an AgentOS that needs no API key, run its content pipeline, and show how to register the server.",
        ),
        "completion": Command("print a shell completion script", _add_completion_arguments, _completion),
    },
}
COMMANDS = {name: command for commands in _GROUPS.values() for name, command in commands.items()}
"""All commands by name."""
