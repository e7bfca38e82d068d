"""The commands. What a command needs is imported when it runs: `serve` has to start fast."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agentos_mcp import __version__
from agentos_mcp.agentos.plain_text import PlainFormatter, one_line, strip_control_chars
from agentos_mcp.settings import OPTIONS, Settings, SettingsError, load
from agentos_mcp.terminal.argparse_errors import USAGE, Parser, UsageError, near

if TYPE_CHECKING:
    import argparse

INTERRUPTED = 130
_LONGEST_REFUSAL = 1500


@dataclass(frozen=True)
class Command:
    """One command: a line about it, what it takes, and what it does (its exit code)."""

    about: str
    declare: Callable[[str, argparse.ArgumentParser], None]
    do: Callable[[argparse.Namespace], int]
    description: str = ""

    def parser(self, name: str) -> Parser:
        """Only this command's parser: the others are not made before they are asked for."""
        parser = Parser(prog=f"agentos-mcp {name}", description=self.description or _sentence(self.about))
        self.declare(name, parser)
        return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code (2 for a setting or an argument that cannot be used)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _main(given)
    except UsageError as error:
        return _refused(given, error.message, error.hint, error.prog)
    except SettingsError as error:
        return _refused(given, str(error))
    except KeyboardInterrupt:
        if "--json" in given:
            print('{"error": "Interrupted.", "next": ""}')
        return INTERRUPTED


def _main(given: list[str]) -> int:
    if given[:1] in (["-h"], ["--help"], ["help"]) or (not given and _a_person_asks()):
        if given[:1] == ["help"] and len(given) > 1:
            return _main([*given[1:], "--help"])
        print(overview())
        return 0
    if given[:1] == ["--version"]:
        print(f"agentos-mcp {__version__}")
        return 0
    if not given or given[0].startswith("-"):
        if stray := next((word for word in given if word in COMMANDS), ""):
            raise UsageError("the command comes first", f"Try agentos-mcp {stray} with the flags after it.")
        given = ["serve", *given]
    name, *rest = given
    if (command := COMMANDS.get(name)) is None:
        meant = near(name, COMMANDS)
        raise UsageError(
            f"there is no command '{name}'", f"Did you mean {meant}?" if meant else "See agentos-mcp --help."
        )
    options = command.parser(name).parse_args(rest)
    options.command = name
    return command.do(options)


