"""A run as a value: its reference (`RunRef`) and where it stands (`RunState`).

States never change. `reducer.reduce(state, event)` makes the next one from an event of its stream,
`stored_run.read_stored_run(state, document)` from the run as AgentOS has stored it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal
from urllib.parse import unquote

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.paths import percent_encode
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.sse import MAX_EVENT_BYTES

Kind = Literal["agent", "team", "workflow"]
KINDS: tuple[Kind, ...] = ("agent", "team", "workflow")

# No look-alikes, no vowels: ids that can be read out and that spell nothing.
_ALPHABET = "23456789bcdfghjkmnpqrstvwxz"
_ID_LENGTH = 10


def new_id() -> str:
    """A short id of our own for a run or a session: 10 characters, about 47 bits."""
    number, characters = secrets.randbelow(len(_ALPHABET) ** _ID_LENGTH), ""
    for _ in range(_ID_LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        characters += _ALPHABET[place]
    return characters


INSTANCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
"""The name of one AgentOS of several: plain enough to stand anywhere."""


@dataclass(frozen=True, slots=True)
class RunRef:
    """A run's name anywhere: `workflow/content-pipeline/<session>/<run>`, every part percent-encoded.

    Where a server has several AgentOSes, the name of the run's comes first: `prod:workflow/...`.
    """

    kind: Kind
    component: str
    session: str
    run: str
    instance: str = ""

    def __str__(self) -> str:
        parts = (self.component, self.session, self.run)
        kind = f"{self.instance}:{self.kind}" if self.instance else self.kind
        return "/".join((kind, *map(percent_encode, parts)))

    @classmethod
    def parse(cls, text: str) -> RunRef:
        """The reference in `text`, also as the tail of an `agentos://runs/` URI.

        Raises InvalidRequest for anything else.
        """
        bare = text.strip().removeprefix("agentos://runs/")
        first, *rest = bare.split("/")
        instance, colon, kind = first.rpartition(":")
        is_named = not colon or INSTANCE_NAME.fullmatch(instance)
        if kind in KINDS and is_named and len(rest) == 3 and all(rest):
            component, session, run = (unquote(part) for part in rest)
            return cls(kind, component, session, run, instance)
        raise InvalidRequest(
            f"'{one_line(bare, max_length=80)}' is not a run reference.",
            "It looks like workflow/content-pipeline/<session>/<run>; copy it from the run's result.",
        )

    def on_instance(self, instance: str) -> RunRef:
        """The reference on the AgentOS of this name, '' where there is only one.

        Raises InvalidRequest where it is of another one.
        """
        if self.instance in {"", instance}:
            return replace(self, instance=instance)
        here = f"this is {instance}" if instance else "there is only one here, without a name"
        raise InvalidRequest(f"It is a run of the AgentOS {self.instance}; {here}.", "Copy the run's reference.")


WAITING = "waiting for an answer"
"""The `activity` of a paused run."""


class RunNote(StrEnum):
    """What a reader should know about how a run was run."""

    NOT_BACKGROUND = "AgentOS cannot run it in the background (it has no database), so it ends if the connection does."
    UNANSWERABLE = (
        "It asks for an answer, but AgentOS keeps no runs (it has no database), so nobody can continue it. "
        "Give AgentOS a database and run it again."
    )
    ANSWER_CUT = (
        f"This is only the beginning of the answer: it is larger than {MAX_EVENT_BYTES // 1024 // 1024} MiB, and the "
        "stored run could not be read. AgentOS itself may still have the whole of it."
    )
    QUEUE_TAKES_OVER = (
        "AgentOS was restarted during the run. Its durable queue takes the run up again, "
        "or ends it as failed, after about a minute."
    )
    WORKER_RESTARTED = (
        "One of AgentOS's workers was started during the run. If that is the one that worked on it, "
        "the run never ends by itself."
    )


class Status(StrEnum):
    """AgentOS's own words for where a run stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    ERROR = "ERROR"
    REGENERATED = "REGENERATED"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens by itself: finished, or waiting for a person."""
        return self not in (Status.PENDING, Status.RUNNING)


def completed_text(failed_steps: int, steps: int, failed_tools: int = 0) -> str:
    """What became of a completed run, in words: it is completed although steps or tool calls of it failed."""
    failures = [f"{failed_steps} of {steps} steps"] if failed_steps else []
    if failed_tools:
        failures.append(f"{failed_tools:,} tool call{'s' if failed_tools > 1 else ''}")
    return f"completed, but {' and '.join(failures)} failed" if failures else "completed"


MAX_NAME_LENGTH = 200
"""Characters of a name or an id: of a step, a tool, a person's session."""
MAX_ERROR_LENGTH = 2_000
MAX_STREAMED_CHARACTERS = 100_000
"""How much of an answer is kept while it streams; the whole is in its last event, and in AgentOS."""
MAX_STEPS = 200
MAX_FAILED_TOOLS = 100
MAX_REQUIREMENTS = 1_000


