"""Builds the RunRequest from a run tool's arguments, checked before anything is sent.

AgentOS silently drops what it cannot read, so nothing is left to it to find.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agentos_mcp.agentos.catalog import Component, display_id, to_run
from agentos_mcp.agentos.errors import Forbidden, InvalidRequest
from agentos_mcp.agentos.inputs.attachments import attach
from agentos_mcp.agentos.inputs.schema_checks import CannotCheckSchema
from agentos_mcp.agentos.inputs.schemas import answer_problems, check_input, describe_inputs, output_schema_fields
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.agentos.runs.run import Kind, RunState, Status
from agentos_mcp.agentos.runs.starter import RunRequest
from agentos_mcp.tooling.context import ToolContext


@dataclass(frozen=True)
class RunOptions:
    """The arguments that run tools share; None, '' and 0 where they were left out."""

    session_id: str = ""
    user_id: str = ""
    session_state: Mapping[str, Any] | None = None
    dependencies: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] | None = None
    knowledge_filters: Mapping[str, Any] | list[Any] | None = None
    factory_input: Mapping[str, Any] | None = None
    output_schema: Mapping[str, Any] | None = None
    files: list[str] | None = None
    version: int = 0


async def build_request(ctx: ToolContext, kind: Kind, query: str, message: str, options: RunOptions) -> RunRequest:
    """The request to run a component, which `query` names by id or name.

    Raises NotFound for the component, InvalidRequest for anything that AgentOS would not take.
    """
    if not message.strip():
        raise InvalidRequest("The message is empty.", f"Say what the {kind} should do.")
    component = await ctx.catalog.find(kind, query, to_run)
    if options.session_id:
        await ctx.ownership.require_own_session(options.session_id, may_be_new=True)
    detail = await _read_detail(ctx, component)
    if options.factory_input is not None:
        component = await _check_factory(component, detail, options.factory_input)
    elif isinstance(schema := detail.get("input_schema"), Mapping):
        await _check_message(schema, message)
    fields = {
        name: json.dumps(value, ensure_ascii=False, allow_nan=False)
        for name in ("session_state", "dependencies", "metadata", "knowledge_filters", "factory_input")
        if (value := getattr(options, name)) is not None
    }
    if options.version:
        fields["version"] = str(options.version)
    if options.output_schema is not None:
        fields |= await output_schema_fields(options.output_schema)
    attached = await attach(options.files or (), kind=kind, allowed=ctx.settings.allow_files)
    return RunRequest(
        component,
        message,
        session_id=options.session_id,
        user_id=options.user_id,
        fields={**fields, **attached.fields},
        files=attached.parts,
    )


async def _read_detail(ctx: ToolContext, component: Component) -> Mapping[str, Any]:
    """The component's own page; {} where the token may run it without being allowed to look at it."""
    try:
        return await ctx.catalog.detail(component.kind, component.id)
    except Forbidden:
        return {}


async def _check_factory(
    component: Component, detail: Mapping[str, Any], factory_input: Mapping[str, Any]
) -> Component:
    if detail and not (component.is_factory or detail.get("is_factory")):
        raise InvalidRequest(
            f"'{display_id(component.id)}' is not built by a factory, so it does not take a factory_input.",
            "Leave it out; what it should do goes into the message.",
        )
    await check_input(mapping(detail.get("factory_input_schema")), factory_input, "factory_input")
    return replace(component, is_factory=True)


async def _check_message(schema: Mapping[str, Any], message: str) -> None:
    """AgentOS ends the stream without an error where the message does not fit the component's input schema."""
    try:
        document = json.loads(message)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, Mapping):
        fields = describe_inputs(schema)
        raise InvalidRequest("The message has to be a JSON object here.", f"It takes {fields}." if fields else "")
    await check_input(schema, document, "message")


async def with_schema_notes(state: RunState, schema: Mapping[str, Any] | None) -> RunState:
    """The state with notes on what is wrong with its answer: AgentOS completes such a run."""
    if schema is None or state.status is not Status.COMPLETED:
        return state
    try:
        problems = await answer_problems(schema, state.answer)
    except CannotCheckSchema as error:
        return replace(state, notes=(*state.notes, f"The answer was not checked: its schema {error.message}"))
    return replace(
        state, notes=(*state.notes, *(f"The answer does not fit the schema: {problem}" for problem in problems[:5]))
    )