def _a_person_asks() -> bool:
    """Whether the bare command was typed by a person. A client starts it without a terminal: then it serves."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()


def _refused(given: Sequence[str], message: str, hint: str = "", prog: str = "agentos-mcp") -> int:
    # What was given is echoed in it.
    message = one_line(message, max_length=_LONGEST_REFUSAL)
    if "--json" in given:
        import json

        print(json.dumps({"error": message, "next": hint}))
    print(strip_control_chars(f"{prog}: {message} {hint}".rstrip()), file=sys.stderr)
    return USAGE


def overview() -> str:
    """What there is, for people."""
    width = max(map(len, COMMANDS)) + 2
    lines = [
        "usage: agentos-mcp COMMAND ...",
        "",
        "Run the agents, teams and workflows of any AgentOS, from here or from an MCP client.",
    ]
    for title, commands in _GROUPS.items():
        lines += ["", f"{title}:", *(f"  {name:<{width}}{command.about}" for name, command in commands.items())]
    return "\n".join(
        [
            *lines,
            "",
            "AgentOS is looked for at http://localhost:7777; --url URL or AGENTOS_URL says where else.",
            "agentos-mcp COMMAND --help tells all that a command takes, and agentos-mcp doctor what may be wrong.",
        ]
    )


def whole_parser() -> Parser:
    """The parser of all commands at once, for completion."""
    parser = Parser(prog="agentos-mcp")
    parser.add_argument("--version", action="version", version=f"agentos-mcp {__version__}", help="tell the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, command in COMMANDS.items():
        command.declare(name, commands.add_parser(name, help=command.about, description=_sentence(command.about)))
    return parser


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


# What the commands take


def _declare_settings(parser: argparse.ArgumentParser) -> None:
    for option in OPTIONS:
        description = f"{option.description} [{', '.join(option.variables)}]"
        if option.switch:
            parser.add_argument(option.flag, dest=option.name, action="store_true", default=None, help=description)
        else:
            parser.add_argument(option.flag, dest=option.name, metavar=option.metavar, help=description)


def _declare_serve(_: str, parser: argparse.ArgumentParser) -> None:
    from agentos_mcp.server.http.settings import add_http_options

    _declare_settings(parser)
    parser.add_argument("--demo", action="store_true", help="serve the embedded demo AgentOS")
    add_http_options(parser)


def _declare_terminal(name: str, parser: argparse.ArgumentParser) -> None:
    from agentos_mcp.terminal.command_parsers import declare

    declare(name, parser)


def _declare_install(_: str, parser: argparse.ArgumentParser) -> None:
    from agentos_mcp.install.client_table import ALL, CLIENTS

    keys = [*(client.key for client in CLIENTS), ALL]
    parser.epilog = f"Clients: {', '.join(keys)} (those that are found here)."
    parser.add_argument("clients", nargs="+", choices=keys, metavar="CLIENT", help="where to add it; see below")
    parser.add_argument("--name", help="name of the entry (default: agentos)")
    parser.add_argument("--uninstall", action="store_true", help="remove it again")
    parser.add_argument("--dry-run", action="store_true", help="show what would change, and write nothing")
    parser.add_argument("--no-verify", action="store_true", help="do not start the new entry to test it")
    parser.add_argument(
        "--token-env", default="", metavar="VARIABLE", help="environment variable in which the client finds the token"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document, for scripts")
    _declare_settings(parser)


def _declare_doctor(_: str, parser: argparse.ArgumentParser) -> None:
    from agentos_mcp.terminal.command_parsers import add_connection

    parser.add_argument(
        "--run",
        nargs="?",
        const="",
        metavar="KIND:NAME",
        help="also run a component as a test: the first one, or this one, such as agent:writer",
    )
    add_connection(parser)


def _declare_demo(_: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("topic", nargs="?", default="", help="what the pipeline should write about")
    parser.add_argument("--keep", action="store_true", help="leave the AgentOS running to try things out")
    parser.add_argument("--pace", type=float, default=1.0, help="multiplies its pauses; 0 for none (default: 1)")


def _declare_completion(_: str, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish", "tcsh"), help="which shell's script to print")


# What the commands do


def _settings(options: argparse.Namespace, *names: str) -> Settings:
    """The settings that a command's flags (those of these names, or all) and the environment give."""
    asked = names or tuple(option.name for option in OPTIONS)
    settings = load({name: getattr(options, name, None) for name in asked})
    formatter = PlainFormatter("%(levelname)s %(name)s: %(message)s", secrets=settings.token.known)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper())
    return settings


def _serve(options: argparse.Namespace) -> int:
    # Nothing made while starting is ever garbage: not looking for any saves a tenth of the time.
    gc.disable()
    settings = _settings(options)
    with contextlib.ExitStack() as stack:
        if options.demo:
            from agentos_mcp.demo.host_process import DemoError, demo_agentos

            try:
                settings = replace(settings, url=stack.enter_context(demo_agentos()))
            except DemoError as error:
                raise SettingsError(str(error)) from None
        return _serve_over(options, settings)


