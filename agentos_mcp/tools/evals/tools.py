"""Evaluations of agents and teams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import anyio
from pydantic import FailFast, Field, WithJsonSchema

from agentos_mcp.agentos.catalog import Component, display_id
from agentos_mcp.agentos.errors import InvalidRequest, NotFound, ServerFailure, Unreachable, Unsupported
from agentos_mcp.agentos.hints import Action, Parameter, as_hint, hint
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.agentos.pagination import PERIOD_PAGE_SIZE, period_note, read_period, slice_page
from agentos_mcp.agentos.pagination import Page as Listed
from agentos_mcp.agentos.timestamps import Period
from agentos_mcp.runs.timeouts import call_wait
from agentos_mcp.tooling.context import UNSEEN, ToolContext, present_values
from agentos_mcp.tooling.parameters import (
    AnyKind,
    ComponentId,
    DbId,
    JsonObject,
    Limit,
    Names,
    Page,
    Since,
    Text,
)
from agentos_mcp.tooling.results import Message, Record, Table
from agentos_mcp.tooling.time_arguments import parse_period
from agentos_mcp.tooling.tool_spec import DATABASE, Toolset, destructive, read, write
from agentos_mcp.tooling.typed_values import time_value
from agentos_mcp.tools.evals.evaluated_run import find_evaluated_run, read_texts
from agentos_mcp.tools.evals.format import NO_RESULT, EvalType, component_of, eval_line, eval_outcome, eval_record

EvalId = Annotated[str, Field(description="Of list_evals")]
ExpectedTools = Annotated[
    list[str] | None,
    FailFast(),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "description": "For reliability"}),
]

_EVAL = "/eval-runs/{eval_run_id}"
_MAX_NAME_LENGTH = 255
_SHOWN_EVALS = 10
"""Of those that are deleted, to the person who has to agree to it."""

_OPTIONS: Mapping[EvalType, tuple[str, ...]] = {
    "accuracy": ("expected_output", "openai_judge", "iterations"),
    "agent_as_judge": ("criteria", "passing_score", "openai_judge"),
    "performance": ("iterations",),
    "reliability": ("expected_tools", "expected_arguments", "allow_other_tools"),
}
"""What each type of eval is given, what it needs first. AgentOS ignores the rest without a word."""
_JUDGED_TYPES = ("accuracy", "agent_as_judge")
_MAX_ITERATIONS = 100
_MAX_SCORE = 10

_LIST = hint("{list} has the ids.", list=Action.of("list_evals"))


async def list_evals(
    ctx: ToolContext,
    type: Literal["", "accuracy", "agent_as_judge", "performance", "reliability"] = "",
    kind: AnyKind = "",
    id: ComponentId = "",
    db_id: DbId = "",
    limit: Limit = 20,
    page: Page = 1,
    since: Since = "",
    until: str = "",
) -> Table:
    """Evals, latest first: what passed and what failed. Read one with get_eval."""
    period = parse_period(since, until)
    component = await ctx.component_to_read(kind, id) if id else None
    component_filter = {f"{component.kind}_id": component.id} if component else {"type": kind}
    database = await ctx.database("evals", db_id)
    query = {"eval_types": type, "db_id": database, **component_filter}
    note = ""
    if ctx.ownership.user_id or period:
        evals, note = await _page_of_own(ctx, query, limit, page, period)
    else:
        evals = await _page(ctx, query, limit, page)
    return Table(
        ("id", "type", "component", "result", "name", "made"),
        [
            (
                evaluation.get("id"),
                evaluation.get("eval_type"),
                component_of(evaluation),
                eval_outcome(evaluation),
                evaluation.get("name"),
                time_value(evaluation.get("created_at")),
            )
            for evaluation in evals
        ],
        empty=as_hint("No such evals.") + note
        if type or kind or id or period or note
        else as_hint("No evals yet.") + hint("{run} makes one.", run=Action.of("run_eval")),
        meta=evals.meta,
        footer=note,
    )


async def get_eval(ctx: ToolContext, id: EvalId, db_id: DbId = "") -> Record:
    """An eval: its result and why, what was asked, expected and answered, and the run."""
    evaluation = await _find_eval(ctx, id, await ctx.database("evals", db_id))
    run = await find_evaluated_run(ctx, evaluation)
    if run is None:
        return eval_record(evaluation)
    return eval_record(
        evaluation,
        run_texts=await read_texts(ctx, run),
        notes={"run": str(run)},
        footer=hint("{explain} shows how it went.", explain=Action.of("explain_run", "run")),
    )


async def run_eval(
    ctx: ToolContext,
    type: EvalType,
    kind: Literal["agent", "team"],
    id: ComponentId,
    input: Text,
    expected_output: Annotated[Text, Field(description="For accuracy")] = "",
    criteria: Annotated[Text, Field(description="For agent_as_judge")] = "",
    passing_score: Annotated[int, Field(description="1-10; else yes or no")] = 0,
    openai_judge: Annotated[bool, Field(description="Judge by OpenAI's model, not its own")] = False,
    expected_tools: ExpectedTools = None,
    expected_arguments: Annotated[JsonObject, Field(description="By tool")] = None,
    allow_other_tools: bool = False,
    iterations: Annotated[int, Field(description="For accuracy, performance")] = 1,
    name: str = "",
    db_id: DbId = "",
) -> Record:
    """Run an agent or team on an input and judge its answer, speed or tool calls."""
    _check_options(
        type,
        input,
        {
            "expected_output": expected_output.strip(),
            "criteria": criteria.strip(),
            "passing_score": passing_score,
            "openai_judge": openai_judge,
            "expected_tools": expected_tools,
            "expected_arguments": expected_arguments,
            "allow_other_tools": allow_other_tools,
            "iterations": iterations - 1,
        },
    )
    component = await ctx.component(kind, id)
    model = await _own_model(ctx, component) if type in _JUDGED_TYPES and not openai_judge else {}
    eval_input = {
        "input": input,
        "expected_output": expected_output,
        "criteria": criteria,
        "expected_tool_calls": expected_tools,
        "expected_tool_call_arguments": expected_arguments,
        "allow_additional_tool_calls": allow_other_tools,
        "num_iterations": iterations,
        "scoring_strategy": "numeric" if passing_score else "binary",
        "threshold": passing_score,
    }
    # AgentOS keeps no component with what was judged so: the name has to tell.
    eval_name = _check_name(name) or (f"{kind} {component.id}"[:_MAX_NAME_LENGTH] if type == "agent_as_judge" else "")
    body = {f"{kind}_id": component.id, "eval_type": type, "name": eval_name, **eval_input, **model}
    body = {key: value for key, value in body.items() if value not in ("", 0, None)}
    database = await ctx.database("evals", db_id)
    response: object = None
    with anyio.move_on_after(call_wait(ctx).seconds) as scope:
        response = await _evaluate(ctx, database, body)
    if scope.cancelled_caught:
        facts = {"type": type, "component": f"{kind} {component.id}", "name": eval_name}
        return Record(
            "still running",
            facts,
            footer=hint("{list} shows it once it is done.", list=Action.of("list_evals")),
        )
    evaluation = mapping(response)
    if not evaluation:
        raise Unsupported(
            f"AgentOS does not evaluate the {kind} '{display_id(component.id)}'.",
            "It evaluates its own agents and teams, not another AgentOS's or framework's.",
        )
    if eval_outcome(evaluation) == NO_RESULT:
        raise ServerFailure(
            f"No result: the {kind} failed, or its judge gave no usable answer.",
            hint(
                "See with {run} whether it answers.",
                run=Action.of(f"run_{kind}", **{f"{kind}_id": display_id(component.id)}),
            )
            + hint("If it does, try {openai_judge}.", openai_judge=Parameter("openai_judge", not openai_judge)),
        )
    judged_by = {"judge": model.get("model_id", "OpenAI's default")} if type in _JUDGED_TYPES else {}
    return eval_record({**evaluation, "eval_input": eval_input}, notes=judged_by)


async def rename_eval(ctx: ToolContext, id: EvalId, name: str, db_id: DbId = "") -> Message:
    """Give an eval another name."""
    new_name = _check_name(name)
    if not new_name:
        raise InvalidRequest("The name is empty.", "Give the new name.")
    database = await ctx.database("evals", db_id)
    if ctx.ownership.user_id:
        await ctx.look(_find_eval(ctx, id, database), {})
    with _hint_ids():
        await ctx.send(
            "PATCH", _EVAL, {"eval_run_id": _check_id(id)}, query={"db_id": database}, json={"name": new_name}
        )
    return Message("Renamed.")


async def delete_evals(ctx: ToolContext, ids: Names, db_id: DbId = "") -> Message:
    """Delete evals for good."""
    eval_ids = list(dict.fromkeys(_check_id(eval_id) for eval_id in ids))
    if not eval_ids:
        raise InvalidRequest("No ids are given.", _LIST)
    database = await ctx.database("evals", db_id)
    unseen = False
    for eval_id in eval_ids:
        # AgentOS says that it deleted what it never had.
        try:
            unseen |= not await ctx.look(_find_eval(ctx, eval_id, database), {})
        except NotFound as error:
            raise NotFound(f"{error.message} Nothing was deleted.", error.hint, status=error.status) from error
    await ctx.send("DELETE", "/eval-runs", query={"db_id": database}, json={"eval_run_ids": eval_ids})
    count = f"{len(eval_ids)} {'eval' if len(eval_ids) == 1 else 'evals'}"
    return Message(f"AgentOS was told to delete {count}. {UNSEEN}" if unseen else f"Deleted {count}.")


async def _eval_details(ctx: ToolContext, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    database = await ctx.database("evals", str(arguments.get("db_id") or ""))
    eval_ids = list(dict.fromkeys(_check_id(eval_id) for eval_id in arguments["ids"]))
    evals = [await _find_eval(ctx, eval_id, database) for eval_id in eval_ids[:_SHOWN_EVALS]]
    rows = {f"eval {number}": eval_line(evaluation) for number, evaluation in enumerate(evals, 1)}
    return rows | ({"and": f"{len(eval_ids) - len(evals)} more"} if len(eval_ids) > len(evals) else {})


async def _page(ctx: ToolContext, query: Mapping[str, str], limit: int, page: int) -> Listed:
    return await ctx.page("/eval-runs", **query, limit=limit, page=page)


async def _page_of_own(
    ctx: ToolContext, query: Mapping[str, str], limit: int, page: int, period: Period
) -> tuple[Listed, str]:
    """One page of the user's evals of a period, and how many were looked through: AgentOS cannot be asked for them."""
    evals, is_complete = await read_period(
        lambda number: _page(ctx, query, PERIOD_PAGE_SIZE, number), period, lambda row: row.get("created_at")
    )
    own = [evaluation for evaluation in evals if ctx.ownership.is_own(evaluation)]
    return Listed(*slice_page(own, limit, page)), period_note("evals", is_complete)


