"""A real run, for a test: the one thing that shows that all of it works."""

from __future__ import annotations

import anyio

from agentos_mcp.agentos.catalog import Component, Inventory, match, shown_id
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound
from agentos_mcp.agentos.runs.engine import NOT_BACKGROUND
from agentos_mcp.agentos.runs.run import KINDS, RunState, Status
from agentos_mcp.agentos.runs.start import RunRequest
from agentos_mcp.doctor.findings import Finding, Tell, bad, good, warning
from agentos_mcp.doctor.fix_commands import own_command
from agentos_mcp.install.host_system import System
from agentos_mcp.runs.request import RunOptions, build_request
from agentos_mcp.runs.result import answer_text
from agentos_mcp.settings import Settings
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.tooling.context import ToolContext, open_backend
from agentos_mcp.tooling.markdown import one_line

MESSAGE = "Say hello in one word."
SECONDS = 60.0
"""For the run, which is cancelled then."""
_CANCEL_SECONDS = 3.0
_KEPT_WITHIN = 8
"""Quarters of a second after its end in which a run is stored."""


async def try_run(settings: Settings, asked: str, system: System, tell: Tell, seconds: float = SECONDS) -> None:
    """Run what is asked for ("" for the first component there is, else KIND:NAME or NAME); tell what came of it."""
    async with open_backend(settings) as backend:
        ctx = ToolContext.headless(backend)
        try:
            component = _chosen(asked, await ctx.catalog.inventory())
            order = await build_request(ctx, component.kind, component.id, MESSAGE, RunOptions())
            state = await _run(ctx, order, seconds)
            finding = _lost(state) if await _is_lost(ctx, state) else _told(state, system, seconds)
        except AgentOSError as error:
            fix = one_line(error.hint.render(CommandSurface())) or "See what there is: " + own_command(system, "agents")
            finding = bad("Test run", one_line(error.message), fix)
    tell(finding)


def _chosen(asked: str, contents: Inventory) -> Component:
    """Raises NotFound with what may be meant, InvalidRequest where there is nothing to choose from."""
    if not contents.components:
        raise InvalidRequest("There is nothing to run.", "Give your AgentOS an agent: AgentOS(agents=[...])")
    if not asked:
        return contents.components[0]
    kind, colon, name = asked.partition(":")
    wanted = [known for known in KINDS if kind.strip().casefold() in {known, f"{known}s"}]
    if colon and wanted:
        return match(wanted[0], name.strip(), contents)
    if colon:
        raise InvalidRequest(f"--run {asked} names no kind.", "Write --run agent:NAME, team:NAME or workflow:NAME.")
    for known in KINDS:
        try:
            return match(known, asked, contents)
        except NotFound:
            continue
    return match("agent", asked, contents)


async def _run(ctx: ToolContext, order: RunRequest, seconds: float) -> RunState:
    """The run's end; or where it stands when time is up, or the person leaves, and it is cancelled."""
    latest = ctx.engine.name(order)

    def keep(state: RunState) -> None:
        nonlocal latest
        latest = state

    ended = False
    try:
        with anyio.move_on_after(seconds):
            latest = await ctx.engine.run(order, latest, keep)
            ended = True
    finally:
        if not ended:
            with anyio.move_on_after(_CANCEL_SECONDS, shield=True):
                await ctx.engine.cancel(latest.ref)
    return latest


async def _is_lost(ctx: ToolContext, state: RunState) -> bool:
    """Whether a database that should have kept the run did not. AgentOS itself says nothing of a broken one."""
    if state.status is not Status.COMPLETED or NOT_BACKGROUND in state.notes:
        return False
    if not (await ctx.catalog.inventory()).databases:
        return False
    for _ in range(_KEPT_WITHIN):
        try:
            await ctx.engine.read(state.ref)
        except NotFound:
            await anyio.sleep(0.25)
        except AgentOSError:
            return False  # this token may not look
        else:
            return False
    return True


def _lost(state: RunState) -> Finding:
    name = f"{state.ref.kind} {shown_id(state.ref.component)}"
    return bad(
        "Test run",
        f"{name} answered, but its database did not keep the run: nothing can be found again or continued",
        "See to AgentOS's database; its own log says what is wrong with it.",
    )


def _told(state: RunState, system: System, seconds: float) -> Finding:
    name = f"{state.ref.kind} {shown_id(state.ref.component)}"
    look = f"Look closer: {own_command(system, 'runs', str(state.ref), '--explain')}"
    took = f" in {state.seconds:.1f} s" if state.seconds else ""
    if not state.ended:
        return warning("Test run", f"{name} goes on after {seconds:g} s, and was cancelled", look)
    if state.status is Status.PAUSED:
        return good(
            "Test run",
            f"{name} ran, and waits for an answer",
            f"Answer it: {own_command(system, 'continue', str(state.ref))}",
        )
    if state.status is not Status.COMPLETED:
        return bad(
            "Test run", f"{name} ended with {state.status.lower()}: {one_line(state.error) or 'no reason given'}", look
        )
    if state.failed_steps:
        step = state.failed_steps[0]
        return warning(
            "Test run", f"{name} completed{took}, but its step {step.name} failed: {one_line(step.error)}", look
        )
    return good("Test run", f"{name} answered{took}: {one_line(answer_text(state), most=60) or 'nothing'}")
