"""Builds the SDK's tool from a ToolSpec: lean schema, checked arguments, results in budget, errors as results."""

from __future__ import annotations

import functools
import inspect
import json
import logging
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, get_type_hints

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations
from pydantic import WithJsonSchema

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest
from agentos_mcp.agentos.hints import Surface
from agentos_mcp.agentos.http_errors import READING_ERRORS, reading_failure
from agentos_mcp.agentos.log_format import Loggable
from agentos_mcp.agentos.plain_text import strip_control_chars, strip_data
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.argument_limits import ArgumentLimits
from agentos_mcp.tooling.budget import (
    FACTS_CHARACTERS,
    MAX_REFERENCE_LENGTH,
    characters,
    cut_error,
    cut_to_budget,
    fit_bytes,
    trim,
)
from agentos_mcp.tooling.client_quirks import UNKNOWN_CLIENT, ClientQuirks
from agentos_mcp.tooling.context import Backend, ToolContext
from agentos_mcp.tooling.elicitation import answered_run, can_elicit, confirm
from agentos_mcp.tooling.encoded_ids import decode_ids
from agentos_mcp.tooling.instance_calls import (
    INSTANCE,
    call_each,
    find_target,
    require_tool,
    spans_instances,
    with_instance,
)
from agentos_mcp.tooling.instances import Instances, instances_of
from agentos_mcp.tooling.results import RUN_SCHEMA, TEXT_SCHEMA, Document, Message, Record, Table
from agentos_mcp.tooling.tool_spec import Result, ToolFunction, ToolSpec

log = logging.getLogger(__name__)


def mcp_tool(spec: ToolSpec, settings: Settings) -> Tool:
    """The SDK's tool for a declaration: results within the budget, our errors as results, a lean schema.

    Parameters that the settings fix are gone from the schema; every call gets those of its caller.
    """
    fn = spec.fn
    signature = inspect.signature(fn, eval_str=True)
    hidden = settings.hidden_parameters.intersection(signature.parameters)
    limits = ArgumentLimits.of(signature)

    @functools.wraps(fn)
    async def call(**arguments: Any) -> CallToolResult | InputRequiredResult:
        context: Context[Any] = arguments.pop("ctx")
        if settings.instances:
            instances = instances_of(context)
            return sanitized(await run_on_instances(instances, context, arguments), instances.mask)
        ctx = ToolContext.of(context)
        return sanitized(await run_tool(ctx, arguments), ctx.agent_os.mask)

    async def run_on_instances(
        instances: Instances, context: Context[Any], arguments: dict[str, Any]
    ) -> CallToolResult | InputRequiredResult:
        first = ToolContext(next(iter(instances.backends.values())), context)
        try:
            limits.check(arguments)
            target = await find_target(instances, spec, signature, arguments, answered_run(context))
            if target.backend is not None:
                require_tool(target.backend, spec)
                return await run_tool(ToolContext(target.backend, context), dict(target.arguments))

            async def read(backend: Backend) -> Result:
                require_tool(backend, spec)
                ctx = ToolContext(backend, context)
                return await fn(ctx, **injected_into({**target.arguments}, ctx.settings))

            result = await call_each(
                instances,
                read,
                lambda backend: ToolContext(backend, context).surface,
                first.result_tokens,
                wait_for_all=spec.waits_for_all,
            )
            return to_mcp_result(result, settings, first.surface, first.client_quirks)
        except AgentOSError as error:
            return error_result(error.render(first.surface))
        except READING_ERRORS as error:
            log.exception("%s failed", spec.name)
            return error_result(reading_failure(error, spec.name).render(first.surface))

    def injected_into(arguments: dict[str, Any], own: Settings) -> dict[str, Any]:
        """The arguments with those that are the caller's. Raises InvalidRequest where another value was given."""
        own_hidden = own.hidden_parameters.intersection(signature.parameters)
        # Of several AgentOSes another one may take it.
        if own.instance and (given := sorted(name for name in own_hidden - hidden if arguments.get(name))):
            raise InvalidRequest(
                f"{given[0]} cannot be given for {own.instance}: there each caller is a user of their own."
            )
        return arguments | {name: value for name, value in own.injected.items() if name in own_hidden}

    async def run_tool(ctx: ToolContext, arguments: dict[str, Any]) -> CallToolResult | InputRequiredResult:
        try:
            limits.check(arguments)
            arguments |= await decode_ids(ctx, arguments)
            arguments = injected_into(arguments, ctx.settings)
            needs_confirmation = spec.destructive and (not spec.confirm_only_if or arguments.get(spec.confirm_only_if))
            if needs_confirmation and spec.details and can_elicit(ctx):
                details = await ctx.look(spec.details(ctx, arguments), {})
                if details is not None and ctx.backend.instance:
                    details = {INSTANCE: ctx.backend.instance, **details}
                if details is not None and (confirmation := confirm(ctx, spec.title, {**details, **arguments})):
                    return text_result(confirmation) if isinstance(confirmation, str) else confirmation
            result = await fn(ctx, **arguments)
            if ctx.backend.instance:
                result = with_instance(result, ctx.backend)
            return to_mcp_result(result, settings, ctx.surface, ctx.client_quirks)
        except AgentOSError as error:
            return error_result(error.render(ctx.surface))
        except READING_ERRORS as error:
            log.exception("%s failed", Loggable(spec.name))
            return error_result(reading_failure(error, spec.name).render(ctx.surface))

    if hidden or settings.instances:
        public_parameters = [parameter for name, parameter in signature.parameters.items() if name not in hidden]
        if settings.instances:
            public_parameters.append(instance_parameter([own.instance for own in settings.instances]))
        call.__signature__ = signature.replace(parameters=public_parameters)  # type: ignore[attr-defined]  # functions may carry a signature of their own
    tool = Tool.from_function(
        call,
        name=spec.name,
        title=spec.title,
        description=inspect.cleandoc(fn.__doc__ or ""),
        context_kwarg="ctx",
        annotations=ToolAnnotations(
            read_only_hint=spec.read_only,
            destructive_hint=spec.destructive,
            idempotent_hint=spec.idempotent,
            open_world_hint=spec.open_world,
        ),
        structured_output=False,
    )
    tool.parameters = strip_data(lean_schema(tool.parameters))
    if settings.structured_output:
        # What spans several AgentOSes is an object with the data of each.
        is_joined = (
            settings.instances and spans_instances(spec, signature) and get_type_hints(fn)["return"] is not Table
        )
        tool.fn_metadata.output_schema = {"type": "object"} if is_joined else output_schema(fn)
    return tool


