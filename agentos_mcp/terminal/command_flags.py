"""The arguments and flags of the terminal's commands. Nothing heavy is imported here."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from agentos_mcp.settings import OPTIONS
from agentos_mcp.terminal.run_words import KINDS, check_chat_words, check_run_words, singular

CONNECTION_SETTINGS = ("url", "profile", "token", "token_file", "timeout", "log_level")
"""The settings that every command of the terminal takes."""
STATUSES = ("running", "waiting", "completed", "cancelled", "failed")
"""Those of runs that --status is completed with; AgentOS's own and their synonyms are taken, too."""
_EXIT_CODES = (
    "Exit code: 0 done, 1 failed (also if only a step failed), 2 invalid command line, 3 paused with nobody to ask, "
    "130 interrupted. Ctrl-C cancels the run; a second Ctrl-C leaves without waiting for it."
)
_RUN_HELP = "run reference, the beginning of a run's id, or last for the latest run"
_NO_MAXIMUM = 1_000_000


def add_arguments(command: str, parser: argparse.ArgumentParser) -> None:
    """Add the arguments and flags of one of the terminal's commands to its parser."""
    if command == "knowledge":
        _add_knowledge_arguments(parser)  # each of its actions has connection flags of its own
    else:
        _ARGUMENTS[command](parser)
        add_connection_flags(parser)
    lines = "\n".join(f"  {line}" for line in _EXAMPLES.get(command, ()))
    parser.formatter_class = _EpilogAsWritten
    parser.epilog = "\n\n".join(filter(None, [f"Examples:\n{lines}\n" if lines else "", parser.epilog or ""]))


