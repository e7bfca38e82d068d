"""A real run on the AgentOS: the only check that shows that everything works together."""

from __future__ import annotations

import anyio

from agentos_mcp.agentos.catalog import Component, Inventory, display_id, match_component
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.runs.run import KINDS, RunNote, RunState, Status
from agentos_mcp.agentos.runs.starter import RunRequest
from agentos_mcp.doctor.findings import Finding, bad, good, warning
from agentos_mcp.doctor.fixes import FixStep, from_hint, run_command
from agentos_mcp.runs.request import RunOptions, build_request
from agentos_mcp.runs.result import answer_text
from agentos_mcp.settings import Settings
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.tooling.context import ToolContext, open_backend

MESSAGE = "Say hello in one word."
TIMEOUT_SECONDS = 60.0
"""For the run, which is cancelled then."""
_CANCEL_SECONDS = 3.0
_STORED_AFTER_SECONDS = 2.0
"""How long after its end a run is stored at the latest."""
_POLL_SECONDS = 0.25


async def trial_run(
    settings: Settings,
    component_name: str,
    seconds: float = TIMEOUT_SECONDS,
    surface: CommandSurface | None = None,
) -> Finding:
    """Run a component ("" for the first one, else KIND:NAME or NAME) and tell how the run ended.

    `surface` writes the commands that are about it.
    """
    surface = surface or CommandSurface()
    async with open_backend(settings) as backend:
        ctx = ToolContext.headless(backend)
        try:
            component = _find_component(component_name, await ctx.catalog.inventory())
            request = await build_request(ctx, component.kind, component.id, MESSAGE, RunOptions())
            state = await _run(ctx, request, seconds)
            return _not_stored(state) if await _is_lost(ctx, state) else _run_finding(state, seconds, surface)
        except AgentOSError as error:
            fix = from_hint(error, surface, run_command("List the components", "agents", *surface.connection_flags))
            return bad("Test run", one_line(error.message), *fix)


def _find_component(name: str, inventory: Inventory) -> Component:
    """Raises NotFound with similar names, InvalidRequest where there is nothing to choose from."""
    if not inventory.components:
        raise InvalidRequest("There is nothing to run.", "Give your AgentOS an agent: AgentOS(agents=[...])")
    if not name:
        return inventory.components[0]
    prefix, colon, component_name = name.partition(":")
    kinds = [kind for kind in KINDS if prefix.strip().casefold() in {kind, f"{kind}s"}]
    if colon and kinds:
        return match_component(kinds[0], component_name.strip(), inventory)
    if colon:
        raise InvalidRequest(f"--run {name} has no valid kind.", "Use --run agent:NAME, team:NAME or workflow:NAME.")
    for kind in KINDS:
        try:
            return match_component(kind, name, inventory)
        except NotFound:
            continue
    return match_component("agent", name, inventory)


async def _run(ctx: ToolContext, request: RunRequest, seconds: float) -> RunState:
    """The run's last state. It is cancelled when time is up, or the person interrupts the command."""
    latest = ctx.engine.new_run(request)

    def keep(state: RunState) -> None:
        nonlocal latest
        latest = state

    has_ended = False
    try:
        with anyio.move_on_after(seconds):
            latest = await ctx.engine.run(request, latest, keep)
            has_ended = True
    finally:
        if not has_ended:
            with anyio.move_on_after(_CANCEL_SECONDS, shield=True):
                await ctx.engine.cancel(latest.ref)
    return latest


async def _is_lost(ctx: ToolContext, state: RunState) -> bool:
    """Whether the database did not store the run. AgentOS itself does not report a broken database."""
    if state.status is not Status.COMPLETED or RunNote.NOT_BACKGROUND in state.notes:
        return False
    if not (await ctx.catalog.inventory()).databases:
        return False
    with anyio.move_on_after(_STORED_AFTER_SECONDS):
        while True:
            try:
                await ctx.engine.read(state.ref)
            except NotFound:
                await anyio.sleep(_POLL_SECONDS)
            except AgentOSError:
                return False  # this token does not permit reading it
            else:
                return False
    return True


def _not_stored(state: RunState) -> Finding:
    return bad(
        "Test run",
        f"{_component_name(state)} answered, but its database did not store the run: it cannot be found again or "
        "continued",
        FixStep("Check AgentOS's database; AgentOS's log says what is wrong with it."),
    )


def _run_finding(state: RunState, seconds: float, surface: CommandSurface) -> Finding:
    name = _component_name(state)
    flags = surface.connection_flags
    explain = run_command("See the details", "runs", str(state.ref), "--explain", *flags)
    duration = f" in {state.seconds:.1f} s" if state.seconds else ""
    if not state.has_ended:
        return warning("Test run", f"{name} was still running after {seconds:g} s, and was cancelled", explain)
    if state.status is Status.PAUSED:
        answer = run_command("Answer it", "continue", str(state.ref), *flags)
        return good("Test run", f"{name} ran, and waits for an answer", answer)
    if state.status is not Status.COMPLETED:
        reason = one_line(state.error) or "no reason given"
        return bad("Test run", f"{name} ended with status {state.status.lower()}: {reason}", explain)
    if state.failed_steps:
        step = state.failed_steps[0]
        message = f"{name} completed{duration}, but its step {step.name} failed: {one_line(step.error)}"
        return warning("Test run", message, explain)
    return good("Test run", f"{name} answered{duration}: {one_line(answer_text(state), max_length=60) or 'nothing'}")


def _component_name(state: RunState) -> str:
    return f"{state.ref.kind} {display_id(state.ref.component)}"
