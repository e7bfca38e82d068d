"""Calls of a server that has several AgentOSes: which of them a call is for, and one result of those of all.

A call is for the AgentOS that its `instance` names, or a run's reference in it, or an id or a name ("prod: content
pipeline", "content pipeline on prod"). Where none is named, a tool that spans them is for all, and a component's name
for the only one that has it. What remains is asked back.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, zip_longest
from typing import Any, Literal

from agentos_mcp.agentos.catalog import Component, Inventory, display_id, match_component, to_give_kind
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, InvalidRequest, NotFound, Unsupported
from agentos_mcp.agentos.hints import Surface, as_hint
from agentos_mcp.agentos.plain_text import excerpt
from agentos_mcp.agentos.runs.run import KINDS, Kind, RunRef
from agentos_mcp.tooling.context import Backend
from agentos_mcp.tooling.instances import Instances
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.parameters import ComponentId
from agentos_mcp.tooling.results import Document, Message, Record, Table
from agentos_mcp.tooling.tool_spec import Result, ToolSpec

INSTANCE = "instance"
"""The parameter that names the AgentOS, and the column that does."""
_RUNS = frozenset({"run", "run_a", "run_b"})
_NAMES = frozenset({"id", "ids", "schedule", *_RUNS})
_OF_ALL = frozenset({"user_id"})
"""Ids of what is the same on each."""
_MAX_ABSENCE_LENGTH = 300
_BEHIND = re.compile(r"(?P<query>.*\S)(?:\s+(?:on|in|at)\s+|\s*@\s*|\s*\(\s*(?:on\s+)?)(?P<name>[A-Za-z0-9._-]+)\s*\)?")


@dataclass(frozen=True)
class CallTarget:
    """The AgentOS that a call is for, None for all; and its arguments without the name of that."""

    backend: Backend | None
    arguments: Mapping[str, Any]


def spans_instances(spec: ToolSpec, signature: inspect.Signature) -> bool:
    """Whether a call of the tool that names no AgentOS is for all of them."""
    if spec.spans is not None:
        return spec.spans
    required = [p.name for p in signature.parameters.values() if p.default is inspect.Parameter.empty]
    return spec.read_only and not any(map(_is_place, required))


async def find_target(
    instances: Instances, spec: ToolSpec, signature: inspect.Signature, arguments: Mapping[str, Any], answered_run: str
) -> CallTarget:
    """The AgentOS that a call is for. `answered_run` is the reference of the run whose question it answers, or ''.

    Raises InvalidRequest where two are named, or an unknown one, or none and it is not clear which is meant.
    """
    plain = dict(arguments)
    named = {INSTANCE: instances.named(name).instance} if (name := str(plain.pop(INSTANCE, ""))) else {}
    for parameter, value in arguments.items():
        if _is_place(parameter) and parameter != INSTANCE:
            is_component = _is_component(signature, parameter)
            found, plain[parameter] = _split(instances, value, is_component=is_component)
            named |= {parameter: found} if found else {}
    if not named and answered_run:
        named["answer"] = instances.named(RunRef.parse(answered_run).instance).instance
    if len(set(named.values())) > 1:
        (first, one), *others = named.items()
        second, other = next(item for item in others if item[1] != one)
        raise InvalidRequest(f"{first} names the AgentOS {one}, {second} {other}.", "A call is for one of them.")
    if named:
        return CallTarget(instances.backends[next(iter(named.values()))], plain)
    if spans_instances(spec, signature):
        return CallTarget(None, plain)
    if (component := _component_query(signature, plain)) is not None:
        return CallTarget(await _owner(instances, *component, is_read=spec.read_only), plain)
    raise instances.ask_which("There are several AgentOSes, and this is for one of them.")


async def find_component(instances: Instances, kind: Kind, text: str) -> tuple[Backend, Component]:
    """The component that is meant, to be read, and the AgentOS that it is on.

    Raises NotFound where none has it, InvalidRequest where several have.
    """
    name, query = _split(instances, text, is_component=True)
    backend = instances.backends[name] if name else await _owner(instances, kind, query, is_read=True)
    return backend, await backend.catalog.find_to_read(kind, query, to_give_kind)


def require_tool(backend: Backend, spec: ToolSpec) -> None:
    """Raises Forbidden where this AgentOS is only read, Unsupported where it does not offer the tool."""
    if backend.settings.read_only and not spec.read_only:
        raise Forbidden(f"The AgentOS {backend.instance} is read-only: nothing can be run or changed there.")
    if reason := backend.refusal_of(spec.name):
        raise Unsupported(f"Not on {backend.instance}: {reason}")


async def call_each(
    instances: Instances,
    call: Callable[[Backend], Awaitable[Result]],
    surface_of: Callable[[Backend], Surface],
    tokens: int,
    *,
    wait_for_all: bool = False,
) -> Result:
    """One result of the results of all. Raises the error where all of them fail."""
    answers = await instances.ask_each(call, wait_for_all=wait_for_all)
    results = {name: answer for name, answer in answers.items() if not isinstance(answer, AgentOSError)}
    errors = {name: answer for name, answer in answers.items() if isinstance(answer, AgentOSError)}
    if not results:
        raise _joined_error(errors)
    surfaces = {name: surface_of(backend) for name, backend in instances.backends.items()}
    # What one does not know another has; all else that is missing is told.
    absences = [
        f"{name} is left out: {one_line(error.render(surfaces[name]), max_length=_MAX_ABSENCE_LENGTH)}"
        for name, error in errors.items()
        if not isinstance(error, NotFound)
    ]
    tables = {name: result for name, result in results.items() if isinstance(result, Table)}
    if len(tables) == len(results):
        return _joined_table(tables, surfaces, absences)
    return _joined_document(results, surfaces, absences, tokens)


def with_instance(result: Result, backend: Backend) -> Result:
    """The result of one AgentOS, with its name where the result has a place for it."""
    name = backend.instance
    match result:
        case Table():
            return replace(result, columns=(INSTANCE, *result.columns), rows=[(name, *row) for row in result.rows])
        case Record():
            return replace(result, facts={INSTANCE: name, **result.facts})
        case Document():
            return replace(
                result, words=f"{INSTANCE}: {name}\n{result.words}", contents={INSTANCE: name, **result.contents}
            )
        case _:
            return result


# Which AgentOS


def _is_place(parameter: str) -> bool:
    """Whether what the parameter names is on one AgentOS."""
    return parameter in _NAMES or (parameter.endswith("_id") and parameter not in _OF_ALL)


def _is_component(signature: inspect.Signature, parameter: str) -> bool:
    if parameter in {f"{kind}_id" for kind in KINDS}:
        return True
    known = signature.parameters.get(parameter)
    return known is not None and known.annotation == ComponentId


def _component_query(
    signature: inspect.Signature, arguments: Mapping[str, Any]
) -> tuple[Kind | Literal[""], str] | None:
    """The component that a call names, with its kind where that is said."""
    for name, value in arguments.items():
        if isinstance(value, str) and value and _is_component(signature, name):
            word = name.removesuffix("_id") if name != "id" else str(arguments.get("kind", ""))
            return next((kind for kind in KINDS if kind == word), ""), value
    return None


def _split(instances: Instances, value: object, *, is_component: bool) -> tuple[str, Any]:
    """The name of the AgentOS in an id, a name or a reference, '' where there is none; and the rest of it."""
    if isinstance(value, list):
        parts = [_split(instances, item, is_component=is_component) for item in value]
        names = {name for name, _ in parts}
        if len(names - {""}) > 1:
            raise InvalidRequest("They are of several AgentOSes.", "A call is for one of them.")
        return max(names, default=""), [rest for _, rest in parts]
    if not isinstance(value, str):
        return "", value
    if "/" in value and (ref := _reference(value)) is not None:
        return (instances.named(ref.instance).instance if ref.instance else ""), value
    name, rest = instances.split(value)
    if name:
        return name, rest
    found = _BEHIND.fullmatch(value) if is_component else None
    name = instances.name_of(found["name"]) if found is not None else ""
    if found is None or not name or any(_is_called(backend, value) for backend in instances.backends.values()):
        return "", value
    return name, found["query"]


def _reference(text: str) -> RunRef | None:
    try:
        return RunRef.parse(text)
    except InvalidRequest:
        return None


def _is_called(backend: Backend, text: str) -> bool:
    inventory = backend.catalog.known
    return inventory is not None and any(_is_exactly(component, text) for component in inventory.components)


def _is_exactly(component: Component, text: str) -> bool:
    return text.strip().casefold() in {component.id.casefold(), component.name.casefold()}


async def _owner(instances: Instances, kind: Kind | Literal[""], query: str, *, is_read: bool) -> Backend:
    """The only AgentOS that has a component. Where one cannot be asked, that is no answer to a call that changes.

    Raises NotFound where none has it, InvalidRequest where several have, or may have.
    """

    async def find(backend: Backend) -> Component | None:
        find_component = backend.catalog.find_to_read if is_read else backend.catalog.find
        component = await find_component(kind, query, to_give_kind)
        inventory = await backend.catalog.inventory()
        # What the token may not list is taken for an id.
        return None if component.kind in inventory.unlisted_kinds else component

    answers = await instances.ask_each(find)
    for name, backend in instances.backends.items():
        # One that is down has what it had before.
        if not isinstance(answers[name], Component | NotFound) and (known := backend.catalog.known) is not None:
            answers[name] = _last_known(known, kind, query)
    found = {name: answer for name, answer in answers.items() if isinstance(answer, Component)}
    exact = [name for name, component in found.items() if _is_exactly(component, query)]
    names = exact or list(found)
    what = f"'{excerpt(query)}'"
    if len(names) > 1:
        named = ", ".join(f"{name} ({found[name].kind} {display_id(found[name].id)})" for name in names)
        raise instances.ask_which(f"{what} is on several AgentOSes: {named}.")
    unknown = [name for name, answer in answers.items() if not isinstance(answer, Component | NotFound)]
    if unknown and not (names and is_read):
        where = f"on {names[0]}" if names else "not on the others"
        raise instances.ask_which(f"{what} is {where}; {', '.join(unknown)} did not say whether it has one.")
    if names:
        return instances.backends[names[0]]
    raise _joined_error({name: answer for name, answer in answers.items() if isinstance(answer, AgentOSError)})


def _last_known(inventory: Inventory, kind: Kind | Literal[""], query: str) -> Component | AgentOSError | None:
    """The component that is meant among those that an AgentOS had, None where it did not list all of them."""
    if inventory.unlisted_kinds:
        return None
    try:
        return match_component(kind, query, inventory)
    except NotFound as error:
        return error


# One result


def _joined_error(errors: Mapping[str, AgentOSError]) -> AgentOSError:
    """The error of all: once where it is the same of each."""
    first = next(iter(errors.values()))
    if len({str(error) for error in errors.values()}) == 1:
        return first
    parts = as_hint("")
    for name, error in errors.items():
        parts = parts + f"{name}: {error.message}" + error.hint
    is_missing = all(isinstance(error, NotFound) for error in errors.values())
    return first.reworded(f"None of the AgentOSes {'has it' if is_missing else 'can do that'}.", parts)


def _joined_table(tables: Mapping[str, Table], surfaces: Mapping[str, Surface], absences: list[str]) -> Table:
    """The rows of all, by turns: so none takes the room of the others where not all fit."""
    columns = tuple(dict.fromkeys(column for table in tables.values() for column in table.columns))
    by_turns = zip_longest(*(list(_named_rows(name, table, columns)) for name, table in tables.items()))
    rows = [row for row in chain.from_iterable(by_turns) if row is not None]
    footers = [
        (name, one_line(words, max_length=_MAX_ABSENCE_LENGTH))
        for name, table in tables.items()
        if (words := as_hint(table.footer).render(surfaces[name]))
    ]
    is_same = len(footers) == len(tables) and len({words for _, words in footers}) == 1
    notes = [footers[0][1]] if is_same else [f"{name}: {words}" for name, words in footers]
    empty = [f"{name}: {as_hint(table.empty).render(surfaces[name])}" for name, table in tables.items()]
    return Table(
        (INSTANCE, *columns),
        rows,
        empty=" ".join([*empty, *absences]),
        meta=_joined_meta(list(tables.values())),
        footer=" ".join([*notes, *absences]),
    )


def _named_rows(name: str, table: Table, columns: tuple[str, ...]) -> Iterator[tuple[object, ...]]:
    for row in table.rows:
        cells = dict(zip(table.columns, row, strict=True))
        yield (name, *(cells.get(column) for column in columns))


def _joined_meta(tables: list[Table]) -> Mapping[str, Any]:
    metas = [table.meta for table in tables]
    if not any(isinstance(meta.get("total_count"), int) for meta in metas):
        return {}
    pages = [meta["total_pages"] for meta in metas if isinstance(meta.get("total_pages"), int)]
    counts = [count if isinstance(count := table.meta.get("total_count"), int) else len(table.rows) for table in tables]
    page = next((meta["page"] for meta in metas if isinstance(meta.get("page"), int)), None)
    return {"total_count": sum(counts), "page": page, "total_pages": max(pages, default=None)}


def _joined_document(
    results: Mapping[str, Result], surfaces: Mapping[str, Surface], absences: list[str], tokens: int
) -> Document:
    texts, contents = [], {}
    for name, result in results.items():
        match result:
            case Table() | Record() | Document() | Message():
                words = result.text(tokens // len(results), surface=surfaces[name])
                contents[name] = result.data(surface=surfaces[name])
            case _:
                words = str(result)
                contents[name] = {"text": words}
        texts.append(f"## {name}\n{words}")
    return Document("\n\n".join([*texts, *absences]), contents | ({"note": " ".join(absences)} if absences else {}))