def add_connection_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say where AgentOS is, and `--json`."""
    group = parser.add_argument_group("AgentOS")
    for option in OPTIONS:
        if option.name in CONNECTION_SETTINGS:
            flags = [option.flag, "--base-url"] if option.name == "url" else [option.flag]
            description = f"{option.description} [{', '.join(option.variables)}]"
            group.add_argument(*flags, dest=option.name, metavar=option.metavar, help=description)
    parser.add_argument("--json", action="store_true", help="print one JSON document, for scripts")


def _add_component_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", default="", metavar="ID", help="id or name of a component to show in detail")
    parser.add_argument(
        "-c",
        "--config",
        action="store_true",
        help="show the whole AgentOS: version, databases, all components (has no effect with an ID)",
    )


def _add_run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [KIND] [NAME] [MESSAGE] [FLAGS]"
    parser.epilog = (
        "KIND (agent, team or workflow) may be left out where only one component has that name, and NAME where there "
        f"is only one of that kind. Without a message, standard input is the message.\n\n{_EXIT_CODES}"
    )
    parser.set_defaults(check_arguments=check_run_words)
    parser.add_argument(
        "words",
        nargs="*",
        metavar="KIND NAME MESSAGE",
        help="agent, team or workflow; id or name of the component; the message: each in quotes if it has spaces",
    )
    parser.add_argument(
        "-m", "--message", metavar="TEXT", help="the message, if it is no word; - reads it from standard input"
    )
    parser.add_argument("--session-id", "--session", default="", metavar="ID", help="continue this session")
    parser.add_argument("--user-id", default="", metavar="ID", help="run it for this user")
    for name, description in (
        ("dependencies", "values for its instructions and tools"),
        ("session-state", "initial state of the session"),
        ("metadata", "stored with the run"),
        ("knowledge-filters", "limit the search in its knowledge"),
        ("factory-input", "input of the factory that builds the component"),
    ):
        parser.add_argument(f"--{name}", default="", metavar="JSON", help=f"{description}; a JSON object, or @FILE")
    parser.add_argument(
        "--output-schema", default="", metavar="FILE", help="file with the JSON schema that the answer has to fit"
    )
    parser.add_argument(
        "--file", action="append", default=[], metavar="PATH", help="attach a file or a URL; can be repeated"
    )
    parser.add_argument(
        "--version",
        dest="component_version",
        type=_number(1),
        default=0,
        metavar="N",
        help="version of the component to run",
    )
    _add_stream_flags(parser)


def _add_chat_arguments(parser: argparse.ArgumentParser) -> None:
    parser.usage = "%(prog)s [KIND] [NAME] [FLAGS]"
    parser.description = (
        "Talk with an agent, a team or a workflow in one session: a line is a message. /exit or Ctrl-D ends it, and "
        "says how to go on later. Ctrl-C cancels an answer; a second Ctrl-C leaves."
    )
    parser.set_defaults(check_arguments=check_chat_words)
    parser.add_argument(
        "words", nargs="*", metavar="KIND NAME", help="agent, team or workflow, and the id or name of the component"
    )
    parser.add_argument("--session-id", "--session", default="", metavar="ID", help="go on with this session")
    parser.add_argument("--user-id", default="", metavar="ID", help="talk as this user")


def _add_continue_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EXIT_CODES
    parser.add_argument(
        "run",
        nargs="?",
        default="",
        metavar="RUN",
        help=f"{_RUN_HELP}; may be left out if only one run is paused",
    )
    parser.add_argument(
        "--answers", default="", metavar="JSON", help="answers by key, or @FILE; without it you are asked"
    )
    _add_stream_flags(parser)


def _add_inbox_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "List what waits for an answer or an approval, in all components and sessions, and answer it here, one after "
        "another. In a pipe it is only listed."
    )
    views = parser.add_mutually_exclusive_group()
    views.add_argument("--list", action="store_true", help="only list it")
    views.add_argument(
        "-w",
        "--watch",
        action="store_true",
        help="tell when a run pauses, fails or ends, with a notification on the desktop; Ctrl-C ends it",
    )
    parser.add_argument("--user-id", default="", metavar="ID", help="only runs for this user")
    _add_stream_flags(parser)


def _add_cancel_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help=_RUN_HELP)


def _add_runs_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="?", default="", metavar="RUN", help=f"the run to show: {_RUN_HELP}")
    views = parser.add_mutually_exclusive_group()
    views.add_argument("-f", "--follow", action="store_true", help="follow RUN, or the latest run, until it ends")
    views.add_argument(
        "-w", "--watch", action="store_true", help="go on showing the latest runs as they change; Ctrl-C ends it"
    )
    views.add_argument("--explain", action="store_true", help="explain step by step what happened in it")
    views.add_argument(
        "--timeline", action="store_true", help="show when its steps, members and tool calls ran, as bars"
    )
    parser.add_argument("--kind", type=singular, choices=KINDS, default="", help="only runs of this kind of component")
    parser.add_argument("--id", default="", metavar="ID", help="only runs of this component (with --kind)")
    parser.add_argument("--session-id", default="", metavar="ID", help="only runs in this session")
    parser.add_argument("--user-id", default="", metavar="ID", help="only runs for this user")
    parser.add_argument(
        "--status",
        default="",
        metavar="STATUS",
        help=f"only runs with this status: {', '.join(STATUSES[:-1])} or {STATUSES[-1]}",
    )
    _add_period_flags(parser, "runs that started")
    _add_paging_flags(parser, default_limit=10, pages=False)


def _add_compare_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Compare two runs: what differs, where they first part, and why one failed. Without A and B the latest failed "
        "run is compared with the last good one of the same component; with one of them, that run with the other side."
    )
    _add_compared_runs(parser)
    parser.add_argument("--user-id", default="", metavar="ID", help="only runs for this user")


def _add_compared_runs(parser: argparse.ArgumentParser, condition: str = "") -> None:
    for name in ("run_a", "run_b"):
        parser.add_argument(
            name,
            nargs="?",
            default="",
            metavar=name[-1].upper(),
            help=f"{condition}{_RUN_HELP}; or the name of a component",
        )


def _add_view_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Show a run, a trace, the figures, what waits for an answer, or two runs side by side as a page in the "
        "browser. The page of a run that is going is live, and this command ends with the run."
    )
    parser.add_argument(
        "subject",
        nargs="?",
        default="",
        metavar="RUN|TRACE|metrics|inbox|compare",
        help=f"what to show: a {_RUN_HELP} (the default); a trace id; metrics; inbox; or compare",
    )
    _add_compared_runs(parser, "with compare: ")
    parser.add_argument("--trace", action="store_true", help="show the trace of RUN instead of its timeline")
    parser.add_argument("--open", action="store_true", help="open it in the browser (the default without --output)")
    parser.add_argument(
        "-o", "--output", default="", metavar="FILE", help="write the page to a file; - writes it to standard output"
    )
    parser.add_argument("--user-id", default="", metavar="ID", help="only what is of this user")
    _add_period_flags(parser, "figures of days")
    _add_database_flag(parser)


def _add_sessions_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", default="", metavar="ID", help="id of a session to show")
    parser.add_argument(
        "--kind", type=singular, choices=KINDS, default="", help="only sessions of this kind of component"
    )
    parser.add_argument("--name", default="", metavar="TEXT", help="only sessions with this text in their name")
    parser.add_argument("--user-id", default="", metavar="ID", help="only sessions of this user")
    _add_period_flags(parser, "sessions that were last active")
    _add_database_flag(parser)
    _add_paging_flags(parser)


def _add_memories_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", default="", metavar="ID", help="id of a memory to show")
    parser.add_argument("--search", default="", metavar="TEXT", help="only memories that contain this text")
    parser.add_argument("--user-id", default="", metavar="ID", help="only memories of this user")
    _add_database_flag(parser)
    _add_paging_flags(parser)


def _add_traces_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "id", nargs="?", default="", metavar="ID", help="trace id, or run reference, of a trace to show"
    )
    views = parser.add_mutually_exclusive_group()
    views.add_argument("--span-id", default="", metavar="ID", help="show this span of the trace in full")
    views.add_argument(
        "--timeline", action="store_true", help="show its spans as bars over time (the default at a terminal)"
    )
    views.add_argument(
        "--tree", action="store_true", help="show its spans as a tree, with inputs and outputs (the default in a pipe)"
    )
    parser.add_argument("--session-id", default="", metavar="ID", help="only traces of this session")
    parser.add_argument("--errors", action="store_true", help="only traces in which something failed")
    _add_period_flags(parser, "traces that started")
    parser.add_argument(
        "--order", choices=("latest", "slowest"), default="latest", help="latest (the default) or slowest first"
    )
    _add_database_flag(parser)
    _add_paging_flags(parser, pages=False)


def _add_metrics_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Show runs, sessions, tokens and users by day: over time as small bars, and as a table."
    parser.add_argument(
        "--since",
        default="",
        metavar="DAY",
        help='first day (UTC): 2026-01-31, today, "last week" (default: 30 days ago)',
    )
    parser.add_argument("--until", default="", metavar="DAY", help="last day")
    parser.add_argument("--user-id", default="", metavar="ID", help="only of this user")
    _add_database_flag(parser)


def _add_knowledge_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    search = actions.add_parser("search", help="search a knowledge base", description="Search a knowledge base.")
    search.add_argument("query", metavar="QUERY", help="what to search for")
    search.add_argument(
        "--max-results", type=_number(1, 50), default=5, metavar="N", help="maximum number of results (default: 5)"
    )
    search.add_argument("--filters", default="", metavar="JSON", help="filter by metadata; a JSON object, or @FILE")
    add = actions.add_parser(
        "add",
        help="add a text, a web page or a file",
        description="Add a text, a web page or a file, and wait until it is processed.",
    )
    source = add.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", default="", metavar="TEXT", help="text to add; - reads it from standard input")
    source.add_argument("--from-url", default="", metavar="URL", help="web page or file that AgentOS downloads")
    source.add_argument("--file", default="", metavar="PATH", help="file on this machine to upload")
    add.add_argument("--name", default="", metavar="NAME", help="name of the content in the knowledge base")
    add.add_argument("--description", default="", metavar="TEXT", help="description of the content")
    add.add_argument("--metadata", default="", metavar="JSON", help="metadata to filter by; a JSON object, or @FILE")
    list_contents = actions.add_parser(
        "list", help="list the contents of a knowledge base", description="List the contents of a knowledge base."
    )
    _add_paging_flags(list_contents)
    for action in (search, add, list_contents):
        action.add_argument(
            "--knowledge-id",
            default="",
            metavar="ID",
            help="id or name of the knowledge base; required if there are several",
        )
        add_connection_flags(action)


def _add_stream_flags(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    group.add_argument("-s", "--stream", action="store_true", help="print the answer as it arrives (the default)")
    group.add_argument("--no-stream", action="store_true", help="print the answer when it is complete")


def _add_database_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--db-id", default="", metavar="ID", help="id of the database; required if there are several")


def _add_period_flags(parser: argparse.ArgumentParser, subject: str) -> None:
    parser.add_argument(
        "--since",
        default="",
        metavar="TIME",
        help=f"only {subject} at this time or later: today, yesterday, monday, 2h, 2026-01-31, 2026-01-31T14:00",
    )
    parser.add_argument("--until", default="", metavar="TIME", help=f"only {subject} at this time or earlier")


def _add_paging_flags(parser: argparse.ArgumentParser, *, default_limit: int = 20, pages: bool = True) -> None:
    parser.add_argument(
        "--limit",
        type=_number(1, 100),
        default=default_limit,
        metavar="N",
        help=f"maximum number of rows (default: {default_limit})",
    )
    if pages:
        parser.add_argument("--page", type=_number(1), default=1, metavar="N", help="page to show (default: 1)")


class _EpilogAsWritten(argparse.HelpFormatter):
    """Keeps the lines of an epilog that has lines of its own, and wraps the others."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.split("\n\n")
        return "\n\n".join(
            paragraph
            if "\n" in paragraph.strip()
            else super(_EpilogAsWritten, self)._fill_text(paragraph, width, indent)
            for paragraph in paragraphs
        )


