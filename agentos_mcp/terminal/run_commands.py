"""`agentos-mcp run`, `continue`, `cancel` and `runs --follow`: a run started, followed, answered and cancelled."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import anyio

from agentos_mcp.agentos.catalog import Component, to_run
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest
from agentos_mcp.agentos.hints import Action, hint
from agentos_mcp.agentos.inputs.schemas import input_error
from agentos_mcp.agentos.pauses.requirements import questions
from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.agentos.runs.engine import Report
from agentos_mcp.agentos.runs.run import Kind, RunRef, RunState, Status
from agentos_mcp.agentos.task_groups import unwrapped_task_group
from agentos_mcp.runs.questions import answer_form
from agentos_mcp.runs.request import RunOptions, build_request, with_schema_notes
from agentos_mcp.terminal.argument_values import absolute_paths, json_object, json_value, read_output_schema
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.exit_codes import FAILED, INTERRUPTED, exit_code_for_run
from agentos_mcp.terminal.interrupts import Interrupts, catch_interrupts, stop_on_interrupt
from agentos_mcp.terminal.output import print_json
from agentos_mcp.terminal.question_prompts import ask_questions, can_prompt
from agentos_mcp.terminal.run_display import RunDisplay
from agentos_mcp.terminal.run_summary import run_document, summary_lines
from agentos_mcp.tooling.context import ToolContext

FollowRun = Callable[[Report], Awaitable[RunState]]
"""Follows a run until it ends or pauses."""

_CANCEL_TIMEOUT_SECONDS = 5.0


async def run_component(ctx: ToolContext, options: argparse.Namespace) -> int:
    """Run a component and follow it to its end; the exit code."""
    run_options = RunOptions(
        session_id=options.session_id,
        user_id=options.user_id or ctx.settings.user_id,
        session_state=json_object(options.session_state, "--session-state"),
        dependencies=json_object(options.dependencies, "--dependencies"),
        metadata=json_object(options.metadata, "--metadata"),
        knowledge_filters=json_value(options.knowledge_filters, "--knowledge-filters", (dict, list)),
        factory_input=json_object(options.factory_input, "--factory-input"),
        output_schema=read_output_schema(options.output_schema),
        files=absolute_paths(options.file) or None,
        version=options.component_version,
    )
    kind, component = await meant_component(ctx, options.kind, options.name)
    request = await build_request(ctx, kind, component, options.message, run_options)
    state = ctx.engine.new_run(request)
    start = partial(ctx.engine.run, request, state)
    try:
        return await _follow(ctx, state, start, options, output_schema=run_options.output_schema)
    except InvalidRequest as error:
        raise input_error(error) from error


async def continue_run(ctx: ToolContext, options: argparse.Namespace) -> int:
    """Answer a paused run and follow it; a run that is not paused is followed, or shown. The exit code."""
    ref = RunRef.parse(options.run)
    answers = json_object(options.answers, "--answers")
    state = await ctx.engine.read(ref)
    if answers is None or state.status is not Status.PAUSED:
        return await _follow(ctx, state, partial(ctx.engine.follow, ref), options)
    form = await answer_form(ctx, state, answers)
    return await _follow(ctx, state, partial(ctx.engine.continue_run, state, form), options)


async def follow_run(ctx: ToolContext, options: argparse.Namespace) -> int:
    """Follow a run that was started elsewhere; the exit code."""
    ref = RunRef.parse(options.run)
    return await _follow(ctx, RunState(ref), partial(ctx.engine.follow, ref), options, owns_run=False)


async def cancel_run(ctx: ToolContext, options: argparse.Namespace) -> int:
    """Cancel a run; FAILED where there was nothing to cancel."""
    from agentos_mcp.tools import runs

    ref = RunRef.parse(options.run)
    before = await ctx.engine.read(ref)
    had_ended = before.has_ended and before.status is not Status.PAUSED
    message = "" if had_ended else await runs.cancel_run(ctx, options.run)
    now = before if had_ended else await ctx.engine.read(ref)
    if options.json:
        print_json(run_document(now, ctx.surface), ctx.settings)
    elif now.has_ended and now.status is not Status.PAUSED:
        heading = "Nothing to cancel, the run has ended:" if had_ended else "The run has ended:"
        print(heading, *(line for line, _ in summary_lines(now, CommandSurface.of(options))), sep="\n")
    else:
        print(strip_control_chars(message))
    return FAILED if had_ended else 0


async def _follow(
    ctx: ToolContext,
    state: RunState,
    follow: FollowRun,
    options: argparse.Namespace,
    *,
    owns_run: bool = True,
    output_schema: Mapping[str, Any] | None = None,
) -> int:
    """Show a run to its end, and what became of it. `owns_run`: Ctrl-C cancels it, and its questions are asked here."""
    # An answer that has to fit a schema is data, which is of no use in pieces.
    display = RunDisplay(stream=not (options.json or output_schema or getattr(options, "no_stream", False)))
    followed = await follow_to_end(
        ctx, state, follow, display, owns_run=owns_run, may_ask=owns_run and not options.json
    )
    state = await with_schema_notes(followed.state, output_schema)
    if options.json:
        print_json(run_document(state, ctx.surface), ctx.settings)
    else:
        display.finish(state)
        for line, color in summary_lines(state, CommandSurface.of(options), questions_shown=followed.questions_shown):
            display.print_line(line, color)
    return INTERRUPTED if followed.interrupt_count else exit_code_for_run(state)


@dataclass(frozen=True)
class FollowedRun:
    """A run that ended, waits for somebody else, or was left: its last state, and how often Ctrl-C was pressed."""

    state: RunState
    interrupt_count: int
    questions_shown: bool
    """The person has seen the questions that it waits for."""


async def follow_to_end(
    ctx: ToolContext, state: RunState, follow: FollowRun, display: RunDisplay, *, owns_run: bool, may_ask: bool
) -> FollowedRun:
    """Show a run until there is nothing more to see. Raises what following it raised."""
    with catch_interrupts() as interrupts:
        follower = _RunFollower(ctx, state, display, interrupts, owns_run=owns_run, may_ask=may_ask)
        await follower.follow_to_end(follow)
    return FollowedRun(follower.state, interrupts.count, follower.questions_shown)


class _RunFollower:
    """Follows one run until it ends, waits for somebody else, or Ctrl-C stops it."""

    def __init__(
        self,
        ctx: ToolContext,
        state: RunState,
        display: RunDisplay,
        interrupts: Interrupts,
        *,
        owns_run: bool,
        may_ask: bool,
    ) -> None:
        self._ctx = ctx
        self.state = state
        """The last state that was reported."""
        self._display = display
        self._interrupts = interrupts
        self._owns_run = owns_run
        self._may_ask = may_ask and can_prompt()
        self._is_prompting = False
        self.questions_shown = False
        """The person has seen the questions that the run waits for."""

    async def follow_to_end(self, follow: FollowRun) -> None:
        """Return when there is nothing more to see. Raises what following the run raised."""
        async with unwrapped_task_group() as tasks:
            tasks.start_soon(self._display.keep_alive)
            tasks.start_soon(self._stop_on_interrupt, tasks.cancel_scope)
            next_follow: FollowRun | None = follow
            while next_follow is not None:
                self._report(await next_follow(self._report))
                next_follow = await self._answer_pause()
            tasks.cancel_scope.cancel()

    def _report(self, state: RunState) -> None:
        self.state = state
        self._display.report(state)

    async def _answer_pause(self) -> FollowRun | None:
        """How to follow the run after the person answered its pause; None where it has ended or stays paused."""
        state = self.state
        if state.status is not Status.PAUSED or not self._may_ask or self._interrupts.count:
            return None
        pending = questions(state.ref, state.requirements, state.choices)
        if not pending or not all(question.fields for question in pending):
            return None  # somebody else has to answer part of it
        self._is_prompting = self.questions_shown = True
        answers = await ask_questions(pending, self._display)
        if answers is None:
            return None
        self._is_prompting = self.questions_shown = False
        # Answers to a run that is no longer paused would execute it again.
        now = await self._ctx.engine.read(state.ref)
        try:
            if now.status is Status.PAUSED:
                state = replace(state, requirements=now.requirements)
                form = await answer_form(self._ctx, state, answers)
                return partial(self._ctx.engine.continue_run, state, form)
        except InvalidRequest as error:
            self._display.print_line(error.message)
        else:
            self._display.print_line("Somebody else has answered it.")
        return partial(self._ctx.engine.follow, state.ref)

    async def _stop_on_interrupt(self, following: anyio.CancelScope) -> None:
        await stop_on_interrupt(
            self._interrupts,
            following,
            self._display,
            should_cancel_run=lambda: self._owns_run and not self._is_prompting,
            cancel_run=self._cancel_run,
        )

    async def _cancel_run(self) -> None:
        try:
            # Shielded: a second Ctrl-C stops the waiting, not the cancellation.
            with anyio.fail_after(_CANCEL_TIMEOUT_SECONDS, shield=True):
                await self._ctx.engine.cancel(self.state.ref)
        except (AgentOSError, TimeoutError) as error:
            reason = error or "AgentOS does not answer"
            self._display.print_line(f"The run could not be cancelled: {reason}", "red")
        else:
            await self._ctx.engine.repeat_cancellation(self.state.ref, self._wait_for_end)

    async def _wait_for_end(self, seconds: float) -> bool:
        await anyio.sleep(seconds)
        return self.state.has_ended


async def meant_component(ctx: ToolContext, kind: Kind | Literal[""], name: str) -> tuple[Kind, str]:
    """The kind and the id or name of the component: without a kind, of the one with that name among all kinds.

    Raises NotFound where that is none or several.
    """
    if kind and name:
        return kind, name
    if kind:
        return kind, await _only_component(ctx, kind)
    component = await ctx.catalog.find("", name, to_run) if name else await _only_component_of_all(ctx)
    return component.kind, component.id


async def _only_component_of_all(ctx: ToolContext) -> Component:
    components = (await ctx.catalog.inventory()).components
    if len(components) == 1:
        return components[0]
    raise InvalidRequest(
        f"This AgentOS has {len(components)} components." if components else "This AgentOS has no components.",
        hint(
            "Name one of them: {agents}, {teams} and {workflows} list them.",
            agents=Action.of("list_agents"),
            teams=Action.of("list_teams"),
            workflows=Action.of("list_workflows"),
        ),
    )


async def _only_component(ctx: ToolContext, kind: Kind) -> str:
    """The id of the only component of a kind. Raises InvalidRequest where there is none, or more than one."""
    components = (await ctx.catalog.inventory()).of(kind)
    if len(components) == 1:
        return components[0].id
    if not components:
        raise InvalidRequest(
            f"This AgentOS has no {kind}s.",
            hint(
                "{agents}, {teams} and {workflows} list what it has.",
                agents=Action.of("list_agents"),
                teams=Action.of("list_teams"),
                workflows=Action.of("list_workflows"),
            ),
        )
    ids = ", ".join(component.id for component in components)
    raise InvalidRequest(f"There are {len(components)} {kind}s.", f"Name one of them: {ids}.")
