"""The conversations that clients are led through, and what has to have happened in them."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.interop.model_dialects import ToolCall

WAIT_SECONDS = 5
"""How long our server's calls wait: the setting `--wait`."""
CLIENT_LIMIT_SECONDS = 9
"""After which the client gives a call up, by its own setting."""
COUNT = 100
"""The long run counts so far, which takes COUNT * 0.25 * PACE seconds."""
PACE = 0.5

LONG_MESSAGE = f"count to {COUNT}"
TITLE = "Tea at four"
PUBLISHED = "/bulletin/tea-at-four"
_REFERENCE = re.compile(r"^run: (\S+)$", re.MULTILINE)


@dataclass
class Transcript:
    """What each part of a conversation brought: the results of its calls."""

    parts: dict[str, list[str]] = field(default_factory=dict)

    def of(self, part: str) -> list[str]:
        return self.parts.get(part, [])

    def last(self, part: str) -> str:
        return (self.of(part) or [""])[-1]


Play = Generator[tuple[str, ToolCall], str, str]
"""Yields (part, call), is sent the call's result, and returns the last words."""


def reference_in(result: str) -> str:
    """The run reference in a result; '' where there is none."""
    found = _REFERENCE.findall(result)
    return found[-1] if found else ""


def is_unfinished(result: str) -> bool:
    return "Still running" in result


def all_parts() -> Play:
    """Lists, runs with progress, follows a long run, and answers a question."""
    yield "list", ToolCall("list_workflows", {})
    message = "Write about making a good cup of tea."
    yield "run", ToolCall("run_workflow", {"workflow_id": "content pipeline", "message": message})
    result = yield "long run", ToolCall("run_agent", {"agent_id": "assistant", "message": LONG_MESSAGE})
    while is_unfinished(result):
        result = yield "long run", ToolCall("get_run", {"run": reference_in(result)})
    arguments = {"agent_id": "publisher", "message": f'Publish "{TITLE}".'}
    result = yield "question", ToolCall("run_agent", arguments)
    if PUBLISHED not in result and (reference := reference_in(result)):
        yield "question", ToolCall("continue_run", {"run": reference, "answers": {"approve": True}})
    return "That is all."


def one_question() -> Play:
    """Only the question, for a person at the client's own screen."""
    yield "question", ToolCall("run_agent", {"agent_id": "publisher", "message": f'Publish "{TITLE}".'})
    return "That is all."


def one_long_run(session: str) -> Play:
    """Only a long run in this session, for a person who gives it up."""
    arguments = {"agent_id": "assistant", "message": "count to 400", "session_id": session, "wait": 60}
    yield "cancel", ToolCall("run_agent", arguments)
    return "That is all."


def script_of(play: Callable[[], Play]) -> Callable[[Sequence[str]], ToolCall | str]:
    """The play as a model's script. It is played anew for each request, since a client may ask twice."""

    def script(results: Sequence[str]) -> ToolCall | str:
        return _played(play, results)[1]

    return script


def transcript_of(play: Callable[[], Play], results: Sequence[str]) -> Transcript:
    """Which result belongs to which part."""
    return _played(play, results)[0]


def _played(play: Callable[[], Play], results: Sequence[str]) -> tuple[Transcript, ToolCall | str]:
    transcript, running = Transcript(), play()
    try:
        part, call = next(running)
        for result in results:
            transcript.parts.setdefault(part, []).append(result)
            part, call = running.send(result)
    except StopIteration as end:
        return transcript, end.value
    return transcript, call


def describe(value: Any) -> str:
    """The beginning of a result, in one line, for a message about what is wrong with it."""
    return " ".join(str(value).split())[:300]
