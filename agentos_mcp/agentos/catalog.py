"""Which agents, teams and workflows there are, and which one a person means."""

from __future__ import annotations

import logging
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, Literal, get_args
from urllib.parse import quote

import anyio

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, NotFound
from agentos_mcp.agentos.hints import Action, Hint, hint
from agentos_mcp.agentos.http_errors import READING_ERRORS
from agentos_mcp.agentos.json_values import mapping, objects, text, texts
from agentos_mcp.agentos.plain_text import excerpt
from agentos_mcp.agentos.runs.payload import rough_size
from agentos_mcp.agentos.runs.run import KINDS, Kind
from agentos_mcp.agentos.shared_call import SharedCall
from agentos_mcp.agentos.similar_names import similarity

log = logging.getLogger(__name__)

_KEEP_SECONDS = 30.0
_LIST_TIMEOUT_SECONDS = 2.0
"""How long lists that can do without it wait for the inventory."""
_MOST_NAMED = 12
_MOST_COMPONENTS = 2_000
"""Of each kind; more are left out, and the log says so."""
_MOST_STORES = 500
_LONGEST_ID = 200
_LONGEST_DESCRIPTION = 2_000
MOST_PAGES = 100
MOST_CHARACTERS = 16 * 1024 * 1024
"""Of component details, as JSON, all together."""
_NEAR = 0.75
MANY = 300
"""Components from which on looking through all of them is left to a thread: others need not wait for it."""
_LONGEST_NAME = 200
_LONGEST_DESCRIPTION = 2_000
_FILLERS = frozenset({"my", "the", "our", "a", "an", "your", "please", "run", "agent", "team", "workflow"})


@dataclass(frozen=True)
class Component:
    """An agent, a team or a workflow, as `/config` shows it."""

    kind: Kind
    id: str
    name: str
    description: str = ""
    is_factory: bool = False

    @cached_property
    def plain(self) -> tuple[str, str]:
        """Its id and name as they are compared."""
        return _plain(self.id), _plain(self.name)

    @cached_property
    def core(self) -> tuple[str, str]:
        """The same without the words around what is meant."""
        return _core(self.plain[0]), _core(self.plain[1])


@dataclass(frozen=True)
class KnowledgeBase:
    """A knowledge base, and the database that holds what is known of its contents."""

    id: str
    name: str = ""
    db_id: str = ""


DataStore = Literal["session", "memory", "knowledge", "traces", "metrics", "evals", "learning"]
"""What of AgentOS lies in databases, by the names of `/config`."""
DATA_STORES: tuple[DataStore, ...] = get_args(DataStore)


@dataclass(frozen=True)
class Inventory:
    """What `/config` says of an AgentOS."""

    id: str
    name: str
    description: str
    components: tuple[Component, ...]
    databases: tuple[str, ...]
    knowledge: tuple[KnowledgeBase, ...]
    stores: Mapping[DataStore, tuple[str, ...]] = field(default_factory=dict)
    """The databases of each part."""
    durable_queue: bool = False
    """Whether background runs ride a durable queue, which chooses their run ids."""

    def of(self, kind: Kind) -> tuple[Component, ...]:
        return tuple(component for component in self.components if component.kind == kind)

    def sorted_components(self) -> list[Component]:
        """By kind and id: in the same order as long as they are the same."""
        return sorted(self.components, key=lambda component: (KINDS.index(component.kind), component.id))


@dataclass
class _Kept:
    value: Any
    until: float = field(default_factory=lambda: time.monotonic() + _KEEP_SECONDS)


class DetailCache:
    """Component details by what they are of: the last that were read, as many as have room."""

    def __init__(self) -> None:
        self._pages: OrderedDict[str, tuple[_Kept, int]] = OrderedDict()
        self._size = 0

    def get(self, key: str) -> Mapping[str, Any] | None:
        kept, _ = self._pages.get(key, (None, 0))
        return kept.value if kept is not None and kept.until >= time.monotonic() else None

    def keep(self, key: str, page: Mapping[str, Any]) -> None:
        self._drop(key)
        size = rough_size(page, limit=MOST_CHARACTERS)
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


