"""How a tool is declared, and how a declaration becomes an MCP tool.

A tool is a plain async function whose first parameter is a `Ctx`; its docstring is its prompt. Its
place, its title and its hints are data beside it:

    TOOLSET = Toolset(
        "memory",
        "What AgentOS remembers of its users.",
        read(list_memories, "GET /memories"),
        write(create_memory, "POST /memories"),
        needs=DATABASE,
    )
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, InputRequiredResult, TextContent, ToolAnnotations

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.http_errors import READING_ERRORS, reading_failure
from agentos_mcp.agentos.plain_text import strip_control_chars, strip_data
from agentos_mcp.runs.questions import can_ask
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.argument_limits import ArgumentLimits
from agentos_mcp.tooling.budget import FACTS, LONGEST_REFERENCE, characters, cut_error, cut_to_budget, trimmed
from agentos_mcp.tooling.confirmation import confirm
from agentos_mcp.tooling.context import Backend, ToolContext
from agentos_mcp.tooling.results import RUN_SCHEMA, WORDS_SCHEMA, Record, Table

log = logging.getLogger(__name__)

Result = str | Table | Record | CallToolResult | InputRequiredResult
ToolFunction = Callable[..., Awaitable[Result]]
Details = Callable[[ToolContext, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""What a person has to know, besides a call's arguments, before they agree to it."""

DATABASE = "a database"
KNOWLEDGE = "a knowledge base"


@dataclass(frozen=True)
class ToolSpec:
    """A tool and all that a client is told of it.

    `endpoint` is what AgentOS has to serve for it ("GET /sessions"), '' where it has ways around.
    `default`: it is on where nobody chose. `open_world`: it reaches beyond AgentOS's own data.
    """

    fn: ToolFunction
    endpoint: str
    title: str
    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool
    default: bool
    confirm_only_if: str = ""
    details: Details | None = None

    @property
    def name(self) -> str:
        return self.fn.__name__


def read(fn: ToolFunction, endpoint: str = "", *, title: str = "", default: bool = False) -> ToolSpec:
    """A tool that changes nothing."""
    return ToolSpec(
        fn,
        endpoint,
        title or _title(fn),
        read_only=True,
        destructive=False,
        idempotent=True,
        open_world=False,
        default=default,
    )


def write(
    fn: ToolFunction,
    endpoint: str = "",
    *,
    title: str = "",
    idempotent: bool = False,
    open_world: bool = False,
    default: bool = False,
) -> ToolSpec:
    """A tool that adds or changes something, without taking anything away."""
    return ToolSpec(
        fn,
        endpoint,
        title or _title(fn),
        read_only=False,
        destructive=False,
        idempotent=idempotent,
        open_world=open_world,
        default=default,
    )


def destructive(
    fn: ToolFunction,
    endpoint: str = "",
    *,
    title: str = "",
    idempotent: bool = True,
    open_world: bool = False,
    default: bool = False,
    confirm_only_if: str = "",
    details: Details | None = None,
) -> ToolSpec:
    """A tool that ends, deletes or overwrites something. The person is asked first where that can be.

    `only_if` names the argument without which nothing is done yet, so that nobody need be asked.
    `details` adds to the question what the arguments alone do not say.
    """
    return ToolSpec(
        fn,
        endpoint,
        title or _title(fn),
        read_only=False,
        destructive=True,
        idempotent=idempotent,
        open_world=open_world,
        default=default,
        confirm_only_if=confirm_only_if,
        details=details,
    )


@dataclass(frozen=True)
class Toolset:
    """Tools that belong together. `instructions` join the server's own when the set is on.

    `needs` is DATABASE or KNOWLEDGE where none of them works without.
    """

    name: str
    instructions: str
    tools: tuple[ToolSpec, ...]
    needs: str

    def __init__(self, name: str, instructions: str, *tools: ToolSpec, needs: str = "") -> None:
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "instructions", instructions)
        object.__setattr__(self, "tools", tools)
        object.__setattr__(self, "needs", needs)


