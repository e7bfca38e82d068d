"""Which agents, teams and workflows there are, and which one a person means."""

from __future__ import annotations

import difflib
import time
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args
from urllib.parse import quote

import anyio

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, NotFound
from agentos_mcp.agentos.run import KINDS, Kind

_KEEP_SECONDS = 30.0
_NEAR = 0.75
_FILLERS = frozenset({"my", "the", "our", "a", "an", "your", "please", "run", "agent", "team", "workflow"})


@dataclass(frozen=True)
class Component:
    """An agent, a team or a workflow, as `/config` shows it."""

    kind: Kind
    id: str
    name: str
    description: str = ""
    is_factory: bool = False


@dataclass(frozen=True)
class KnowledgeBase:
    """A knowledge base, and the database that holds what is known of its contents."""

    id: str
    name: str = ""
    db_id: str = ""


Part = Literal["session", "memory", "knowledge", "traces", "metrics", "evals", "learning"]
"""What of AgentOS lies in databases, by the names of `/config`."""
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True)
class Contents:
    """What `/config` says of an AgentOS."""

    id: str
    name: str
    description: str
    components: tuple[Component, ...]
    databases: tuple[str, ...]
    knowledge: tuple[KnowledgeBase, ...]
    stores: Mapping[Part, tuple[str, ...]] = field(default_factory=dict)
    """The databases of each part."""
    durable_queue: bool = False
    """Whether background runs ride a durable queue, which chooses their run ids."""

    def of(self, kind: Kind) -> tuple[Component, ...]:
        return tuple(component for component in self.components if component.kind == kind)


@dataclass
class _Kept:
    value: Any
    until: float = field(default_factory=lambda: time.monotonic() + _KEEP_SECONDS)


class Catalogue:
    """Reads `/config` (open to tokens that may not list agents) and component details; keeps both for 30 s."""

    def __init__(self, agent_os: AgentOS) -> None:
        self._os = agent_os
        self._kept: dict[str, _Kept] = {}
        self._lock = anyio.Lock()
        self.changed: Callable[[], None] = lambda: None
        """Called when the components are others than they were."""

    async def contents(self, *, fresh: bool = False, patient: bool = True) -> Contents:
        async with self._lock:
            kept = self._kept.get("contents")
            if fresh or kept is None or kept.until < time.monotonic():
                before = self.known
                now = _read_config(await self._os.get("/config", patient=patient))
                kept = self._kept["contents"] = _Kept(now)
                if before is not None and before.components != now.components:
                    self._kept = {"contents": kept}
                    self.changed()
            contents: Contents = kept.value
            return contents

    @property
    def known(self) -> Contents | None:
        """What was read last, however long ago; None before the first time."""
        kept = self._kept.get("contents")
        contents: Contents | None = kept.value if kept else None
        return contents

    async def detail(self, kind: Kind, component_id: str) -> Mapping[str, Any]:
        """A component's own page: model, tools, members, steps, input schema."""
        key = f"{kind}/{component_id}"
        kept = self._kept.get(key)
        if kept is None or kept.until < time.monotonic():
            page = await self._os.get(f"/{kind}s/{{{kind}_id}}", {f"{kind}_id": component_id})
            kept = self._kept[key] = _Kept(page if isinstance(page, Mapping) else {})
        page_kept: Mapping[str, Any] = kept.value
        return page_kept

    async def components(self, kind: Kind) -> tuple[Component, ...]:
        """All components, in the first places those of `/config`; of this kind also those that are stored as data."""
        listed = (await self.contents()).components
        try:
            answer = await self._os.get(f"/{kind}s")
        except AgentOSError:
            return listed  # a token may run what it may not list; `/config` is open to it
        known = {component.id for component in listed if component.kind == kind}
        return (*listed, *(one for one in _components(kind, answer) if one.id not in known))

    async def step_count(self, component: Component) -> int:
        """How many top-level steps a workflow has; 0 where that is not known (factories, missing scope)."""
        if component.kind != "workflow" or component.is_factory:
            return 0
        try:
            steps = (await self.detail("workflow", component.id)).get("steps")
        except AgentOSError:
            return 0
        return len(steps) if isinstance(steps, list) else 0

    async def find(self, kind: Kind, asked: str) -> Component:
        """The component that `asked` means: an id, a name, "my content pipeline", or a unique near miss.

        Raises NotFound with the candidates where none, or more than one, is meant.
        """
        try:
            return match(kind, asked, await self.contents())
        except NotFound:
            # It may be newer than what is kept, or stored as data.
            contents = await self.contents(fresh=True)
            return match(kind, asked, replace(contents, components=await self.components(kind)))