def to_mcp_result(
    result: Result, settings: Settings, surface: Surface, quirks: ClientQuirks = UNKNOWN_CLIENT
) -> CallToolResult | InputRequiredResult:
    """What a tool returned as MCP takes it: cut to the budget, with its data where the settings ask for it."""
    tokens, max_bytes = quirks.cap_result(settings.result_tokens), quirks.max_result_bytes
    match result:
        case str():
            text = fit_bytes(partial(cut_to_budget, result), tokens, max_bytes)
            data = {"text": text}
        case Message() | Table() | Record() | Document():
            text = fit_bytes(partial(result.text, surface=surface), tokens, max_bytes)
            data = fit_bytes(partial(result.data, surface=surface), tokens, max_bytes)
        case CallToolResult():
            return _within_budget(result, settings, tokens)
        case _:
            return result
    return CallToolResult(
        content=[TextContent(type="text", text=text)],
        structured_content=data if settings.structured_output else None,
    )


def sanitized(
    result: CallToolResult | InputRequiredResult, mask: Callable[[str], str]
) -> CallToolResult | InputRequiredResult:
    """A result as it may leave: no control characters, and no token of ours, in its texts and its data."""
    if not isinstance(result, CallToolResult):
        return result
    content = [
        block.model_copy(update={"text": mask(strip_control_chars(block.text))})
        if isinstance(block, TextContent)
        else block
        for block in result.content
    ]
    data = result.structured_content
    return result.model_copy(
        update={"content": content, "structured_content": strip_data(data, mask) if data is not None else None}
    )


def _within_budget(result: CallToolResult, settings: Settings, tokens: int) -> CallToolResult:
    """A result that a tool made itself, with its data. Its parts keep to the budget; this is what guarantees it."""
    max_length = characters(tokens) + FACTS_CHARACTERS + MAX_REFERENCE_LENGTH
    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    if sum(map(len, texts)) > max_length:
        other_blocks = [block for block in result.content if not isinstance(block, TextContent)]
        text = cut_to_budget("\n".join(texts), tokens)
        result = result.model_copy(update={"content": [TextContent(type="text", text=text), *other_blocks]})
        texts = [text]
    data = result.structured_content
    if data is None and settings.structured_output:
        data = {"text": "\n".join(texts)}
    elif data is not None and len(json.dumps(data, ensure_ascii=False)) > max_length:
        data = trim(data, max_length)
    return result if data is result.structured_content else result.model_copy(update={"structured_content": data})


def output_schema(fn: ToolFunction) -> dict[str, Any]:
    """The schema of a tool's structured content, by what it returns."""
    returned = get_type_hints(fn)["return"]
    if returned is str:
        return dict(TEXT_SCHEMA)
    if returned in {Table, Record, Document, Message}:
        return dict(returned.schema)
    return dict(RUN_SCHEMA)


def instance_parameter(names: list[str]) -> inspect.Parameter:
    """The parameter that names one AgentOS of several."""
    annotation = Annotated[str, WithJsonSchema({"type": "string", "enum": names})]
    return inspect.Parameter(INSTANCE, inspect.Parameter.KEYWORD_ONLY, default="", annotation=annotation)


def text_result(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)])


def error_result(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=strip_control_chars(cut_error(text)))], is_error=True)


def lean_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without what no model reads: titles, empty defaults, "anything else is fine"."""
    properties = {name: _lean_property(value) for name, value in schema.get("properties", {}).items()}
    lean: dict[str, Any] = {"type": "object", "properties": properties}
    if schema.get("required"):
        lean["required"] = schema["required"]
    return lean


_DROPPED_KEYS = ("title", "additionalProperties")


def _lean_property(schema: dict[str, Any]) -> dict[str, Any]:
    lean = {key: value for key, value in schema.items() if key not in _DROPPED_KEYS}
    default = lean.get("default")
    if default in (None, "", [], {}, False) or (default == 1 and default is not True):
        lean.pop("default", None)
    if lean.get("minimum") in (0, 1):
        # Checked all the same: nobody asks for less.
        del lean["minimum"]
    if isinstance(lean.get("items"), dict):
        lean["items"] = _lean_property(lean["items"])
    return lean
