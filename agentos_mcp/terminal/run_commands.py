"""`agentos-mcp run`, `continue`, `cancel` and `runs --follow`: a run watched, answered and cancelled at a terminal."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import anyio

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest
from agentos_mcp.agentos.inputs.schemas import input_error
from agentos_mcp.agentos.pauses.requirements import questions
from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.agentos.runs.engine import Report
from agentos_mcp.agentos.runs.run import Kind, RunRef, RunState, Status
from agentos_mcp.agentos.task_groups import unwrapped_task_group
from agentos_mcp.runs.questions import answer_form
from agentos_mcp.runs.request import RunOptions, build_request, with_schema_notes
from agentos_mcp.terminal.argument_values import json_object, json_value, local_files, schema_of
from agentos_mcp.terminal.interrupts import Interrupts, heard_interrupts
from agentos_mcp.terminal.live_display import Display
from agentos_mcp.terminal.printing import print_json
from agentos_mcp.terminal.question_prompts import ask, people_can_be_asked
from agentos_mcp.terminal.run_outcome import FAILED, INTERRUPTED, closing, exit_code, run_document
from agentos_mcp.tooling.context import ToolContext

Go = Callable[[Report], Awaitable[RunState]]
"""Follows a run to its next end."""

_CANCEL_SECONDS = 5.0


async def run(ctx: ToolContext, options: argparse.Namespace) -> int:
    """Run a component and watch it to its end; the exit code."""
    kind: Kind = options.kind
    given = RunOptions(
        session_id=options.session_id,
        user_id=options.user_id or ctx.settings.user_id,
        session_state=json_object(options.session_state, "--session-state"),
        dependencies=json_object(options.dependencies, "--dependencies"),
        metadata=json_object(options.metadata, "--metadata"),
        knowledge_filters=json_value(options.knowledge_filters, "--knowledge-filters", (dict, list)),
        factory_input=json_object(options.factory_input, "--factory-input"),
        output_schema=schema_of(options.output_schema),
        files=local_files(options.file) or None,
        version=options.component_version,
    )
    order = await build_request(ctx, kind, options.name or await _only(ctx, kind), options.message, given)
    state = ctx.engine.name(order)
    start = partial(ctx.engine.run, order, state)
    try:
        return await _watch(ctx, state, start, options, schema=given.output_schema)
    except InvalidRequest as error:
        raise input_error(error) from error


async def go_on(ctx: ToolContext, options: argparse.Namespace) -> int:
    """Answer a paused run and watch it; a run that waits for nothing is watched, or shown. The exit code."""
    ref = RunRef.parse(options.run)
    answers = json_object(options.answers, "--answers")
    state = await ctx.engine.read(ref)
    if answers is None or state.status is not Status.PAUSED:
        return await _watch(ctx, state, partial(ctx.engine.follow, ref), options)
    form = await answer_form(ctx, state, answers)
    return await _watch(ctx, state, partial(ctx.engine.continue_run, state, form), options)


async def follow(ctx: ToolContext, options: argparse.Namespace) -> int:
    """Watch a run that somebody started; the exit code."""
    ref = RunRef.parse(options.run)
    return await _watch(ctx, RunState(ref), partial(ctx.engine.follow, ref), options, ours=False)


async def cancel(ctx: ToolContext, options: argparse.Namespace) -> int:
    """Cancel a run; 1 where there was nothing to cancel."""
    from agentos_mcp.tools.runs import cancel_run

    ref = RunRef.parse(options.run)
    before = await ctx.engine.read(ref)
    idle = before.ended and before.status is not Status.PAUSED
    words = "" if idle else await cancel_run(ctx, options.run)
    now = before if idle else await ctx.engine.read(ref)
    if options.json:
        print_json(run_document(now, ctx.surface))
    elif now.ended and now.status is not Status.PAUSED:
        print(
            "Nothing to cancel:" if idle else "It has ended:",
            *(line for line, _ in closing(now, ctx.surface)),
            sep="\n",
        )
    else:
        print(strip_control_chars(words))
    return FAILED if idle else 0


async def _watch(
    ctx: ToolContext,
    state: RunState,
    go: Go,
    options: argparse.Namespace,
    *,
    ours: bool = True,
    schema: Mapping[str, Any] | None = None,
) -> int:
    """Show a run to its end. `ours`: Ctrl-C cancels it, and the person is asked what it asks."""
    # An answer that has to fit a schema is data, which nobody wants in pieces.
    display = Display(stream=not (options.json or schema or getattr(options, "no_stream", False)))
    with heard_interrupts() as interrupts:
        watching = _Watching(ctx, state, display, interrupts, ours=ours, can_ask=ours and not options.json)
        await watching.to_the_end(go)
    state = await with_schema_notes(watching.state, schema)
    if options.json:
        print_json(run_document(state, ctx.surface))
    else:
        display.finish(state)
        for line, color in closing(state, ctx.surface, asked=watching.asked):
            display.note(line, color)
    return INTERRUPTED if interrupts.count else exit_code(state)


class _Watching:
    """One run, watched until it ends, waits for somebody else, or is left."""

    def __init__(
        self, ctx: ToolContext, state: RunState, display: Display, interrupts: Interrupts, *, ours: bool, can_ask: bool
    ) -> None:
        self._ctx = ctx
        self.state = state
        """Where the run stands, as far as it was seen."""
        self._display = display
        self._interrupts = interrupts
        self._ours = ours
        self._can_ask = can_ask and people_can_be_asked()
        self._asking = False
        self.asked = False
        """The person has seen what it waits for."""

    async def to_the_end(self, go: Go) -> None:
        """Return when there is no more to be seen. Raises what following the run raised."""
        async with unwrapped_task_group() as tasks:
            tasks.start_soon(self._display.keep_moving)
            tasks.start_soon(self._hear_interrupts, tasks.cancel_scope)
            following: Go | None = go
            while following is not None:
                self._report(await following(self._report))
                following = await self._after_a_pause()
            tasks.cancel_scope.cancel()

    def _report(self, state: RunState) -> None:
        self.state = state
        self._display.report(state)

    async def _after_a_pause(self) -> Go | None:
        """How the run goes on with the person's answers; None where it has ended, or is left as it is."""
        state = self.state
        if state.status is not Status.PAUSED or not self._can_ask or self._interrupts.count:
            return None
        asked = questions(state.ref, state.requirements)
        if not asked or not all(question.fields for question in asked):
            return None  # some of it is not the person's to answer
        self._asking = self.asked = True
        answers = await ask(asked, self._display)
        if answers is None:
            return None
        self._asking = self.asked = False
        # Answers to a run that does not wait any more would execute it again.
        now = await self._ctx.engine.read(state.ref)
        try:
            if now.status is Status.PAUSED:
                state = replace(state, requirements=now.requirements)
                form = await answer_form(self._ctx, state, answers)
                return partial(self._ctx.engine.continue_run, state, form)
        except InvalidRequest as problem:
            self._display.note(problem.message)
        else:
            self._display.note("Somebody else has answered it.")
        return partial(self._ctx.engine.follow, state.ref)

    async def _hear_interrupts(self, scope: anyio.CancelScope) -> None:
        """The first Ctrl-C cancels the run, the second leaves it. Before a question, and at others' runs, the first."""
        await self._interrupts.wait_for(1)
        ref = self.state.ref
        if not self._ours or self._asking:
            self._display.note("")
            scope.cancel()
            return
        self._display.note("Cancelling (Ctrl-C again: leave without waiting for it)", "yellow")
        async with unwrapped_task_group() as tasks:
            tasks.start_soon(self._cancel, ref)
            await self._interrupts.wait_for(2)
            scope.cancel()

    async def _cancel(self, ref: RunRef) -> None:
        try:
            # Also where the person does not wait: what they asked for first is still to be done.
            with anyio.fail_after(_CANCEL_SECONDS, shield=True):
                await self._ctx.engine.cancel(ref)
        except (AgentOSError, TimeoutError) as error:
            self._display.note(f"It could not be cancelled: {error or 'AgentOS does not answer'}", "red")


async def _only(ctx: ToolContext, kind: Kind) -> str:
    """The only component of a kind. Raises InvalidRequest where there is none, or more than one."""
    components = (await ctx.catalog.inventory()).of(kind)
    if len(components) == 1:
        return components[0].id
    if not components:
        raise InvalidRequest(
            f"This AgentOS has no {kind}s.", "`agentos-mcp agents`, `teams` and `workflows` list what it has."
        )
    listed = ", ".join(component.id for component in components)
    raise InvalidRequest(f"There are {len(components)} {kind}s.", f"Name one of them: {listed}.")
