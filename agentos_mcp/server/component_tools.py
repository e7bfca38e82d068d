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

import anyio
from mcp.server.mcpserver.tools import Tool
from mcp_types import CallToolResult, InputRequiredResult
from pydantic import BaseModel, WithJsonSchema

from agentos_mcp.agentos.catalog import MANY, Catalog, Component, Inventory, display_id, match_component
from agentos_mcp.agentos.errors import AgentOSError, NotFound
from agentos_mcp.agentos.inputs.component_inputs import ComponentInputs, read_component_inputs
from agentos_mcp.agentos.log_format import Loggable
from agentos_mcp.agentos.runs.run import Kind
from agentos_mcp.agentos.scopes import are_forbidding
from agentos_mcp.runs.call import run_component
from agentos_mcp.runs.request import RunOptions
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.argument_limits import MAX_TEXT_LENGTH, MaxCharacters
from agentos_mcp.tooling.context import Backend, ToolContext
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.mcp_tool import mcp_tool
from agentos_mcp.tooling.parameters import Text
from agentos_mcp.tooling.tool_spec import ToolFunction, ToolSpec, write

log = logging.getLogger(__name__)

MAX_TOOLS = 200
"""A list of tools that is longer helps no model."""
MAX_NAME_LENGTH = 40
_MAX_FIELD_LENGTH = 64
_MAX_DESCRIPTION_LENGTH = 300
_REFRESH_TIMEOUT_SECONDS = 2.0
"""How long a list of tools waits for an AgentOS that is slow."""
_RUN_ARGUMENTS = ("message", "session_id", "user_id")
_RESERVED_NAMES = {
    *_RUN_ARGUMENTS,
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


class ComponentTools:
    """One tool for each component that the settings expose, as of the last `refresh`."""

    def __init__(self, settings: Settings, taken_names: frozenset[str]) -> None:
        self.tools: dict[str, Tool] = {}
        self.components: Mapping[str, Component] = {}
        """The components by their tools' names."""
        self.missing: list[str] = []
        """Why components that the settings name have no tool."""
        self._settings = settings
        self._selectors = () if settings.read_only else settings.expose
        self._taken_names = taken_names
        self._components: list[Component] = []
        self._demanded: Mapping[str, tuple[str, ...]] = {}
        self._lock = anyio.Lock()

    @property
    def is_enabled(self) -> bool:
        return bool(self._selectors)

    def names_permitted_by(self, scopes: Collection[str] | None) -> set[str]:
        """The tools' names, without those of components that these scopes forbid to run."""
        return {name for name in self.tools if not are_forbidding(scopes, self._demanded.get(name, ()))}

    async def refresh(self, backend: Backend | None) -> bool:
        """Bring the tools up to date with AgentOS; True where they are others than before.

        An AgentOS that does not answer leaves them as they are.
        """
        if backend is None or not self.is_enabled:
            return False
        with anyio.move_on_after(_REFRESH_TIMEOUT_SECONDS):
            async with self._lock:
                try:
                    inventory = await backend.catalog.inventory(retry=False)
                    if len(inventory.components) < MANY:
                        components, self.missing = select_components(self._selectors, inventory)
                    else:
                        components, self.missing = await anyio.to_thread.run_sync(
                            select_components, self._selectors, inventory
                        )
                    if components == self._components:
                        return False
                    specs = await build_tool_specs(backend.catalog, components, self._taken_names)
                    tools = {spec.name: mcp_tool(spec, self._settings) for spec in specs}
                except AgentOSError as error:
                    log.warning("The components to expose could not be read: %s", error)
                    return False
                except Exception:
                    log.exception("The components to expose could not be read")
                    return False
                self.tools = tools
                self.components = {spec.name: component for spec, component in zip(specs, components, strict=True)}
                self._demanded = {spec.name: spec.scopes for spec in specs}
                self._components = components
                return True
        return False


def select_components(
    selectors: Collection[tuple[str, str]], inventory: Inventory
) -> tuple[list[Component], list[str]]:
    """The components that `--expose` selects (("agents", "writer"), ("workflows", "") for all), and what is missing."""
    components: dict[tuple[str, str], Component] = {}
    missing = []
    for kinds, id_or_name in selectors:
        kind = cast("Kind", kinds.removesuffix("s"))
        try:
            selected = [match_component(kind, id_or_name, inventory)] if id_or_name else inventory.of(kind)
        except NotFound as error:
            missing.append(str(error))
            continue
        components |= {(component.kind, component.id): component for component in selected}
    if len(components) > MAX_TOOLS:
        missing.append(
            f"{len(components) - MAX_TOOLS:,} of {len(components):,} components, as {MAX_TOOLS} is the limit."
        )
    return list(components.values())[:MAX_TOOLS], missing


async def build_tool_specs(
    catalog: Catalog, components: Collection[Component], taken_names: Collection[str]
) -> list[ToolSpec]:
    """A tool for each component, with names that are not taken."""
    names = set(taken_names)
    specs = []
    for component in components:
        try:
            inputs = read_component_inputs(await catalog.detail(component.kind, component.id))
        except AgentOSError as error:
            # A token may run an agent without being allowed to read its detail: then it takes a message alone.
            log.info("The inputs of %s %s are not known: %s", Loggable(component.kind), component.id, error)
            inputs = ComponentInputs()
        name = free_name(component, names)
        names.add(name)
        function = build_tool_function(name, component, inputs)
        title = one_line(component.name, max_length=60)
        specs.append(write(function, title=title, open_world=True, scopes=(f"{component.kind}s:run",)))
    return specs


def free_name(component: Component, taken_names: Collection[str]) -> str:
    """ "Content Pipeline!" -> `content_pipeline`; with its kind, then a number, where that is taken."""
    plain = unicodedata.normalize("NFKD", component.id).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "_", plain).strip("_") or component.kind
    numbered = (f"{base[: MAX_NAME_LENGTH - len(str(n)) - 1]}_{n}" for n in count(2))
    candidates = chain((base, f"{component.kind}_{base}"), numbered)
    return next(name[:MAX_NAME_LENGTH] for name in candidates if name[:MAX_NAME_LENGTH] not in taken_names)


