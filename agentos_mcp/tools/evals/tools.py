"""Evaluations of agents and teams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any, Literal

import anyio
from pydantic import Field

from agentos_mcp.agentos.catalog import Component, shown_id
from agentos_mcp.agentos.errors import InvalidRequest, NotFound, ServerFailure, Unreachable, Unsupported
from agentos_mcp.agentos.hints import Action, Parameter, as_hint, hint
from agentos_mcp.agentos.pagination import Page as Listed
from agentos_mcp.agentos.pagination import record_of, slice_page
from agentos_mcp.runs.timeouts import wait_seconds
from agentos_mcp.tooling.context import ToolContext, present
from agentos_mcp.tooling.markdown import when
from agentos_mcp.tooling.parameters import AnyKind, DbId, JsonObject, Limit, Names, Page, Text, Words
from agentos_mcp.tooling.results import Message, Record, Table
from agentos_mcp.tooling.tool_spec import DATABASE, Toolset, destructive, read, write
from agentos_mcp.tools.evals.format import NO_VERDICT, EvalType, component_of, eval_outcome, eval_record

_EVAL = "/eval-runs/{eval_run_id}"
_LONGEST_NAME = 255
_AT_ONCE = 100
_LOOKED_AT = 1000

_TAKES: Mapping[EvalType, tuple[str, ...]] = {
    "accuracy": ("expected_output", "openai_judge", "iterations"),
    "agent_as_judge": ("criteria", "passing_score", "openai_judge"),
    "performance": ("iterations",),
    "reliability": ("expected_tools", "expected_arguments", "allow_other_tools"),
}
"""What each type of eval is given, what it needs first. AgentOS ignores the rest without a word."""
_JUDGED = ("accuracy", "agent_as_judge")
_MOST_ITERATIONS = 100
_BEST_SCORE = 10

_LIST = hint("{list} has the ids.", list=Action.of("list_evals"))


async def list_evals(
    ctx: ToolContext,
    type: Literal["", "accuracy", "agent_as_judge", "performance", "reliability"] = "",
    kind: AnyKind = "",
    id: str = "",
    db_id: DbId = "",
    limit: Limit = 20,
    page: Page = 1,
) -> Table:
    """Evals and their verdicts, latest first. Read one with get_eval."""
    component = await ctx.component(kind, id) if id else None
    of = {f"{component.kind}_id": component.id} if component else {"type": kind}
    database = await ctx.database("evals", db_id)
    query = {"eval_types": type, "db_id": database, **of}
    found = await (_own_page if ctx.ownership.user_id else _page)(ctx, query, limit, page)
    return Table(
        ("id", "type", "component", "verdict", "name", "made"),
        [
            (
                one.get("id"),
                one.get("eval_type"),
                component_of(one),
                eval_outcome(one),
                one.get("name"),
                when(one.get("created_at")),
            )
            for one in found
        ],
        empty="No such evals."
        if type or kind or id
        else as_hint("No evals yet.") + hint("{run} makes one.", run=Action.of("run_eval")),
        meta=found.meta,
    )


async def get_eval(ctx: ToolContext, id: str, db_id: DbId = "") -> Record:
    """An eval: its verdict and why, what was asked, expected and answered."""
    return eval_record(await _read(ctx, id, await ctx.database("evals", db_id)))


async def run_eval(
    ctx: ToolContext,
    type: EvalType,
    kind: Literal["agent", "team"],
    id: str,
    input: Text,
    expected_output: Text = "",
    criteria: Text = "",
    passing_score: Annotated[int, Field(description="1-10")] = 0,
    openai_judge: bool = False,
    expected_tools: Words = None,
    expected_arguments: Annotated[JsonObject, Field(description="By tool")] = None,
    allow_other_tools: bool = False,
    iterations: int = 1,
    name: str = "",
    db_id: DbId = "",
) -> Record:
    """Run an agent or team on an input and judge its answer, speed or tool calls."""
    _check(
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
    component = await ctx.catalog.find(kind, id)
    model = await _model(ctx, component) if type in _JUDGED and not openai_judge else {}
    asked = {
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
    shown_name = _named(name) or (f"{kind} {component.id}"[:_LONGEST_NAME] if type == "agent_as_judge" else "")
    body = {f"{kind}_id": component.id, "eval_type": type, "name": shown_name, **asked, **model}
    body = {key: value for key, value in body.items() if value not in ("", 0, None)}
    database = await ctx.database("evals", db_id)
    answer: object = None
    with anyio.move_on_after(wait_seconds(ctx, 0)) as waiting:
        answer = await _evaluate(ctx, database, body)
    if waiting.cancelled_caught:
        facts = {"type": type, "component": f"{kind} {component.id}", "name": shown_name}
        return Record(
            "still going, by itself",
            facts,
            footer=hint("{list} shows it once it is done.", list=Action.of("list_evals")),
        )
    evaluation = record_of(answer)
    if not evaluation:
        raise Unsupported(
            f"AgentOS does not evaluate the {kind} '{shown_id(component.id)}'.",
            "It evaluates its own agents and teams, not another AgentOS's or framework's.",
        )
    if eval_outcome(evaluation) == NO_VERDICT:
        raise ServerFailure(
            f"No verdict: the {kind} failed, or its judge gave no usable answer.",
            hint(
                "See with {run} whether it answers.",
                run=Action.of(f"run_{kind}", **{f"{kind}_id": shown_id(component.id)}),
            )
            + hint("If it does, try {openai_judge}.", openai_judge=Parameter("openai_judge", not openai_judge)),
        )
    judged_by = {"judge": model.get("model_id", "OpenAI's default")} if type in _JUDGED else {}
    return eval_record({**evaluation, "eval_input": asked}, notes=judged_by)


async def rename_eval(ctx: ToolContext, id: str, name: str, db_id: DbId = "") -> Message:
    """Give an eval another name."""
    new = _named(name)
    if not new:
        raise InvalidRequest("The name is empty.", "Give the new name.")
    database = await ctx.database("evals", db_id)
    if ctx.ownership.user_id:
        await _read(ctx, id, database)
    with _known_ids():
        await ctx.send("PATCH", _EVAL, {"eval_run_id": _id(id)}, query={"db_id": database}, json={"name": new})
    return Message("Renamed.")


async def delete_evals(ctx: ToolContext, ids: Names, db_id: DbId = "") -> Message:
    """Delete evals for good."""
    wanted = list(dict.fromkeys(_id(one) for one in ids))
    if not wanted:
        raise InvalidRequest("No ids are given.", _LIST)
    database = await ctx.database("evals", db_id)
    for one in wanted:
        # AgentOS says that it deleted what it never had.
        try:
            await _read(ctx, one, database)
        except NotFound as error:
            raise NotFound(f"{error.message} Nothing was deleted.", error.hint, status=error.status) from error
    await ctx.send("DELETE", "/eval-runs", query={"db_id": database}, json={"eval_run_ids": wanted})
    return Message(f"Deleted {len(wanted)} {'eval' if len(wanted) == 1 else 'evals'}.")


async def _page(ctx: ToolContext, query: Mapping[str, str], limit: int, page: int) -> Listed:
    return await ctx.page("/eval-runs", **query, limit=limit, page=page)


async def _own_page(ctx: ToolContext, query: Mapping[str, str], limit: int, page: int) -> Listed:
    """One page of the user's evals, of the _LOOKED_AT latest of all: AgentOS cannot be asked for them."""
    own: list[Mapping[str, Any]] = []
    for number in range(1, _LOOKED_AT // _AT_ONCE + 1):
        found = await _page(ctx, query, _AT_ONCE, number)
        own += filter(ctx.ownership.is_own, found)
        if len(found) < _AT_ONCE:
            break
    return Listed(*slice_page(own, limit, page))


async def _read(ctx: ToolContext, id: str, database: str) -> Mapping[str, Any]:
    with _known_ids():
        found = record_of(await ctx.get(_EVAL, {"eval_run_id": _id(id)}, db_id=database))
    return ctx.ownership.require_own(found, f"eval '{shown_id(_id(id))}'", _LIST)


@contextmanager
def _known_ids() -> Iterator[None]:
    """Inside it, an id that AgentOS does not know leads to those that it does."""
    try:
        yield
    except NotFound as error:
        raise NotFound(error.message, _LIST, status=error.status) from error


def _check(type: EvalType, input: str, given: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for what AgentOS would refuse late, or ignore."""
    takes = _TAKES[type]
    if not input.strip():
        raise InvalidRequest("The input is empty.", "Give what to ask the component.")
    for name, value in given.items():
        if value and name not in takes:
            raise InvalidRequest(f"{name} means nothing to type={type}.", f"It takes {', '.join(takes)}.")
    first = takes[0]
    if type != "performance" and not (given[first] or given[first] == []):
        raise InvalidRequest(f"type={type} needs {first}.", f"It takes {', '.join(takes)}.")
    if not 0 <= given["passing_score"] <= _BEST_SCORE:
        raise InvalidRequest("A passing score is from 1 to 10.", "0 makes the judge say yes or no.")
    if not 1 <= given["iterations"] + 1 <= _MOST_ITERATIONS:
        raise InvalidRequest(f"Iterations are from 1 to {_MOST_ITERATIONS}.", "Every one runs the component anew.")
    arguments = record_of(given["expected_arguments"])
    for value in arguments.values():
        if not all(isinstance(one, Mapping) for one in (value if isinstance(value, list) else [value])):
            raise InvalidRequest("Expected arguments are given by tool.", 'E.g. {"lookup": {"term": "honey"}}.')


async def _model(ctx: ToolContext, component: Component) -> dict[str, str]:
    """The component's own model, in the words that make AgentOS judge with it; {} where it has none of its own."""
    model = record_of((await ctx.catalog.detail(component.kind, component.id)).get("model"))
    if not model.get("model") or not model.get("provider"):
        return {}
    return {"model_id": str(model["model"]), "model_provider": str(model["provider"])}


async def _evaluate(ctx: ToolContext, database: str, body: Mapping[str, object]) -> object:
    query = present(db_id=database)
    try:
        return await ctx.agent_os.request("POST", "/eval-runs", query=query, json=body, no_timeout=True)
    except Unreachable as error:
        if not error.sent:
            raise
        raise Unreachable(
            error.message,
            hint(
                "The eval may go on: look with {list} before you run it again.",
                list=Action.of("list_evals"),
                otherwise="The eval may go on.",
            ),
        ) from error
    except ServerFailure as error:
        if error.status != 500 or "model_id" in body or body["eval_type"] not in _JUDGED:
            raise
        raise ServerFailure(
            error.message,
            hint(
                "Its judge is OpenAI's model, which this AgentOS may lack (package or key): try {openai_judge}.",
                openai_judge=Parameter("openai_judge", False),
            ),
            status=error.status,
        ) from error


def _id(id: str) -> str:
    if not id.strip():
        raise InvalidRequest("The id is empty.", _LIST)
    return id.strip()


def _named(name: str) -> str:
    if len(name.strip()) > _LONGEST_NAME:
        raise InvalidRequest(f"The name is longer than {_LONGEST_NAME} characters.", "Shorten it.")
    return name.strip()


TOOLSET = Toolset(
    "evals",
    "An eval runs an agent or team and judges its answer.",
    read(list_evals, "GET /eval-runs"),
    read(get_eval, "GET /eval-runs/{eval_run_id}"),
    write(run_eval, "POST /eval-runs", open_world=True),
    write(rename_eval, "PATCH /eval-runs/{eval_run_id}", idempotent=True),
    destructive(delete_evals, "DELETE /eval-runs"),
    needs=DATABASE,
)
