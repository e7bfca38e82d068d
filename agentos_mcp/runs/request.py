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
from agentos_mcp.agentos.hints import Parameter, hint
from agentos_mcp.agentos.inputs.attachments import attach
from agentos_mcp.agentos.inputs.schema_checks import CannotCheckSchema
from agentos_mcp.agentos.inputs.schemas import (
    answer_problems,
    check_input,
    describe_inputs,
    input_problems,
    output_schema_fields,
)
from agentos_mcp.agentos.json_values import mapping, texts
from agentos_mcp.agentos.plain_text import excerpt
from agentos_mcp.agentos.runs.run import Kind, RunState, Status
from agentos_mcp.agentos.runs.starter import RunRequest
from agentos_mcp.tooling.context import ToolContext

_MAX_NAMED_FIELDS = 12


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
    component = await ctx.catalog.find(kind, query, to_run)
    if options.session_id:
        await ctx.ownership.require_own_session(options.session_id, may_be_new=True)
        if not options.user_id and not ctx.ownership.user_id:
            # AgentOS finds a conversation only with its user.
            options = replace(options, user_id=await ctx.ownership.session_user(options.session_id))
    detail = await _read_detail(ctx, component)
    # What a token may not look at is taken for what the caller says it is.
    is_factory = component.is_factory or bool(detail.get("is_factory") if detail else options.factory_input)
    if is_factory:
        component = replace(component, is_factory=True)
        message, factory_input = await _factory_arguments(component, detail, message, options.factory_input)
        options = replace(options, factory_input=factory_input)
    elif isinstance(schema := detail.get("input_schema"), Mapping):
        message = await _message_for_schema(component, schema, message, options.factory_input)
        options = replace(options, factory_input=None)
    elif options.factory_input is not None:
        raise InvalidRequest(
            f"'{display_id(component.id)}' is not built by a factory, so it does not take a factory_input.",
            "Leave it out; what it should do goes into the message.",
        )
    if not message.strip():
        raise InvalidRequest("The message is empty.", f"Say what the {kind} should do.")
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


async def _factory_arguments(
    component: Component, detail: Mapping[str, Any], message: str, factory_input: Mapping[str, Any] | None
) -> tuple[str, Mapping[str, Any] | None]:
    """The message and the inputs to send to a factory. Inputs may also come as the message, in JSON."""
    schema = mapping(detail.get("factory_input_schema"))
    document = _json_object(message)
    if factory_input is None and document is not None and schema and not await input_problems(schema, document):
        factory_input = document
    if factory_input is not None:
        await check_input(schema, factory_input, "factory_input")
        # AgentOS takes no empty message, and many models none of spaces.
        return message if message.strip() else _to_json(factory_input), factory_input
    if document and not document.keys().isdisjoint(mapping(schema.get("properties"))):
        await check_input(schema, document, "factory_input")
    if required := texts(schema.get("required")):
        raise InvalidRequest(
            f"The {component.kind} '{display_id(component.id)}' needs inputs beside the message: "
            f"{', '.join(map(excerpt, required[:_MAX_NAMED_FIELDS]))}.",
            hint("Give {place} with\n{fields}", place=Parameter("factory_input"), fields=describe_inputs(schema)),
        )
    return message, None


async def _message_for_schema(
    component: Component, schema: Mapping[str, Any], message: str, factory_input: Mapping[str, Any] | None
) -> str:
    """The message for a component with an input schema; it may have come as factory_input.

    AgentOS ends the stream without an error where the message does not fit.
    """
    document = _json_object(message)
    if factory_input is not None and not message.strip():
        document, message = factory_input, _to_json(factory_input)
    elif factory_input is not None or document is None:
        fields = describe_inputs(schema)
        what = (
            "has no factory_input: its inputs are the message, as a JSON object"
            if factory_input is not None
            else "takes its message as a JSON object"
        )
        raise InvalidRequest(
            f"The {component.kind} '{display_id(component.id)}' {what}.",
            hint("Give {place} with\n{fields}", place=Parameter("message"), fields=fields) if fields else "",
        )
    await check_input(schema, document or {}, "message")
    return message


def _json_object(text: str) -> Mapping[str, Any] | None:
    """The object that a text is in JSON; None for any other text."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, Mapping) else None


def _to_json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


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