StepOutcome = Literal["running", "completed", "failed", "paused"]


@dataclass(frozen=True, slots=True)
class Step:
    """A workflow's top-level step. `seconds` is its duration by AgentOS's clock, 0 where unknown."""

    name: str
    outcome: StepOutcome = "running"
    error: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class RunState:
    """Where a run stands. `total_steps` is 0 where the number of steps is not known."""

    ref: RunRef
    status: Status = Status.PENDING
    steps: tuple[Step, ...] = ()
    """The first of its steps, and the current one: MAX_STEPS at most."""
    steps_left_out: int = 0
    """How many steps there were between those."""
    failed_steps_left_out: int = 0
    total_steps: int = 0
    substep: str = ""
    """The part of the current step that is running: "round 2/3", "left"."""
    actor: str = ""
    """Who is at work, by name, where that is not the component itself."""
    activity: str = ""
    """What is being done: "calling search_knowledge"; '' while words are coming."""
    last_words: str = ""
    """The last words of whoever is at work."""
    streamed_pieces: tuple[str, ...] = field(default=(), repr=False)
    """The component's own words so far, up to MAX_STREAMED_CHARACTERS; the answer is in `answer` once it has ended."""
    dropped_characters: int = 0
    """How many characters of its words came after those."""
    answer: Any = None
    """The final content: text, or data where a schema was asked for."""
    answer_cut: bool = False
    """The event that ended the run was too large to be read whole, so `answer` is its beginning."""
    media: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The images, sounds, films and documents of the answer, as AgentOS sent them."""
    error: str = ""
    failed_tools: tuple[tuple[str, str], ...] = ()
    """Tools that failed, with their errors; the first MAX_FAILED_TOOLS."""
    failed_tools_left_out: int = 0
    requirements: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    """What a paused run waits for, as AgentOS sent it; MAX_REQUIREMENTS at most."""
    requirements_left_out: int = 0
    choices: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Descriptions of what a paused router offers, by name."""
    tokens: int = 0
    seconds: float = 0.0
    """Duration by AgentOS's clock, 0 where unknown."""
    notes: tuple[str, ...] = ()
    """`RunNote`s, and others in words: what the reader should know about how it was run."""
    is_queued: bool = False
    """AgentOS's durable queue executes it, and only that continues it."""
    is_provisional: bool = False
    """AgentOS's queue has not named the run yet: nobody else knows it by this reference."""
    is_stored: bool = False
    """AgentOS has returned it: it can be found again by its reference."""
    is_orphaned: bool = False
    """AgentOS reports it as running, but was restarted since it started, and nothing is known to work on it."""
    refusal_reason: str = ""
    """Why AgentOS did not take the answers that were sent last, in its own words; it is still paused."""
    unused_answers_reason: str = ""
    """Why AgentOS did not use the answers that were sent last, though the run has gone on since: others came first."""
    is_replayed: bool = False
    """AgentOS has no live events of it, and has replayed those that it kept."""
    last_index: int = -1
    """The last numbered event that went in."""
    events: int = 0

    def updated(self, changes: Mapping[str, Any]) -> RunState:
        """The state with other values in these fields: what `replace` returns, in a fifth of the time.

        Every event of a stream makes a new state.
        """
        state = object.__new__(RunState)
        state.__dict__.update(self.__dict__, **changes)
        return state

    @property
    def has_ended(self) -> bool:
        return self.status.has_ended

    @property
    def has_event_numbers(self) -> bool:
        """Whether its events have numbers, as a background run's do: it continues without us and can be resumed."""
        return self.last_index >= 0

    @property
    def step_number(self) -> int:
        """The current step's number, from 1; 0 before the first."""
        return len(self.steps) + self.steps_left_out

    @property
    def failed_steps(self) -> tuple[Step, ...]:
        return tuple(step for step in self.steps if step.outcome == "failed")

    @property
    def text(self) -> str:
        """The answer as far as it is known, if it is text."""
        if isinstance(self.answer, str):
            return self.answer
        return "".join(self.streamed_pieces) if self.answer is None else ""


def append_piece(pieces: tuple[str, ...], piece: str) -> tuple[str, ...]:
    """`pieces` with one more, kept to a few growing strings: n pieces cost n log n, not n squared."""
    while pieces and len(pieces[-1]) <= len(piece):
        piece = pieces[-1] + piece
        pieces = pieces[:-1]
    return (*pieces, piece)
