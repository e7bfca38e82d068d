"""A tool call that runs a component, or continues a paused run.

`request.py` checks the arguments, the run registry starts the run, `follow_run.py` waits for it; a run that pauses
then asks the person (`questions.py`), and the client calls again with the answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcp_types import CallToolResult, InputRequiredResult

from agentos_mcp.agentos.catalog import to_run
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest
from agentos_mcp.agentos.inputs.schemas import input_error
from agentos_mcp.agentos.pauses.requirements import InvalidAnswers
from agentos_mcp.agentos.runs.run import Kind, RunNote, RunRef, Status
from agentos_mcp.runs.follow_run import follow_run
from agentos_mcp.runs.questions import answer_form, question_run, read_answer
from agentos_mcp.runs.request import RunOptions, build_request
from agentos_mcp.runs.result import result_text
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.mcp_tool import error_result, text_result

RunResult = CallToolResult | InputRequiredResult


async def run_component(
    ctx: ToolContext, kind: Kind, query: str, message: str, options: RunOptions, wait: float | None = None
) -> RunResult:
    """Run a component, which `query` names by id or name; in a later round of the call, answer what it asked."""
    if (ref := question_run(ctx)) is not None:
        component = await ctx.catalog.find(kind, query, to_run)
        if (ref.kind, ref.component) != (component.kind, component.id):
            raise _of_another_run(ref)
        return await continue_paused(ctx, ref, {}, wait, schema=options.output_schema)
    request = await build_request(ctx, kind, query, message, options)
    try:
        return await follow_run(ctx, ctx.run_registry.start(request, options.output_schema), wait=wait)
    except AgentOSError as error:
        raise input_error(error) from error


async def continue_paused(
    ctx: ToolContext,
    ref: RunRef,
    answers: Mapping[str, Any],
    wait: float | None,
    *,
    schema: Mapping[str, Any] | None = None,
) -> RunResult:
    """Continue a paused run, or show where it stands if it waits for nothing.

    `schema` is what its answer has to fit, where the call that started it comes again.
    """
    if (other_run := question_run(ctx)) is not None and other_run != ref:
        raise _of_another_run(other_run)
    async with ctx.run_registry.lock(ref):
        run = ctx.run_registry.get(ref)
        if run is None or run.done:
            state = run.state if run is not None else await ctx.engine.read(ref)
            if state.status is not Status.PAUSED:
                return await follow_run(ctx, ctx.run_registry.attach(ref), wait=wait, schema=schema)
            if RunNote.UNANSWERABLE in state.notes:
                return error_result(result_text(ctx, state))
            if (options := read_answer(ctx, state)) is not None:
                if options.outdated:
                    current = result_text(ctx, state)
                    return error_result(
                        f"Nothing was sent: the answer is to an earlier question of this run.\n{current}"
                    )
                if options.answers is None:
                    return text_result(result_text(ctx, state))
                answers = options.answers
            try:
                form = await answer_form(ctx, state, answers)
            except InvalidAnswers as error:
                if not answers:
                    return text_result(result_text(ctx, state))
                return error_result(f"{error}\n{result_text(ctx, state)}")
            except InvalidRequest as error:
                return error_result(f"{error}\n{result_text(ctx, state)}")
            run = ctx.run_registry.resume(state, form)
    return await follow_run(ctx, run, wait=wait, schema=schema)


def _of_another_run(ref: RunRef) -> InvalidRequest:
    return InvalidRequest(
        f"Nothing was sent: the answer is to a question of another run ({ref}).",
        "Call the tool again without it.",
    )
