"""What the terminal's commands take. Nothing heavy is imported here."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from agentos_mcp.settings import OPTIONS

CONNECTION = ("url", "token", "token_file", "timeout", "log_level")
"""The settings that every command of the terminal takes."""
_EXIT_CODES = (
    "Exit code: 0 done, 1 failed (also where only a step failed), 2 given wrongly, 3 paused with nobody to ask, "
    "130 interrupted. Ctrl-C cancels the run; once more leaves it."
)
_KINDS = ("agent", "team", "workflow")


def declare(command: str, parser: argparse.ArgumentParser) -> None:
    """Add what a command of the terminal's takes to its parser."""
    if command == "knowledge":
        _knowledge(parser)  # each of its actions has its own connection
        return
    _DECLARED[command](parser)
    add_connection(parser)


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say where AgentOS is, and `--json`."""
    group = parser.add_argument_group("AgentOS")
    for option in OPTIONS:
        if option.name in CONNECTION:
            flags = [option.flag, "--base-url"] if option.name == "url" else [option.flag]
            words = f"{option.description} [{', '.join(option.variables)}]"
            group.add_argument(*flags, dest=option.name, metavar=option.metavar, help=words)
    parser.add_argument("--json", action="store_true", help="print one JSON document, for scripts")


def _components(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", default="", metavar="ID", help="id or name of the one to show in detail")
    parser.add_argument(
        "-c", "--config", action="store_true", help="show the whole AgentOS (with an ID: the same as without)"
    )


def _run(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EXIT_CODES
    parser.add_argument("kind", type=_singular, choices=_KINDS, metavar="KIND", help="agent, team or workflow")
    parser.add_argument(
        "name", nargs="?", default="", metavar="NAME", help="id or name; not needed where there is only one"
    )
    parser.add_argument(
        "-m", "--message", required=True, metavar="TEXT", help="the input; - reads it from standard input"
    )
    parser.add_argument("--session-id", default="", metavar="ID", help="go on in this session")
    parser.add_argument("--user-id", default="", metavar="ID", help="the user that it is run for")
    for name, about in (
        ("dependencies", "values for its instructions and tools"),
        ("session-state", "what the session starts with"),
        ("metadata", "kept with the run"),
        ("knowledge-filters", "which of its knowledge it may use"),
        ("factory-input", "what a factory builds it from"),
    ):
        parser.add_argument(f"--{name}", default="", metavar="JSON", help=f"{about}; a JSON object, or @FILE")
    parser.add_argument(
        "--output-schema", default="", metavar="FILE", help="a file with the JSON schema that the answer has to fit"
    )
    parser.add_argument(
        "--file", action="append", default=[], metavar="PATH", help="attach a file or a URL; may be repeated"
    )
    parser.add_argument(
        "--version", dest="component_version", type=_number(1), default=0, metavar="N", help="the component's version"
    )
    _streaming(parser)


def _continue(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EXIT_CODES
    parser.add_argument("run", metavar="RUN", help="run reference")
    parser.add_argument(
        "--answers", default="", metavar="JSON", help="answers by key, or @FILE; without it you are asked"
    )
    _streaming(parser)


def _cancel(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="run reference")


def _runs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", default="", metavar="RUN", help="run reference of the one to show")
    one = parser.add_mutually_exclusive_group()
    one.add_argument("-f", "--follow", action="store_true", help="watch that one until it ends")
    one.add_argument("--explain", action="store_true", help="what happened in that one, step by step")
    parser.add_argument(
        "--kind", type=_singular, choices=_KINDS, default="", help="only those of agents, teams or workflows"
    )
    parser.add_argument("--id", default="", metavar="ID", help="only those of this component (with --kind)")
    parser.add_argument("--session-id", default="", metavar="ID", help="only those of this session")
    parser.add_argument("--user-id", default="", metavar="ID", help="only those for this user")
    parser.add_argument(
        "--status", default="", metavar="STATUS", help="only running, paused, completed, cancelled or error"
    )
    _paged(parser, limit=10, pages=False)


def _sessions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", default="", metavar="ID", help="the session to show")
    parser.add_argument(
        "--kind", type=_singular, choices=_KINDS, default="", help="only those of agents, teams or workflows"
    )
    parser.add_argument("--name", default="", metavar="TEXT", help="only those with this in their name")
    parser.add_argument("--user-id", default="", metavar="ID", help="only those of this user")
    _database(parser)
    _paged(parser)


def _memories(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", default="", metavar="ID", help="the memory to show")
    parser.add_argument("--search", default="", metavar="TEXT", help="only those with this in them")
    parser.add_argument("--user-id", default="", metavar="ID", help="only those of this user")
    _database(parser)
    _paged(parser)


def _traces(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", default="", metavar="ID", help="trace id, or run reference, of one to show")
    parser.add_argument("--span-id", default="", metavar="ID", help="one span of it in full")
    parser.add_argument("--session-id", default="", metavar="ID", help="only those of this session")
    parser.add_argument("--errors", action="store_true", help="only those in which something failed")
    _database(parser)
    _paged(parser, pages=False)


def _knowledge(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    search = actions.add_parser("search", help="search a knowledge base", description="Search a knowledge base.")
    search.add_argument("query", metavar="QUERY", help="what to look for")
    search.add_argument("--max-results", type=_number(1, 50), default=5, metavar="N", help="at most so many (5)")
    search.add_argument("--filters", default="", metavar="JSON", help="by metadata; a JSON object, or @FILE")
    add = actions.add_parser(
        "add",
        help="add a text, a web page or a file",
        description="Add a text, a web page or a file, and wait until it is read.",
    )
    source = add.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", default="", metavar="TEXT", help="- reads it from standard input")
    source.add_argument("--from-url", default="", metavar="URL", help="AgentOS fetches it")
    source.add_argument("--file", default="", metavar="PATH", help="a file of this machine")
    add.add_argument("--name", default="", metavar="NAME", help="what it is called there")
    add.add_argument("--description", default="", metavar="TEXT", help="what it is about")
    add.add_argument("--metadata", default="", metavar="JSON", help="to filter by; a JSON object, or @FILE")
    contents = actions.add_parser(
        "list", help="list what a knowledge base holds", description="List what a knowledge base holds."
    )
    _paged(contents)
    for action in (search, add, contents):
        action.add_argument(
            "--knowledge-id", default="", metavar="ID", help="id or name; needed where there are several"
        )
        add_connection(action)


def _streaming(parser: argparse.ArgumentParser) -> None:
    stream = parser.add_mutually_exclusive_group()
    stream.add_argument("-s", "--stream", action="store_true", help="show the answer as it comes (the default)")
    stream.add_argument("--no-stream", action="store_true", help="show the answer when it is whole")


def _database(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--db-id", default="", metavar="ID", help="needed where there are several databases")


def _paged(parser: argparse.ArgumentParser, *, limit: int = 20, pages: bool = True) -> None:
    parser.add_argument("--limit", type=_number(1, 100), default=limit, metavar="N", help=f"at most so many ({limit})")
    if pages:
        parser.add_argument("--page", type=_number(1), default=1, metavar="N", help="which page of them")


def _singular(kind: str) -> str:
    return kind.removesuffix("s")


def _number(least: int, most: int = 1_000_000) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no number from {least} to {most}" if most < 1_000_000 else f"{text!r} is no number"
            )
        return int(text)

    return number


_DECLARED: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "agents": _components,
    "teams": _components,
    "workflows": _components,
    "run": _run,
    "continue": _continue,
    "cancel": _cancel,
    "runs": _runs,
    "sessions": _sessions,
    "memories": _memories,
    "traces": _traces,
}
