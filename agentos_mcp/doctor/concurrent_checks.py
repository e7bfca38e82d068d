"""Checks that run side by side, and are told in their order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.doctor.findings import Finding, Tell, bad

Check = Callable[[Tell], Awaitable[None]]


async def side_by_side(checks: Sequence[Check], tell: Tell) -> None:
    """Run the checks at the same time.

    A finding is told at once where all the checks before its own are done, else as soon as they
    are: what is printed grows only at its end, and is the same every time.
    """
    waiting: list[list[Finding]] = [[] for _ in checks]
    done = [False] * len(checks)

    def tell_what_is_due() -> None:
        for findings, over in zip(waiting, done, strict=True):
            for finding in findings:
                tell(finding)
            findings.clear()
            if not over:
                return

    async def run(number: int) -> None:
        def hear(finding: Finding) -> None:
            waiting[number].append(finding)
            tell_what_is_due()

        await _guarded(checks[number], hear)
        done[number] = True
        tell_what_is_due()

    await gather(partial(run, number) for number in range(len(checks)))


async def _guarded(check: Check, tell: Tell) -> None:
    """A check that breaks is a finding, not the end of the others."""
    try:
        await check(tell)
    except Exception as error:
        tell(
            bad(
                "Doctor",
                f"a check broke off ({type(error).__name__}: {error}), and that is a fault of agentos-mcp's",
                "Tell its authors, with these words.",
            )
        )