def mcp_tool(declared: ToolSpec, settings: Settings) -> Tool:
    """The SDK's tool for a declaration: results within the budget, our errors as results, a lean schema.

    Parameters that the settings fix are gone from the schema and given to every call.
    """
    fn = declared.fn
    signature = inspect.signature(fn, eval_str=True)
    injected = {name: value for name, value in settings.injected.items() if name in signature.parameters}
    limits = ArgumentLimits.of(signature)

    @functools.wraps(fn)
    async def call(**arguments: Any) -> CallToolResult | InputRequiredResult:
        context: Context[Backend] = arguments.pop("ctx")
        ctx = ToolContext.of(context)
        return sanitized(await answered(ctx, arguments), ctx.agent_os.mask)

    async def answered(ctx: ToolContext, arguments: dict[str, Any]) -> CallToolResult | InputRequiredResult:
        try:
            limits.check(arguments)
            arguments |= injected
            asks = declared.destructive and (not declared.confirm_only_if or arguments.get(declared.confirm_only_if))
            details = await declared.details(ctx, arguments) if asks and declared.details and can_ask(ctx) else {}
            if asks and (unconfirmed := confirm(ctx, declared.title, {**arguments, **details})) is not None:
                return text_result(unconfirmed) if isinstance(unconfirmed, str) else unconfirmed
            return to_mcp_result(await fn(ctx, **arguments), settings)
        except AgentOSError as error:
            return error_result(str(error))
        except READING_ERRORS as error:
            log.exception("%s failed", declared.name)
            return error_result(str(reading_failure(error, declared.name)))

    if injected:
        open_to_clients = [one for name, one in signature.parameters.items() if name not in injected]
        call.__signature__ = signature.replace(parameters=open_to_clients)  # type: ignore[attr-defined]  # functions may carry a signature of their own
    tool = Tool.from_function(
        call,
        name=declared.name,
        title=declared.title,
        description=inspect.cleandoc(fn.__doc__ or ""),
        context_kwarg="ctx",
        annotations=ToolAnnotations(
            read_only_hint=declared.read_only,
            destructive_hint=declared.destructive,
            idempotent_hint=declared.idempotent,
            open_world_hint=declared.open_world,
        ),
        structured_output=False,
    )
    tool.parameters = strip_data(lean_schema(tool.parameters))
    if settings.structured_output:
        tool.fn_metadata.output_schema = output_schema(fn)
    return tool


def to_mcp_result(result: Result, settings: Settings) -> CallToolResult | InputRequiredResult:
    """What a tool returned as MCP takes it: cut to the budget, with its data where the settings ask for it."""
    match result:
        case str():
            words = cut_to_budget(result, settings.result_tokens)
            data = {"text": words}
        case Table() | Record():
            words, data = result.text(settings.result_tokens), result.data(settings.result_tokens)
        case CallToolResult():
            return _within_budget(result, settings)
        case _:
            return result
    return CallToolResult(
        content=[TextContent(type="text", text=words)],
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


def _within_budget(result: CallToolResult, settings: Settings) -> CallToolResult:
    """A result that a tool made itself, with its data. Its parts keep to the budget; this is what guarantees it."""
    most = characters(settings.result_tokens) + FACTS + LONGEST_REFERENCE
    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    if sum(map(len, texts)) > most:
        others = [block for block in result.content if not isinstance(block, TextContent)]
        words = cut_to_budget("\n".join(texts), settings.result_tokens)
        result = result.model_copy(update={"content": [TextContent(type="text", text=words), *others]})
        texts = [words]
    data = result.structured_content
    if data is None and settings.structured_output:
        data = {"text": "\n".join(texts)}
    elif data is not None and len(json.dumps(data, ensure_ascii=False)) > most:
        data = trimmed(data, most)
    return result if data is result.structured_content else result.model_copy(update={"structured_content": data})


def output_schema(fn: ToolFunction) -> dict[str, Any]:
    """The schema of a tool's structured content, by what it returns."""
    returned = get_type_hints(fn)["return"]
    if returned is str:
        return dict(WORDS_SCHEMA)
    if returned in {Table, Record}:
        return dict(returned.schema)
    return dict(RUN_SCHEMA)


def text_result(words: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=words)])


def error_result(words: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=strip_control_chars(cut_error(words)))], is_error=True)


def lean_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without what no model reads: titles, empty defaults, "anything else is fine"."""
    properties = {name: _lean_property(value) for name, value in schema.get("properties", {}).items()}
    lean: dict[str, Any] = {"type": "object", "properties": properties}
    if schema.get("required"):
        lean["required"] = schema["required"]
    return lean


_DROPPED = ("title", "additionalProperties")


def _lean_property(schema: dict[str, Any]) -> dict[str, Any]:
    lean = {key: value for key, value in schema.items() if key not in _DROPPED}
    if lean.get("default") in (None, "", [], {}, False):
        lean.pop("default", None)
    if isinstance(lean.get("items"), dict):
        lean["items"] = _lean_property(lean["items"])
    return lean


def _title(fn: ToolFunction) -> str:
    return fn.__name__.replace("_", " ").capitalize()