def match(kind: Kind, asked: str, contents: Contents) -> Component:
    """`find`, on contents that are at hand."""
    here = contents.of(kind)
    for candidates in (
        [c for c in here if c.id == asked],
        [c for c in here if _plain(asked) in {_plain(c.id), _plain(c.name)}],
        [c for c in here if _core(asked) and _core(asked) in {_core(c.id), _core(c.name)}],
        [c for c in here if len(_core(asked)) > 2 and _core(asked) in _core(c.id) + " " + _core(c.name)],
        [c for c in here if _likeness(asked, c) >= _NEAR],
    ):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise NotFound(f"'{asked}' could be {len(candidates)} {kind}s.", f"Use one of the ids: {_ids(candidates)}.")
    raise NotFound(f"No {kind} '{asked}'.", _next_move(kind, asked, contents))


def _next_move(kind: Kind, asked: str, contents: Contents) -> str:
    for other in KINDS:
        if other != kind and any(c.id == asked or _plain(c.name) == _plain(asked) for c in contents.of(other)):
            return f"It is {'an' if other == 'agent' else 'a'} {other}: use run_{other}."
    here = sorted(contents.of(kind), key=lambda c: -_likeness(asked, c))
    if not here:
        return f"This AgentOS has no {kind}s."
    if _likeness(asked, here[0]) >= 0.5:
        return f"Did you mean {_ids(here[:3], ' or ')}?"
    return f"There are: {_ids(here[:12])}{' and more' if len(here) > 12 else ''}."


def shown_id(value: str) -> str:
    """An id as it may stand in our own sentences: nothing in it can pass for an instruction."""
    return quote(value, safe="-._~@+:", errors="surrogatepass")


def _ids(components: Sequence[Component], between: str = ", ") -> str:
    return between.join(f"'{shown_id(component.id)}'" for component in components)


def _plain(text: str) -> str:
    """ "Content Pipeline", "content-pipeline" and "content_pipeline" are one."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(char if char.isalnum() else " " for char in folded).split())


def _core(text: str) -> str:
    """Without the words around it: "my content pipeline workflow" -> "content pipeline"."""
    return " ".join(word for word in _plain(text).split() if word not in _FILLERS)


def _likeness(asked: str, component: Component) -> float:
    wanted = _core(asked) or _plain(asked)
    return max(
        difflib.SequenceMatcher(None, wanted, _core(known) or _plain(known)).ratio()
        for known in (component.id, component.name)
    )


def _components(kind: Kind, entries: object) -> Iterator[Component]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and entry.get("id"):
            yield Component(
                kind=kind,
                id=str(entry["id"]),
                name=str(entry.get("name") or entry["id"]),
                description=str(entry.get("description") or ""),
                is_factory=bool(entry.get("is_factory")),
            )


def _read_config(config: object) -> Contents:
    if not isinstance(config, Mapping):
        config = {}
    components = tuple(one for kind in KINDS for one in _components(kind, config.get(f"{kind}s")))
    knowledge = config.get("knowledge")
    bases = knowledge.get("knowledge_instances") if isinstance(knowledge, Mapping) else None
    return Contents(
        id=str(config.get("os_id") or ""),
        name=str(config.get("name") or config.get("os_id") or ""),
        description=str(config.get("description") or ""),
        components=components,
        databases=tuple(str(database) for database in config.get("databases") or ()),
        knowledge=tuple(
            KnowledgeBase(str(base["id"]), str(base.get("name") or ""), str(base.get("db_id") or ""))
            for base in bases or ()
            if isinstance(base, Mapping) and base.get("id")
        ),
        stores={part: tuple(dict.fromkeys(_databases(config.get(part)))) for part in PARTS},
        durable_queue=isinstance(queue := config.get("queue"), Mapping) and queue.get("durable") is True,
    )


def _databases(part: object) -> Iterator[str]:
    listed = part.get("dbs") if isinstance(part, Mapping) else None
    for database in listed or ():
        if isinstance(database, Mapping) and database.get("db_id"):
            yield str(database["db_id"])
