"""A conversation with the demo as a client shows it: what a person says, the tools' progress, a form, the results.

The person's words and the choice of tools are written here; all else is what the server really answers.
"""

from __future__ import annotations

import re
import textwrap
import time
from dataclasses import dataclass, field
from typing import Any

import anyio
from mcp.client.client import Client
from mcp_types import ElicitRequestFormParams, ElicitResult, RequestParamsMeta, TextContent

from agentos_mcp.demo.articles import EXAMPLE_TOPIC
from agentos_mcp.demo.host_process import demo_agentos
from agentos_mcp.server.build import build_server
from agentos_mcp.settings import Settings

COLUMNS = 104
PERSON = "Write a short piece about making a good cup of tea, and put it on the bulletin."
CALLS: tuple[tuple[str, dict[str, str]], ...] = (
    ("run_workflow", {"workflow_id": "content pipeline", "message": EXAMPLE_TOPIC}),
    ("run_agent", {"agent_id": "publisher", "message": "Publish “How to make a good cup of tea”"}),
)

_FORM_WIDTH, _BAR_WIDTH = 62, 24
_MERGED_SECONDS = 0.15
"""What is written within them is one step of the picture."""
_LONGEST_WAIT_SECONDS = 1.0
"""How long the picture stands still at most while the server says nothing."""
_READING_SECONDS = 1.8
_GREEN, _BLUE, _GRAY, _PLAIN = "\x1b[32m", "\x1b[36m", "\x1b[38;5;246m", "\x1b[0m"
_STEP = re.compile(r"\d+/\d+ [\w-]+")
_MARKDOWN = re.compile(r"^#+ |\*+", re.MULTILINE)


@dataclass(frozen=True)
class Written:
    """A piece of output; `at` is in seconds from the beginning."""

    at: float
    data: bytes


@dataclass
class Transcript:
    """What the client writes, and when."""

    pieces: list[Written] = field(default_factory=list)
    _at: float = 0.0
    _written_at: float = field(default_factory=time.monotonic)

    def write(self, text: str) -> None:
        now = time.monotonic()
        self._at += min(now - self._written_at, _LONGEST_WAIT_SECONDS)
        self._written_at = now
        if self.pieces and self._at - self.pieces[-1].at < _MERGED_SECONDS:
            last = self.pieces.pop()
            self.pieces.append(Written(last.at, last.data + text.encode()))
        else:
            self.pieces.append(Written(self._at, text.encode()))

    def write_line(self, text: str = "", color: str = "") -> None:
        self.write(f"{color}{text}{_PLAIN if color else ''}\r\n")

    def pause(self, seconds: float) -> None:
        """Let time pass in the picture."""
        self._at += seconds


def record_conversation(pace: float = 1.0) -> list[Written]:
    """Hold the conversation with a demo of its own. `pace` multiplies the delays of its models."""
    transcript = Transcript()
    with demo_agentos(pace=pace) as url:
        anyio.run(_hold, url, transcript)
    return transcript.pieces


async def _hold(url: str, transcript: Transcript) -> None:
    async def answer_form(context: object, params: Any) -> ElicitResult:
        if not isinstance(params, ElicitRequestFormParams):
            raise TypeError(f"a form is shown here, not {type(params).__name__}")
        return _fill_in(transcript, params)

    async with Client(build_server(Settings(url=url)), elicitation_callback=answer_form) as client:
        await client.list_tools()
        transcript.write_line(f"> {PERSON}", _BLUE)
        transcript.pause(1.0)
        for tool, arguments in CALLS:
            transcript.write_line()
            transcript.write(f"{_GREEN}●{_PLAIN} {tool} {_GRAY}{_inputs(arguments)}{_PLAIN}\r\n")
            steps = _Steps(transcript)
            meta: RequestParamsMeta = {"progress_token": tool}
            result = await client.call_tool(tool, arguments, progress_callback=steps.show, meta=meta)
            steps.end()
            _show_result(transcript, "".join(part.text for part in result.content if isinstance(part, TextContent)))


def _inputs(arguments: dict[str, str]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in arguments.items())


class _Steps:
    """The steps of a run: a line for each that is done, below them a bar."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._step = ""

    async def show(self, progress: float, total: float | None, message: str | None) -> None:
        found = _STEP.match(message or "")
        if not found or not total:
            return
        if found.group() != self._step:
            self.end()
            self._step = found.group()
        filled = round(progress / total * _BAR_WIDTH)
        bar = f"{_GREEN}{'━' * filled}{_GRAY}{'━' * (_BAR_WIDTH - filled)}{_PLAIN}"
        self._transcript.write(f"\r\x1b[2K  {self._step.ljust(14)} {bar} {progress / total:>4.0%}")

    def end(self) -> None:
        if self._step:
            self._transcript.write(f"\r\x1b[2K  {_GREEN}✔{_PLAIN} {self._step}\r\n")
            self._step = ""


def _fill_in(transcript: Transcript, params: ElicitRequestFormParams) -> ElicitResult:
    """Show the form, wait, tick its boxes and send it."""
    fields = params.requested_schema["properties"]
    lines = [*filter(None, params.message.splitlines()), *(_box(name, fields[name], ticked=False) for name in fields)]
    transcript.write_line(f"  ╭{'─' * _FORM_WIDTH}╮", _GRAY)
    for line in lines:
        transcript.write_line(_in_frame(line))
    transcript.write_line(_in_frame("Submit | Decline | Cancel"))
    transcript.write_line(f"  ╰{'─' * _FORM_WIDTH}╯", _GRAY)
    transcript.pause(_READING_SECONDS)
    below = len(fields) + 2
    transcript.write(f"\x1b[{below}A")
    for name in fields:
        transcript.write(f"\r\x1b[2K{_in_frame(_box(name, fields[name], ticked=True))}\r\n")
    transcript.write("\r\n" * (below - len(fields)))
    transcript.pause(1.0)
    return ElicitResult(action="accept", content=dict.fromkeys(fields, True))


def _box(name: str, about: dict[str, Any], *, ticked: bool) -> str:
    return f"[{'x' if ticked else ' '}] {about.get('title', name)}"


def _in_frame(line: str) -> str:
    side = f"{_GRAY}│{_PLAIN}"
    return f"  {side} {line[: _FORM_WIDTH - 2].ljust(_FORM_WIDTH - 2)} {side}"


def _show_result(transcript: Transcript, text: str) -> None:
    answer, _, facts = text.rpartition("\n--- agentos-mcp\n")
    for paragraph in filter(None, _MARKDOWN.sub("", answer).splitlines()):
        for line in textwrap.wrap(paragraph, COLUMNS - 4):
            transcript.write_line(f"  {line}")
    transcript.write_line(f"  {facts.splitlines()[0]}", _GRAY)
    transcript.pause(_READING_SECONDS)