async def _find_eval(ctx: ToolContext, id: str, database: str) -> Mapping[str, Any]:
    with _hint_ids():
        evaluation = mapping(await ctx.get(_EVAL, {"eval_run_id": _check_id(id)}, db_id=database))
    return ctx.ownership.require_own(evaluation, f"eval '{display_id(_check_id(id))}'", _LIST)


@contextmanager
def _hint_ids() -> Iterator[None]:
    """Inside it, an id that AgentOS does not know leads to those that it does."""
    try:
        yield
    except NotFound as error:
        raise NotFound(error.message, _LIST, status=error.status) from error


def _check_options(type: EvalType, input: str, options: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for what AgentOS would refuse late, or ignore."""
    allowed = _OPTIONS[type]
    if not input.strip():
        raise InvalidRequest("The input is empty.", "Give what to ask the component.")
    for name, value in options.items():
        if value and name not in allowed:
            raise InvalidRequest(f"{name} does not apply to type={type}.", f"It takes {', '.join(allowed)}.")
    needed = allowed[0]
    if type != "performance" and not (options[needed] or options[needed] == []):
        raise InvalidRequest(f"type={type} needs {needed}.", f"It takes {', '.join(allowed)}.")
    if not 0 <= options["passing_score"] <= _MAX_SCORE:
        raise InvalidRequest("A passing score is from 1 to 10.", "0 makes the judge say yes or no.")
    if not 1 <= options["iterations"] + 1 <= _MAX_ITERATIONS:
        raise InvalidRequest(f"Iterations are from 1 to {_MAX_ITERATIONS}.", "Every one runs the component anew.")
    arguments = mapping(options["expected_arguments"])
    for value in arguments.values():
        if not all(
            isinstance(call_arguments, Mapping) for call_arguments in (value if isinstance(value, list) else [value])
        ):
            raise InvalidRequest("Expected arguments are given by tool.", 'E.g. {"lookup": {"term": "honey"}}.')


async def _own_model(ctx: ToolContext, component: Component) -> dict[str, str]:
    """The component's own model, in the words that make AgentOS judge with it; {} where it has none of its own."""
    model = mapping((await ctx.catalog.detail(component.kind, component.id)).get("model"))
    if not model.get("model") or not model.get("provider"):
        return {}
    return {"model_id": str(model["model"]), "model_provider": str(model["provider"])}


async def _evaluate(ctx: ToolContext, database: str, body: Mapping[str, object]) -> object:
    query = present_values(db_id=database)
    try:
        return await ctx.agent_os.request("POST", "/eval-runs", query=query, json=body, no_timeout=True)
    except Unreachable as error:
        if not error.was_sent:
            raise
        raise Unreachable(
            error.message,
            hint(
                "The eval may still run: look with {list} before you run it again.",
                list=Action.of("list_evals"),
                otherwise="The eval may still run.",
            ),
        ) from error
    except ServerFailure as error:
        if error.status != 500 or "model_id" in body or body["eval_type"] not in _JUDGED_TYPES:
            raise
        raise ServerFailure(
            error.message,
            hint(
                "Its judge is OpenAI's model, which this AgentOS may lack (package or key): try {openai_judge}.",
                openai_judge=Parameter("openai_judge", False),
            ),
            status=error.status,
        ) from error


def _check_id(id: str) -> str:
    if not id.strip():
        raise InvalidRequest("The id is empty.", _LIST)
    return id.strip()


def _check_name(name: str) -> str:
    if len(name.strip()) > _MAX_NAME_LENGTH:
        raise InvalidRequest(f"The name is longer than {_MAX_NAME_LENGTH} characters.", "Shorten it.")
    return name.strip()


TOOLSET = Toolset(
    "evals",
    "An eval runs an agent or team and judges its answer.",
    read(list_evals, "GET /eval-runs"),
    read(get_eval, "GET /eval-runs/{eval_run_id}"),
    write(run_eval, "POST /eval-runs", open_world=True),
    write(rename_eval, "PATCH /eval-runs/{eval_run_id}", idempotent=True),
    destructive(delete_evals, "DELETE /eval-runs", details=_eval_details),
    needs=DATABASE,
)
