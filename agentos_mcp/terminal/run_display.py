"""A run as a terminal shows it: the answer on standard output, progress on standard error.

Where standard error is a terminal, one progress line is redrawn and each finished step leaves a line;
elsewhere every step and tool call is a plain line.
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
from agentos_mcp.terminal.terminal_features import can_encode, can_redraw, colorize, terminal_width
from agentos_mcp.terminal.text_width import truncate

_OUTCOME_SIGNS = {"completed": ("✔", "+", "green"), "failed": ("✘", "x", "red"), "paused": ("?", "?", "yellow")}
"""The sign, its replacement in ASCII, and the color of a step's outcome."""
_SPINNERS = ("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\")
_CLEAR_LINE = "\r\x1b[2K"
_REDRAW_SECONDS = 0.12
_HEARTBEAT_SECONDS = 30.0
"""Seconds without a plain line after which one says that the run is still going."""


class RunDisplay:
    """Shows every state of a run. `stream`: the component's text is printed as it arrives."""

    def __init__(self, *, stream: bool) -> None:
        self._stdout, self._stderr = sys.stdout, sys.stderr
        self._stream = stream
        self._can_redraw = can_redraw(self._stderr)
        self._same_screen = self._stdout.isatty() and self._stderr.isatty()
        self._ascii_only = not can_encode("✔⠋", self._stderr)
        self._printed = ""
        """The part of the answer that is on standard output."""
        self._is_mid_line = False
        """The last of it ended no line."""
        self._state: RunState | None = None
        self._printed_outcomes: dict[int, str] = {}
        """The outcomes of steps that were printed, by the step's index."""
        self._step_starts: dict[int, float] = {}
        """When steps began (monotonic seconds), by the step's index."""
        self._started = self._last_line = time.monotonic()
        self._last_activity = ""
        self._progress_drawn = False
        self._frame = 0

    def report(self, state: RunState) -> None:
        """Show what is new in a state."""
        self._state = state
        self._print_finished_steps(state)
        # A paused run's text is a stock phrase of AgentOS's.
        if self._stream and state.ref.kind != "workflow" and state.status is not Status.PAUSED:
            self._stream_answer(state.text)
        if state.has_ended:
            self._clear_progress()
        elif not self._can_redraw:
            self._print_activity(state)
        elif not (self._is_mid_line and self._same_screen):
            self._draw_progress(state)
        elif state.activity:
            self._end_answer_line()
            self._draw_progress(state)

    async def keep_alive(self) -> None:
        """Show that the run is still going, until cancelled."""
        while True:
            await anyio.sleep(_REDRAW_SECONDS if self._can_redraw else _HEARTBEAT_SECONDS / 3)
            state = self._state
            if state is None or state.has_ended:
                continue
            self._frame += 1
            if self._can_redraw:
                if not (self._is_mid_line and self._same_screen):
                    self._draw_progress(state)
            elif time.monotonic() - self._last_line > _HEARTBEAT_SECONDS:
                self.print_line(f"{_activity_line(state)} ({format_duration(time.monotonic() - self._started)})")

    def finish(self, state: RunState) -> None:
        """Print the rest of the answer, and end its last line."""
        self._clear_progress()
        # A text that was cut off is no answer.
        answer = answer_text(state) if state.status is Status.COMPLETED else self._printed.strip()
        printed = self._printed.lstrip()
        if answer.startswith(printed):
            self._write_answer(answer[len(printed) :])
        elif answer != printed.rstrip():
            # The text that was streamed is not the final answer.
            self._end_line()
            self._write_answer(f"\n{answer}")
        self._end_line()

    def pause(self) -> None:
        """Stop redrawing, so that questions can be asked."""
        self._clear_progress()
        self._end_answer_line()
        self._state = None

    def print_line(self, text: str, color: str = "", *, sign: str = "") -> None:
        """Print a line on standard error; `sign` stands before it and has a color of its own."""
        self._clear_progress()
        self._end_answer_line()
        line = " ".join(strip_control_chars(text).split("\n"))
        print(f"{sign}{colorize(line, color, self._stderr)}", file=self._stderr, flush=True)
        self._last_line = time.monotonic()

    # Steps and tool calls

    def _print_finished_steps(self, state: RunState) -> None:
        for index, step in enumerate(state.steps):
            if step.outcome == "running":
                self._step_starts.setdefault(index, time.monotonic())
                continue
            printed = self._printed_outcomes.get(index)
            # A paused step has its final outcome yet to come.
            if printed in (None, "paused") and printed != step.outcome:
                self._printed_outcomes[index] = step.outcome
                self._print_step(index, step, state.total_steps)

    def _print_step(self, index: int, step: Step, total: int) -> None:
        sign, ascii_sign, color = _OUTCOME_SIGNS[step.outcome]
        started = self._step_starts.get(index)
        seconds = step.seconds or (time.monotonic() - started if started is not None else 0.0)
        text = f"{index + 1}/{total} {step.name}" if total else step.name
        if seconds >= 0.05 and step.outcome != "paused":
            text += f" ({format_duration(seconds)})"
        if step.error:
            text += f": {one_line(step.error)}"
        colored_sign = colorize(ascii_sign if self._ascii_only else sign, color, self._stderr)
        self.print_line(one_line(text, max_length=400), sign=f"{colored_sign} ")

    def _print_activity(self, state: RunState) -> None:
        """One plain line for each new activity."""
        activity = _activity_line(state) if state.activity else ""
        if activity and activity != self._last_activity:
            self.print_line(activity)
        self._last_activity = activity

    # The answer

    def _stream_answer(self, text: str) -> None:
        """Print the part of the text that is new; what is printed cannot be taken back."""
        # Half an escape sequence would be shown as letters.
        text = complete_part(text)
        if len(text) > len(self._printed) and text.startswith(self._printed):
            self._write_answer(text[len(self._printed) :])
            self._printed = text

    def _write_answer(self, text: str) -> None:
        if not text:
            return
        self._clear_progress()
        text = strip_control_chars(text)
        self._stdout.write(text)
        self._stdout.flush()
        self._is_mid_line = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._is_mid_line:
            self._write_answer("\n")

    def _end_answer_line(self) -> None:
        """Keep our lines out of the answer's where both are on one screen."""
        if self._same_screen:
            self._end_line()

    # The progress line

    def _draw_progress(self, state: RunState) -> None:
        spinner = _SPINNERS[self._ascii_only]
        elapsed = format_duration(int(time.monotonic() - self._started))
        line = truncate(_activity_line(state), max(20, terminal_width(self._stderr) - len(elapsed) - 5))
        frame = spinner[self._frame % len(spinner)]
        self._stderr.write(f"{_CLEAR_LINE}{frame} {line}  {colorize(elapsed, 'dim', self._stderr)}")
        self._stderr.flush()
        self._progress_drawn = True

    def _clear_progress(self) -> None:
        if self._progress_drawn:
            self._progress_drawn = False
            self._stderr.write(_CLEAR_LINE)
            self._stderr.flush()


def _activity_line(state: RunState) -> str:
    return one_line(describe(state), max_length=400)