def add_use_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `use`, which says itself which AgentOS it is about."""
    parser.add_argument(
        "target", nargs="?", default="", metavar="URL|NAME", help="the AgentOS to remember, or the profile to switch to"
    )
    parser.add_argument("--name", default="", metavar="NAME", help="name of the profile (default: the AgentOS's own)")
    parser.add_argument("--token-file", default="", metavar="PATH", help="file with its token")
    parser.add_argument("--token-env", default="", metavar="VARIABLE", help="environment variable with its token")
    parser.add_argument("--forget", default="", metavar="NAME", help="remove this profile")
    # Said to be wrong with the reason, instead of being repeated in an error.
    parser.add_argument("--token", default="", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print one JSON document, for scripts")


def _number(minimum: int, maximum: int = _NO_MAXIMUM) -> Callable[[str], int]:
    expected = f"a number of at least {minimum}" if maximum == _NO_MAXIMUM else f"a number from {minimum} to {maximum}"

    def parse(text: str) -> int:
        if not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise argparse.ArgumentTypeError(f"{text!r} is not {expected}")
        return int(text)

    return parse


_EXAMPLES: dict[str, tuple[str, ...]] = {
    "agents": ("agentos-mcp agents", "agentos-mcp agents writer"),
    "teams": ("agentos-mcp teams", "agentos-mcp teams newsroom"),
    "workflows": ("agentos-mcp workflows", 'agentos-mcp workflows "content pipeline"'),
    "run": (
        'agentos-mcp run agent writer "a haiku about tea"',
        'agentos-mcp run writer -m "a haiku about tea"',
        "cat notes.txt | agentos-mcp run agent summarizer",
    ),
    "chat": (
        "agentos-mcp chat assistant",
        "agentos-mcp chat team newsroom --session-id planning",
        "printf 'My name is Ada.\\nWhat is my name?\\n' | agentos-mcp chat assistant",
    ),
    "continue": (
        "agentos-mcp continue",
        "agentos-mcp continue last",
        """agentos-mcp continue RUN --answers '{"publish-1": true}'""",
    ),
    "inbox": ("agentos-mcp inbox", "agentos-mcp inbox --list --user-id ada", "agentos-mcp inbox --watch"),
    "cancel": ("agentos-mcp cancel last",),
    "runs": (
        "agentos-mcp runs --status failed --since yesterday",
        "agentos-mcp runs last --explain",
        "agentos-mcp runs last --timeline",
        "agentos-mcp runs --watch",
    ),
    "compare": ("agentos-mcp compare", 'agentos-mcp compare "content pipeline"', "agentos-mcp compare RUN last"),
    "sessions": ('agentos-mcp sessions --since "3 days ago"', "agentos-mcp sessions ID"),
    "memories": ("agentos-mcp memories --search tea",),
    "knowledge": (
        'agentos-mcp knowledge search "why is green tea brewed cooler?"',
        'agentos-mcp knowledge add --text "Kettles whistle." --name Kettles',
        "agentos-mcp knowledge list",
    ),
    "metrics": ("agentos-mcp metrics", 'agentos-mcp metrics --since "last week"'),
    "view": (
        "agentos-mcp view last",
        "agentos-mcp view metrics --output metrics.html",
        "agentos-mcp view compare RUN last",
    ),
    "traces": ("agentos-mcp traces --errors", "agentos-mcp traces --order slowest --since today"),
}
"""What each command's help shows, as it is typed in a shell."""

_ARGUMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "agents": _add_component_arguments,
    "teams": _add_component_arguments,
    "workflows": _add_component_arguments,
    "run": _add_run_arguments,
    "chat": _add_chat_arguments,
    "continue": _add_continue_arguments,
    "inbox": _add_inbox_arguments,
    "cancel": _add_cancel_arguments,
    "runs": _add_runs_arguments,
    "compare": _add_compare_arguments,
    "view": _add_view_arguments,
    "sessions": _add_sessions_arguments,
    "memories": _add_memories_arguments,
    "traces": _add_traces_arguments,
    "metrics": _add_metrics_arguments,
}