class Catalog:
    """Reads `/config` (open to tokens that may not list agents) and component details; keeps both for 30 s."""

    def __init__(self, agent_os: AgentOS) -> None:
        self._os = agent_os
        self._kept: _Kept | None = None
        self._pages = DetailCache()
        # Who cannot wait for further attempts does not wait for those of others either.
        self._reads = {
            retry: SharedCall(partial(self._read, retry=retry), agent_os.limits.total) for retry in (True, False)
        }
        self.changed: Callable[[], None] = lambda: None
        """Called when the components are others than they were."""

    async def inventory(self, *, fresh: bool = False, retry: bool = True) -> Inventory:
        kept = self._kept
        if fresh or kept is None or kept.until < time.monotonic():
            return await self._reads[retry].result()
        contents: Inventory = kept.value
        return contents

    async def inventory_or_last_known(self, timeout_seconds: float = _LIST_TIMEOUT_SECONDS) -> Inventory | None:
        """The inventory; where AgentOS does not answer in time, what it had before, None where that is not known."""
        try:
            with anyio.fail_after(timeout_seconds):
                return await self.inventory(retry=False)
        except AgentOSError as error:
            log.info("The inventory of AgentOS is not up to date: %s", error)
        except TimeoutError:
            log.info("The inventory of AgentOS is not up to date: it is slow to answer.")
        except READING_ERRORS:
            log.exception("The inventory of AgentOS is not up to date: it could not be read")
        return self.known

    async def _read(self, *, retry: bool) -> Inventory:
        now = _read_config(await self._os.get("/config", retry=retry))
        before = self.known
        self._kept = _Kept(now)
        if before is not None and before.components != now.components:
            self._pages.clear()
            self.changed()
        return now

    @property
    def known(self) -> Inventory | None:
        """What was read last, however long ago; None before the first time."""
        contents: Inventory | None = self._kept.value if self._kept else None
        return contents

    async def detail(self, kind: Kind, component_id: str) -> Mapping[str, Any]:
        """A component's own page: model, tools, members, steps, input schema."""
        key = f"{kind}/{component_id}"
        page = self._pages.get(key)
        if page is None:
            page = mapping(await self._os.get(f"/{kind}s/{{{kind}_id}}", {f"{kind}_id": component_id}))
            self._pages.keep(key, page)
        return page

    async def components(self, kind: Kind) -> tuple[Component, ...]:
        """All components, in the first places those of `/config`; of this kind also those that are stored as data."""
        listed = (await self.inventory()).components
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
            return await _match(kind, asked, await self.inventory())
        except NotFound:
            # It may be newer than what is kept, or stored as data.
            contents = await self.inventory(fresh=True)
            return await _match(kind, asked, replace(contents, components=await self.components(kind)))


async def _match(kind: Kind, asked: str, contents: Inventory) -> Component:
    if len(contents.components) < MANY:
        return match(kind, asked, contents)
    return await anyio.to_thread.run_sync(match, kind, asked, contents)


def match(kind: Kind, asked: str, contents: Inventory) -> Component:
    """`find`, on contents that are at hand."""
    here = contents.of(kind)
    plain, core = _plain(asked), _core(asked)
    searches: tuple[Callable[[], list[Component]], ...] = (
        lambda: [c for c in here if c.id == asked],
        lambda: [c for c in here if plain in c.plain],
        lambda: [c for c in here if core and core in c.core],
        lambda: [c for c in here if len(core) > 2 and core in " ".join(c.core)],
        lambda: [c for c, like in _nearest(core or plain, here) if like >= _NEAR],
    )
    for search in searches:
        candidates = search()
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            ids = f"{_ids(candidates[:_MOST_NAMED])}{' and more' if len(candidates) > _MOST_NAMED else ''}"
            raise NotFound(f"'{excerpt(asked)}' could be {len(candidates)} {kind}s.", f"Use one of the ids: {ids}.")
    raise NotFound(f"No {kind} '{excerpt(asked)}'.", _hint(kind, asked, contents))


