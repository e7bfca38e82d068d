"""Which agents, teams and workflows there are, and which one a person means."""

from __future__ import annotations

import difflib
import logging
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal, get_args
from urllib.parse import quote

import anyio

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.documents import rough_size
from agentos_mcp.agentos.errors import AgentOSError, NotFound
from agentos_mcp.agentos.run import KINDS, Kind

log = logging.getLogger(__name__)

_KEEP_SECONDS = 30.0
_MOST_COMPONENTS = 2_000
"""Of each kind; more are left out, and the log says so."""
_MOST_STORES = 500
_LONGEST_ID = 200
_LONGEST_DESCRIPTION = 2_000
MOST_PAGES = 100
MOST_CHARACTERS = 16 * 1024 * 1024
"""Of component details, as JSON, all together."""
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

    def of(self, kind: Kind) -> tuple[Component, ...]:
        return tuple(component for component in self.components if component.kind == kind)


@dataclass
class _Kept:
    value: Any
    until: float = field(default_factory=lambda: time.monotonic() + _KEEP_SECONDS)


class PageCache:
    """Component details by what they are of: the last that were read, as many as have room."""

    def __init__(self) -> None:
        self._pages: OrderedDict[str, tuple[_Kept, int]] = OrderedDict()
        self._size = 0

    def get(self, key: str) -> Mapping[str, Any] | None:
        kept, _ = self._pages.get(key, (None, 0))
        return kept.value if kept is not None and kept.until >= time.monotonic() else None

    def keep(self, key: str, page: Mapping[str, Any]) -> None:
        self._drop(key)
        size = rough_size(page, most=MOST_CHARACTERS)
        self._pages[key] = (_Kept(page), size)
        self._size += size
        while len(self._pages) > MOST_PAGES or self._size > MOST_CHARACTERS:
            self._drop(next(iter(self._pages)))

    def clear(self) -> None:
        self._pages.clear()
        self._size = 0

    def __len__(self) -> int:
        return len(self._pages)

    def _drop(self, key: str) -> None:
        _, size = self._pages.pop(key, (None, 0))
        self._size -= size


class Catalogue:
    """Reads `/config` (open to tokens that may not list agents) and component details; keeps both for 30 s."""

    def __init__(self, agent_os: AgentOS) -> None:
        self._os = agent_os
        self._kept: _Kept | None = None
        self._pages = PageCache()
        self._lock = anyio.Lock()
        self.changed: Callable[[], None] = lambda: None
        """Called when the components are others than they were."""

    async def contents(self, *, fresh: bool = False, patient: bool = True) -> Contents:
        async with self._lock:
            kept = self._kept
            if fresh or kept is None or kept.until < time.monotonic():
                before = self.known
                now = _read_config(await self._os.get("/config", patient=patient))
                kept = self._kept = _Kept(now)
                if before is not None and before.components != now.components:
                    self._pages.clear()
                    self.changed()
            contents: Contents = kept.value
            return contents

    @property
    def known(self) -> Contents | None:
        """What was read last, however long ago; None before the first time."""
        contents: Contents | None = self._kept.value if self._kept else None
        return contents

    async def detail(self, kind: Kind, component_id: str) -> Mapping[str, Any]:
        """A component's own page: model, tools, members, steps, input schema."""
        key = f"{kind}/{component_id}"
        page = self._pages.get(key)
        if page is None:
            answer = await self._os.get(f"/{kind}s/{{{kind}_id}}", {f"{kind}_id": component_id})
            page = answer if isinstance(answer, Mapping) else {}
            self._pages.keep(key, page)
        return page

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
    listed = entries if isinstance(entries, list) else []
    if len(listed) > _MOST_COMPONENTS:
        log.warning("AgentOS has %d %ss: only the first %d are known here.", len(listed), kind, _MOST_COMPONENTS)
    for entry in listed[:_MOST_COMPONENTS]:
        # An id that is longer could not be asked for.
        if isinstance(entry, Mapping) and entry.get("id") and len(str(entry["id"])) <= _LONGEST_ID:
            yield Component(
                kind=kind,
                id=str(entry["id"]),
                name=str(entry.get("name") or entry["id"])[:_LONGEST_ID],
                description=str(entry.get("description") or "")[:_LONGEST_DESCRIPTION],
                is_factory=bool(entry.get("is_factory")),
            )


def _read_config(config: object) -> Contents:
    if not isinstance(config, Mapping):
        config = {}
    components = tuple(one for kind in KINDS for one in _components(kind, config.get(f"{kind}s")))
    knowledge = config.get("knowledge")
    bases = knowledge.get("knowledge_instances") if isinstance(knowledge, Mapping) else None
    return Contents(
        id=str(config.get("os_id") or "")[:_LONGEST_ID],
        name=str(config.get("name") or config.get("os_id") or "")[:_LONGEST_ID],
        description=str(config.get("description") or "")[:_LONGEST_DESCRIPTION],
        components=components,
        databases=tuple(
            str(database)[:_LONGEST_ID] for database in islice(config.get("databases") or (), _MOST_STORES)
        ),
        knowledge=tuple(
            KnowledgeBase(
                *(str(words or "")[:_LONGEST_ID] for words in (base["id"], base.get("name"), base.get("db_id")))
            )
            for base in islice(bases or (), _MOST_STORES)
            if isinstance(base, Mapping) and base.get("id")
        ),
        stores={part: tuple(dict.fromkeys(_databases(config.get(part)))) for part in PARTS},
    )


def _databases(part: object) -> Iterator[str]:
    listed = part.get("dbs") if isinstance(part, Mapping) else None
    for database in islice(listed or (), _MOST_STORES):
        if isinstance(database, Mapping) and database.get("db_id"):
            yield str(database["db_id"])[:_LONGEST_ID]
