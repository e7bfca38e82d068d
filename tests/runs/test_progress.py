"""How a run's states become progress: what is said, when, and with which numbers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise

import anyio
import anyio.lowlevel
import pytest

from agentos_mcp.agentos.runs.registry import LiveRun
from agentos_mcp.agentos.runs.run import RunRef, RunState, Status, Step
from agentos_mcp.runs import progress as progress_module
from agentos_mcp.runs.progress import Progress, Send, describe

pytestmark = pytest.mark.anyio

REF = RunRef("workflow", "w", "s", "r")
RUNNING = RunState(ref=REF, status=Status.RUNNING, total_steps=3, events=1)
EDIT = replace(RUNNING, steps=(Step("research", "completed"), Step("edit")))


@dataclass
class NotificationRecorder:
    """Hears progress, with the time of each."""

    heard: list[tuple[float, float, float | None, str]] = field(default_factory=list)
    news: anyio.Event = field(default_factory=anyio.Event)

    async def __call__(self, value: float, total: float | None, message: str) -> None:
        self.heard.append((anyio.current_time(), value, total, message))
        self.news.set()
        self.news = anyio.Event()

    @property
    def values(self) -> list[float]:
        return [value for _, value, _, _ in self.heard]

    @property
    def messages(self) -> list[str]:
        return [message for *_, message in self.heard]

    async def until(self, true: Callable[[], bool]) -> None:
        while not true():
            await self.news.wait()


@asynccontextmanager
async def shown_to(ear: Send | None) -> AsyncIterator[LiveRun]:
    """A run that is shown to somebody, until its last state has been."""
    run = LiveRun(RunState(ref=REF))
    progress = Progress(ear)

    async def show() -> None:
        await run.watch(display=progress)
        await progress.finish(run.state)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(show)
        yield run
        run.finish()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (RunState(ref=REF), "starting"),
        (RUNNING, "working"),
        (EDIT, "2/3 edit"),
        (replace(EDIT, activity="calling search_knowledge"), "2/3 edit: calling search_knowledge"),
        (replace(EDIT, actor="Writer", last_words="so it\n ends"), "2/3 edit · Writer: …so it ends"),
        (replace(EDIT, actor="Edit", last_words="here"), "2/3 edit: …here"),
        (replace(EDIT, substep="round 2/3"), "2/3 edit · round 2/3"),
        (replace(EDIT, total_steps=0), "step 2 edit"),
        (replace(RUNNING, total_steps=0, actor="Writer", activity="thinking"), "Writer: thinking"),
        (replace(RUNNING, last_words="last words"), "…last words"),
    ],
)
async def test_describe_is_one_short_line(state: RunState, words: str) -> None:
    assert describe(state) == words


async def test_describe_shows_only_the_last_whole_words() -> None:
    line = describe(replace(EDIT, last_words="word " * 50 + "end"))
    assert len(line) < 80
    assert line.startswith("2/3 edit: …word word")
    assert line.endswith("end")


async def test_first_state_with_news_is_sent_at_once() -> None:
    ear = NotificationRecorder()
    async with shown_to(ear) as live:
        live.report(RunState(ref=REF))
        begun = anyio.current_time()
        live.report(EDIT)
        await ear.until(lambda: bool(ear.heard))
    assert ear.messages[0] == "2/3 edit"
    assert ear.heard[0][0] - begun < progress_module.MIN_INTERVAL_SECONDS


async def test_notifications_are_at_most_five_a_second() -> None:
    ear = NotificationRecorder()
    async with shown_to(ear) as live:
        end = anyio.current_time() + 1.1
        number = 0
        while anyio.current_time() < end:
            number += 1
            live.report(replace(EDIT, activity=f"calling tool {number}"))
            await anyio.sleep(0.001)
    times = [time for time, *_ in ear.heard]
    assert 4 <= len(times) <= 7
    assert all(later - earlier >= 0.19 for earlier, later in pairwise(times))


async def test_words_alone_are_sent_less_often_than_steps() -> None:
    ear = NotificationRecorder()
    async with shown_to(ear) as live:
        end = anyio.current_time() + 1.1
        words = ""
        while anyio.current_time() < end:
            words += "word "
            live.report(replace(EDIT, last_words=words))
            await anyio.sleep(0.001)
    assert 2 <= len(ear.heard) <= 4


async def test_heartbeat_breaks_silence_with_the_elapsed_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "HEARTBEAT_SECONDS", 0.05)
    ear = NotificationRecorder()
    async with shown_to(ear) as live:
        live.report(EDIT)
        await ear.until(lambda: len(ear.heard) >= 4)
    assert ear.messages[0] == "2/3 edit"
    assert all(message == "2/3 edit (0 s)" for message in ear.messages[1:4])
    assert ear.values == sorted(set(ear.values))


async def test_heartbeat_is_sent_for_a_run_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "HEARTBEAT_SECONDS", 0.05)
    ear = NotificationRecorder()
    async with shown_to(ear) as live:
        live.report(RunState(ref=REF))
        await ear.until(lambda: bool(ear.heard))
    assert ear.messages[0] == "starting (0 s)"


async def test_heartbeat_comes_at_least_every_ten_seconds() -> None:
    assert progress_module.HEARTBEAT_SECONDS < 10


async def test_progress_counts_finished_steps_and_never_decreases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "MIN_INTERVAL_SECONDS", 0.0)
    ear = NotificationRecorder()
    async with shown_to(ear) as live:
        for number in range(1, 4):
            steps = tuple(Step(f"s{n}") for n in range(number))
            for call in range(30):
                before = len(ear.heard)
                live.report(replace(RUNNING, steps=steps, activity=f"call {call}"))
                await ear.until(lambda before=before: len(ear.heard) > before)  # type: ignore[misc]  # a default binds the loop's value
        live.report(replace(RUNNING, steps=steps, status=Status.COMPLETED))
    assert all(later > earlier for earlier, later in pairwise(ear.values))
    assert {total for _, _, total, _ in ear.heard} == {3.0}
    assert ear.values[29] < 1 <= ear.values[30] < 2 <= ear.values[60] < 3
    assert ear.values[-1] == 3.0


async def test_progress_without_a_number_of_steps_has_no_total() -> None:
    ear = NotificationRecorder()
    async with shown_to(ear) as live:
        live.report(replace(RUNNING, total_steps=0))
        await ear.until(lambda: bool(ear.heard))
        live.report(replace(RUNNING, total_steps=0, status=Status.COMPLETED))
    assert [(value, total) for _, value, total, _ in ear.heard] == [(1.0, None), (2.0, None)]


async def test_progress_with_more_steps_than_known_drops_the_total() -> None:
    ear = NotificationRecorder()
    async with shown_to(ear) as live:
        live.report(replace(RUNNING, total_steps=1, steps=(Step("a"), Step("b"))))
        await ear.until(lambda: bool(ear.heard))
    assert ear.heard[0][2] is None


async def test_progress_without_a_receiver_does_nothing() -> None:
    async with shown_to(None) as live:
        live.report(EDIT)


async def test_failing_receiver_does_not_end_the_run() -> None:
    calls = 0

    async def deaf(value: float, total: float | None, message: str) -> None:
        nonlocal calls
        calls += 1
        raise anyio.BrokenResourceError

    async with shown_to(deaf) as live:
        live.report(EDIT)
        while not calls:
            await anyio.lowlevel.checkpoint()
        live.report(replace(EDIT, activity="more"))
    assert calls == 1
