"""A run as a terminal shows it: the answer on standard output, all that moves on standard error.

Where standard error is a terminal, one line moves and each finished step leaves a line; elsewhere
every step and tool call is a plain line.
"""

from __future__ import annotations

import sys
import time

import anyio

from agentos_mcp.agentos.formats import format_duration
from agentos_mcp.agentos.plain_text import complete_part, one_line, strip_control_chars
from agentos_mcp.agentos.runs.run import RunState, Status, Step
from agentos_mcp.runs.progress import describe
from agentos_mcp.runs.result import answer_text
from agentos_mcp.terminal.ansi import can_show, colorize, fitted, moves, width_of

_MARKS = {"completed": ("✔", "+", "green"), "failed": ("✘", "x", "red"), "paused": ("?", "?", "yellow")}
_SPINNERS = ("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\")
_CLEAR = "\r\x1b[2K"
_TICK = 0.12
_SILENCE = 30.0
"""Seconds after which somebody who reads a log likes to know that it goes on."""


class Display:
    """Takes every state of a run. `stream`: the component's words are printed as they come."""

    def __init__(self, *, stream: bool) -> None:
        self._out, self._err = sys.stdout, sys.stderr
        self._stream = stream
        self._moving = moves(self._err)
        self._one_screen = self._out.isatty() and self._err.isatty()
        self._plain = not can_show("✔⠋", self._err)
        self._printed = ""
        """The answer's words that are on standard output."""
        self._in_line = False
        """The last of them ended no line."""
        self._state: RunState | None = None
        self._told: dict[int, str] = {}
        """How steps ended, by number, as far as that was told."""
        self._begun: dict[int, float] = {}
        self._since = self._last_line = time.monotonic()
        self._doing = ""
        self._drawn = False
        self._turn = 0

    def report(self, state: RunState) -> None:
        """Show what is new in a state."""
        self._state = state
        self._mark_steps(state)
        # A paused run's text is a stock phrase of AgentOS's.
        if self._stream and state.ref.kind != "workflow" and state.status is not Status.PAUSED:
            self._say(state.text)
        if state.ended:
            self._erase()
        elif not self._moving:
            self._log(state)
        elif not (self._in_line and self._one_screen):
            self._draw(state)
        elif state.activity:
            self._make_room()
            self._draw(state)

    async def keep_moving(self) -> None:
        """Let people see that it goes on, until cancelled."""
        while True:
            await anyio.sleep(_TICK if self._moving else _SILENCE / 3)
            state = self._state
            if state is None or state.ended:
                continue
            self._turn += 1
            if self._moving:
                if not (self._in_line and self._one_screen):
                    self._draw(state)
            elif time.monotonic() - self._last_line > _SILENCE:
                self.note(f"{_line(state)} ({format_duration(time.monotonic() - self._since)})")

    def finish(self, state: RunState) -> None:
        """Print what of the answer was not printed yet, and end its last line."""
        self._erase()
        # What was cut off is no answer.
        answer = answer_text(state) if state.status is Status.COMPLETED else self._printed.strip()
        said = self._printed.lstrip()
        if answer.startswith(said):
            self._write(answer[len(said) :])
        elif answer != said.rstrip():
            # What it said on the way is not what it answers in the end.
            self._end_line()
            self._write(f"\n{answer}")
        self._end_line()

    def pause(self) -> None:
        """Leave the screen to questions."""
        self._erase()
        self._make_room()
        self._state = None

    def note(self, words: str, color: str = "", *, mark: str = "") -> None:
        """A line of our own; `mark` is a sign before it, with its color."""
        self._erase()
        self._make_room()
        line = " ".join(strip_control_chars(words).split("\n"))
        print(f"{mark}{colorize(line, color, self._err)}", file=self._err, flush=True)
        self._last_line = time.monotonic()

    # Steps and tool calls

    def _mark_steps(self, state: RunState) -> None:
        for at, step in enumerate(state.steps):
            if step.outcome == "running":
                self._begun.setdefault(at, time.monotonic())
            # A paused step still has its end to come.
            elif self._told.get(at, "paused") == "paused" and self._told.get(at) != step.outcome:
                self._told[at] = step.outcome
                self._mark(at, step, state.total_steps)

    def _mark(self, at: int, step: Step, total: int) -> None:
        mark, plain, color = _MARKS[step.outcome]
        took = step.seconds or (time.monotonic() - self._begun[at] if at in self._begun else 0.0)
        words = f"{at + 1}/{total} {step.name}" if total else step.name
        if took >= 0.05 and step.outcome != "paused":
            words += f" ({format_duration(took)})"
        if step.error:
            words += f": {one_line(step.error)}"
        sign = colorize(plain if self._plain else mark, color, self._err)
        self.note(one_line(words, max_length=400), mark=f"{sign} ")

    def _log(self, state: RunState) -> None:
        """One plain line for each thing that somebody begins to do."""
        doing = _line(state) if state.activity else ""
        if doing and doing != self._doing:
            self.note(doing)
        self._doing = doing

    # The answer

    def _say(self, words: str) -> None:
        """Print the words that are new; what is printed cannot be taken back."""
        # Half an escape sequence would be shown as letters.
        words = complete_part(words)
        if len(words) > len(self._printed) and words.startswith(self._printed):
            self._write(words[len(self._printed) :])
            self._printed = words

    def _write(self, words: str) -> None:
        if not words:
            return
        self._erase()
        shown = strip_control_chars(words)
        self._out.write(shown)
        self._out.flush()
        self._in_line = not shown.endswith("\n")

    def _end_line(self) -> None:
        if self._in_line:
            self._write("\n")

    def _make_room(self) -> None:
        """Our lines do not stand in the answer's where both are on one screen."""
        if self._one_screen:
            self._end_line()

    # The line that moves

    def _draw(self, state: RunState) -> None:
        spinner = _SPINNERS[self._plain]
        waited = format_duration(int(time.monotonic() - self._since))
        line = fitted(_line(state), max(20, width_of(self._err) - len(waited) - 5))
        self._err.write(f"{_CLEAR}{spinner[self._turn % len(spinner)]} {line}  {colorize(waited, 'dim', self._err)}")
        self._err.flush()
        self._drawn = True

    def _erase(self) -> None:
        if self._drawn:
            self._drawn = False
            self._err.write(_CLEAR)
            self._err.flush()


def _line(state: RunState) -> str:
    return one_line(describe(state), max_length=400)
