"""One tool for each component that the settings expose: its own name, description and typed inputs."""

from __future__ import annotations

import inspect
import json
import keyword
import logging
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain, count
from typing import Annotated, Any, cast

from mcp_types import CallToolResult, InputRequiredResult
from pydantic import BaseModel, WithJsonSchema

from agentos_mcp.agentos.catalog import Catalog, Component, Inventory, match, shown_id
from agentos_mcp.agentos.errors import AgentOSError, NotFound
from agentos_mcp.agentos.inputs.component_inputs import ComponentInputs, read_component_inputs
from agentos_mcp.agentos.runs.run import Kind
from agentos_mcp.runs.call import run_component
from agentos_mcp.runs.request import RunOptions
from agentos_mcp.tooling.argument_limits import TEXT, MaxCharacters
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.parameters import Text
from agentos_mcp.tooling.tool_spec import ToolFunction, ToolSpec, write

log = logging.getLogger(__name__)

LONGEST_NAME = 40
_LONGEST_FIELD = 64
MOST_TOOLS = 200
"""A list of tools that is longer helps no model."""
_DESCRIPTION = 300
_OWN = ("message", "session_id", "user_id")
_RESERVED = {
    *_OWN,
    "ctx",  # the SDK's
    "db_id",  # what the settings fix is theirs
    "knowledge_id",
    *(name for name in dir(BaseModel) if name.startswith("model_")),
    *keyword.kwlist,
}
_TYPES: Mapping[str, object] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list[Any],
    "object": dict[str, Any],
}


def exposed(wanted: Collection[tuple[str, str]], contents: Inventory) -> tuple[list[Component], list[str]]:
    """The components that are asked for (("agents", "writer"), ("workflows", "") for all), and what is missing."""
    found: dict[tuple[str, str], Component] = {}
    missing = []
    for kinds, asked in wanted:
        kind = cast("Kind", kinds.removesuffix("s"))
        try:
            chosen = [match(kind, asked, contents)] if asked else contents.of(kind)
        except NotFound as error:
            missing.append(str(error))
            continue
        found |= {(component.kind, component.id): component for component in chosen}
    if len(found) > MOST_TOOLS:
        missing.append(f"there are {len(found):,} components to expose, and {MOST_TOOLS} of them are: name fewer.")
    return list(found.values())[:MOST_TOOLS], missing


async def exposed_tools(catalog: Catalog, components: Collection[Component], taken: Collection[str]) -> list[ToolSpec]:
    """A tool for each component, with names that are not taken."""
    names = set(taken)
    tools = []
    for component in components:
        try:
            inputs = read_component_inputs(await catalog.detail(component.kind, component.id))
        except AgentOSError as error:
            # A token may run an agent without being allowed to look at it: then it takes a message alone.
            log.info("The inputs of %s %s are not known: %s", component.kind, component.id, error)
            inputs = ComponentInputs()
        name = free_name(component, names)
        names.add(name)
        tools.append(write(_tool(name, component, inputs), title=one_line(component.name, most=60), open_world=True))
    return tools


def free_name(component: Component, taken: Collection[str]) -> str:
    """ "Content Pipeline!" -> `content_pipeline`; with its kind, then a number, where that is taken."""
    plain = unicodedata.normalize("NFKD", component.id).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or component.kind
    numbered = (f"{base[: LONGEST_NAME - len(str(n)) - 1]}_{n}" for n in count(2))
    candidates = chain((base, f"{component.kind}_{base}"), numbered)
    return next(name[:LONGEST_NAME] for name in candidates if name[:LONGEST_NAME] not in taken)


def _tool(name: str, component: Component, inputs: ComponentInputs) -> ToolFunction:
    names = argument_names(inputs.fields)
    with_message = inputs.go_into != "message"

    async def run(ctx: ToolContext, **arguments: Any) -> CallToolResult | InputRequiredResult:
        given = {field: arguments[ours] for ours, field in names.items() if arguments.get(ours) not in (None, "")}
        message = str(arguments.get("message") or "") if with_message else json.dumps(given, ensure_ascii=False)
        return await run_component(
            ctx,
            component.kind,
            component.id,
            message,
            RunOptions(
                session_id=str(arguments.get("session_id") or ""),
                user_id=str(arguments.get("user_id") or ""),
                factory_input=given if inputs.go_into == "factory_input" and given else None,
            ),
        )

    parameters = [inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=ToolContext)]
    if with_message:
        parameters.append(_parameter("message", Text, required=True))
    for ours, field in names.items():
        parameters.append(_typed(ours, inputs.fields[field], required=field in inputs.required))
    parameters += [_parameter("session_id", str, default=""), _parameter("user_id", str, default="")]
    run.__name__ = name
    run.__doc__ = (
        one_line(component.description, most=_DESCRIPTION) or f"Run the {component.kind} {shown_id(component.id)}."
    )
    run.__signature__ = inspect.Signature(parameters, return_annotation=CallToolResult)  # type: ignore[attr-defined]  # functions may carry a signature of their own
    return cast("Callable[..., Any]", run)


def argument_names(fields: Iterable[str]) -> dict[str, str]:
    """The fields by the names of our arguments: their own, with `input_` before what is ours or Python's."""
    usable = [field for field in fields if field.isidentifier() and field[:1] != "_" and len(field) <= _LONGEST_FIELD]
    names = {field: field for field in usable if field not in _RESERVED}
    for field in (field for field in usable if field in _RESERVED):
        name = f"input_{field}"
        while name in names:
            name = f"input_{name}"
        names[name] = field
    ours = {field: name for name, field in names.items()}
    return {ours[field]: field for field in usable}


def _typed(name: str, schema: Mapping[str, Any], *, required: bool) -> inspect.Parameter:
    kind: Any = _TYPES[schema["type"]]
    # The SDK reads everything that is not exactly `str` as JSON first.
    free = kind is str
    taken: Any = kind if free or required else kind | None
    default = schema.get("default", "" if free else None)
    return _parameter(
        name, Annotated[taken, WithJsonSchema(dict(schema)), MaxCharacters(TEXT)], required=required, default=default
    )


def _parameter(name: str, annotation: object, *, required: bool = False, default: object = None) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=annotation,
        default=inspect.Parameter.empty if required else default,
    )