def _hint(kind: Kind, asked: str, contents: Inventory) -> Hint | str:
    plain, core = _plain(asked), _core(asked)
    for other in KINDS:
        if other != kind and any(c.id == asked or c.plain[1] == plain for c in contents.of(other)):
            return hint(
                "It is {article} {other}: use {run}.",
                article="an" if other == "agent" else "a",
                other=other,
                run=Action.of(f"run_{other}"),
                otherwise=f"It is {'an' if other == 'agent' else 'a'} {other}.",
            )
    here = contents.of(kind)
    if not here:
        return f"This AgentOS has no {kind}s."
    near = _nearest(core or plain, here)
    if near[0][1] >= 0.5:
        return f"Did you mean {_ids([c for c, _ in near[:3]], ' or ')}?"
    listed = [c for c, _ in near[:_MOST_NAMED]]
    return f"There are: {_ids(listed)}{' and more' if len(here) > _MOST_NAMED else ''}."


def _nearest(wanted: str, components: Sequence[Component]) -> list[tuple[Component, float]]:
    """The components that are most like what is wanted, by id or name, the best first; not all where there are many."""
    called = [tuple(core or plain for core, plain in zip(c.core, c.plain, strict=True)) for c in components]
    like = similarity(wanted, (name for names in called for name in names))
    found = [
        (component, max(like.get(name, 0.0) for name in names))
        for component, names in zip(components, called, strict=True)
        if any(name in like for name in names)
    ]
    return sorted(found, key=lambda one: -one[1])


def shown_id(value: str) -> str:
    """An id as it may stand in our own sentences: nothing in it can pass for an instruction."""
    return quote(value, safe="-._~@+:", errors="surrogatepass")


def _ids(components: Sequence[Component], between: str = ", ") -> str:
    return between.join(f"'{shown_id(component.id)}'" for component in components)


def _plain(words: str) -> str:
    """ "Content Pipeline", "content-pipeline" and "content_pipeline" are one."""
    folded = unicodedata.normalize("NFKC", words[:_LONGEST_NAME]).casefold()
    return " ".join("".join(char if char.isalnum() else " " for char in folded).split())


def _core(words: str) -> str:
    """Without the words around it: "my content pipeline workflow" -> "content pipeline"."""
    return " ".join(word for word in _plain(words).split() if word not in _FILLERS)


def _components(kind: Kind, entries: object) -> Iterator[Component]:
    listed = objects(entries)
    if len(listed) > _MOST_COMPONENTS:
        log.warning("AgentOS has %d %ss: only the first %d are known here.", len(listed), kind, _MOST_COMPONENTS)
    for entry in listed[:_MOST_COMPONENTS]:
        component_id = text(entry.get("id"))
        # An id that is longer could not be asked for.
        if component_id and len(component_id) <= _LONGEST_ID:
            yield Component(
                kind=kind,
                id=component_id,
                name=(text(entry.get("name")) or component_id)[:_LONGEST_NAME],
                description=text(entry.get("description"))[:_LONGEST_DESCRIPTION],
                is_factory=bool(entry.get("is_factory")),
            )


def _read_config(answer: object) -> Inventory:
    config = mapping(answer)
    knowledge = mapping(config.get("knowledge"))
    return Inventory(
        id=text(config.get("os_id"))[:_LONGEST_ID],
        name=(text(config.get("name")) or text(config.get("os_id")))[:_LONGEST_NAME],
        description=text(config.get("description"))[:_LONGEST_DESCRIPTION],
        components=tuple(one for kind in KINDS for one in _components(kind, config.get(f"{kind}s"))),
        databases=tuple(name[:_LONGEST_ID] for name in texts(config.get("databases"))[:_MOST_STORES]),
        knowledge=tuple(
            KnowledgeBase(
                base_id[:_LONGEST_ID], text(base.get("name"))[:_LONGEST_NAME], text(base.get("db_id"))[:_LONGEST_ID]
            )
            for base in objects(knowledge.get("knowledge_instances"))[:_MOST_STORES]
            if (base_id := text(base.get("id")))
        ),
        stores={part: tuple(dict.fromkeys(_databases(config.get(part)))) for part in DATA_STORES},
        durable_queue=isinstance(queue := config.get("queue"), Mapping) and queue.get("durable") is True,
    )


def _databases(part: object) -> list[str]:
    listed = objects(mapping(part).get("dbs"))[:_MOST_STORES]
    return [name[:_LONGEST_ID] for one in listed if (name := text(one.get("db_id")))]