def build_tool_function(name: str, component: Component, inputs: ComponentInputs) -> ToolFunction:
    fields = argument_names(inputs.fields)
    with_message = inputs.go_into != "message"

    async def run(ctx: ToolContext, **arguments: Any) -> CallToolResult | InputRequiredResult:
        values = {
            field: arguments[argument]
            for argument, field in fields.items()
            if arguments.get(argument) not in (None, "")
        }
        message = str(arguments.get("message") or "") if with_message else json.dumps(values, ensure_ascii=False)
        return await run_component(
            ctx,
            component.kind,
            component.id,
            message,
            RunOptions(
                session_id=str(arguments.get("session_id") or ""),
                user_id=str(arguments.get("user_id") or ""),
                factory_input=values if inputs.go_into == "factory_input" and values else None,
            ),
        )

    parameters = [inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=ToolContext)]
    if with_message:
        parameters.append(_parameter("message", Text, required=True))
    for argument, field in fields.items():
        parameters.append(_typed(argument, inputs.fields[field], required=field in inputs.required))
    parameters += [_parameter("session_id", str, default=""), _parameter("user_id", str, default="")]
    run.__name__ = name
    run.__doc__ = (
        one_line(component.description, max_length=_MAX_DESCRIPTION_LENGTH)
        or f"Run the {component.kind} {display_id(component.id)}."
    )
    run.__signature__ = inspect.Signature(parameters, return_annotation=CallToolResult)  # type: ignore[attr-defined]  # functions may carry a signature of their own
    return cast("Callable[..., Any]", run)


def argument_names(fields: Iterable[str]) -> dict[str, str]:
    """The fields by the tool's arguments: their own names, with `input_` before those that are reserved."""
    usable = [
        field for field in fields if field.isidentifier() and field[:1] != "_" and len(field) <= _MAX_FIELD_LENGTH
    ]
    names = {field: field for field in usable if field not in _RESERVED_NAMES}
    for field in (field for field in usable if field in _RESERVED_NAMES):
        name = f"input_{field}"
        while name in names:
            name = f"input_{name}"
        names[name] = field
    arguments = {field: name for name, field in names.items()}
    return {arguments[field]: field for field in usable}


def _typed(name: str, schema: Mapping[str, Any], *, required: bool) -> inspect.Parameter:
    field_type: Any = _TYPES[schema["type"]]
    # The SDK reads everything that is not exactly `str` as JSON first.
    is_text = field_type is str
    annotation: Any = field_type if is_text or required else field_type | None
    default = schema.get("default", "" if is_text else None)
    return _parameter(
        name,
        Annotated[annotation, WithJsonSchema(dict(schema)), MaxCharacters(MAX_TEXT_LENGTH)],
        required=required,
        default=default,
    )


def _parameter(name: str, annotation: object, *, required: bool = False, default: object = None) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=annotation,
        default=inspect.Parameter.empty if required else default,
    )