def _serve_over(options: argparse.Namespace, settings: Settings) -> int:
    from agentos_mcp.server.http.settings import http_settings

    over_http = http_settings(options) if options.http else None
    import anyio

    from agentos_mcp.server.build import build_server

    server = build_server(settings)
    gc.freeze()
    gc.enable()
    if over_http:
        from agentos_mcp.server.http.app import announcement, open_socket, serve_http

        listener = open_socket(over_http.host, over_http.port)
        print(announcement(over_http, listener), file=sys.stderr, flush=True)
        anyio.run(serve_http, server, listener, over_http)
        return 0

    from agentos_mcp.server.stdio import serve_stdio

    if sys.stdin.isatty():
        print("Serving MCP on standard input, for a client that starts this. Ctrl-D ends it.", file=sys.stderr)
    return anyio.run(serve_stdio, server)


def _at_the_terminal(options: argparse.Namespace) -> int:
    from agentos_mcp.terminal.command_parsers import CONNECTION

    settings = _settings(options, *CONNECTION)
    gc.disable()
    from agentos_mcp.terminal.dispatch import do

    gc.freeze()
    gc.enable()
    return do(options, settings)


def _install(options: argparse.Namespace) -> int:
    from agentos_mcp.install.installation import DEFAULT_ENTRY_NAME, install

    report = install(
        options.clients,
        name=options.name or DEFAULT_ENTRY_NAME,
        flags={option.name: getattr(options, option.name) for option in OPTIONS},
        token_variable=options.token_env,
        uninstall=options.uninstall,
        dry_run=options.dry_run,
        verify=not options.no_verify,
    )
    if options.json:
        import json
        from dataclasses import asdict

        print(json.dumps({"ok": report.ok, **asdict(report)}, ensure_ascii=False))
    else:
        print(strip_control_chars(str(report)))
    return 0 if report.ok else 1


def _doctor(options: argparse.Namespace) -> int:
    from agentos_mcp.doctor.diagnosis import diagnose
    from agentos_mcp.terminal.command_parsers import CONNECTION

    url_given = bool(options.url or os.environ.get("AGENTOS_URL"))
    return diagnose(options, _settings(options, *CONNECTION), url_given=url_given)


def _demo(options: argparse.Namespace) -> int:
    from agentos_mcp.demo.tour import show

    return show(options.topic, keep=options.keep, pace=options.pace)


def _completion(options: argparse.Namespace) -> int:
    from agentos_mcp.terminal.shell_completion import script

    print(script(whole_parser(), options.shell))
    return 0


def _for_people(about: str) -> Command:
    return Command(about, _declare_terminal, _at_the_terminal)


_GROUPS = {
    "See what there is": {
        "agents": _for_people("list the agents, or show one"),
        "teams": _for_people("list the teams, or show one"),
        "workflows": _for_people("list the workflows, or show one"),
    },
    "Run it": {
        "run": _for_people("run an agent, a team or a workflow and watch it"),
        "continue": _for_people("answer what a paused run asks, and watch it go on"),
        "cancel": _for_people("cancel a run"),
    },
    "Look back": {
        "runs": _for_people("list the latest runs, show one, or watch one that is going"),
        "sessions": _for_people("list the sessions, or show one"),
        "memories": _for_people("list the memories, or show one"),
        "knowledge": _for_people("search a knowledge base, add to it, or list it"),
        "traces": _for_people("list the traces of runs, or show one"),
    },
    "Use it from MCP clients": {
        "install": Command("add it to the configurations of MCP clients", _declare_install, _install),
        "serve": Command(
            "serve MCP (the default command)", _declare_serve, _serve, "Serve MCP over stdio or streamable HTTP."
        ),
    },
    "More": {
        "doctor": Command("check what works, what does not, and how to fix it", _declare_doctor, _doctor),
        "demo": Command(
            "start a demo AgentOS and run its content pipeline through MCP",
            _declare_demo,
            _demo,
            "Start an AgentOS that needs no key, run its content pipeline, show how to register the server.",
        ),
        "completion": Command("print a script that completes commands in a shell", _declare_completion, _completion),
    },
}
COMMANDS = {name: command for commands in _GROUPS.values() for name, command in commands.items()}
"""All commands by name."""
