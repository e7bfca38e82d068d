"""The agents, teams and workflows of an AgentOS, and which one a name means."""

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
from agentos_mcp.agentos.config_prefetch import Prefetch, prefetched
from agentos_mcp.agentos.errors import AgentOSError, NotFound
from agentos_mcp.agentos.hints import Action, Hint, hint
from agentos_mcp.agentos.http_errors import READING_ERRORS
from agentos_mcp.agentos.json_limits import estimate_json_size
from agentos_mcp.agentos.json_values import mapping, objects, text, texts
from agentos_mcp.agentos.plain_text import excerpt
from agentos_mcp.agentos.runs.run import KINDS, Kind
from agentos_mcp.agentos.shared_call import SharedCall
from agentos_mcp.agentos.similar_names import similarity

log = logging.getLogger(__name__)

_CACHE_SECONDS = 30.0
_LIST_TIMEOUT_SECONDS = 2.0
"""How long lists that can do without it wait for the inventory."""
_MAX_NAMED = 12
_MAX_COMPONENTS = 2_000
"""Of each kind; more are left out, and the log says so."""
_MAX_STORES = 500
_MAX_ID_LENGTH = 200
_MAX_DESCRIPTION_LENGTH = 2_000
MAX_DETAILS = 100
MAX_DETAIL_CHARACTERS = 16 * 1024 * 1024
"""Of component details, as JSON, all together."""
_MIN_SIMILARITY = 0.75
MANY = 300
"""From so many components on, a search runs in a thread, so that other tasks need not wait for it."""
_MAX_NAME_LENGTH = 200
_MAX_DESCRIPTION_LENGTH = 2_000
_FILLER_WORDS = frozenset({"my", "the", "our", "a", "an", "your", "please", "run", "agent", "team", "workflow"})


@dataclass(frozen=True)
class Component:
    """An agent, a team or a workflow, as `/config` shows it."""

    kind: Kind
    id: str
    name: str
    description: str = ""
    is_factory: bool = False

    @cached_property
    def normalized(self) -> tuple[str, str]:
        """Its id and name as they are compared."""
        return _normalize(self.id), _normalize(self.name)

    @cached_property
    def without_fillers(self) -> tuple[str, str]:
        """The same without filler words ("my", "agent")."""
        return _strip_fillers(self.normalized[0]), _strip_fillers(self.normalized[1])


@dataclass(frozen=True)
class KnowledgeBase:
    """A knowledge base, and the database that holds what is known of its contents."""

    id: str
    name: str = ""
    db_id: str = ""


DataStore = Literal["session", "memory", "knowledge", "traces", "metrics", "evals", "learning"]
"""What AgentOS keeps in databases, by the names of `/config`."""
DATA_STORES: tuple[DataStore, ...] = get_args(DataStore)


@dataclass(frozen=True)
class Inventory:
    """What an AgentOS has, by its `/config`."""

    id: str
    name: str
    description: str
    components: tuple[Component, ...]
    databases: tuple[str, ...]
    knowledge: tuple[KnowledgeBase, ...]
    stores: Mapping[DataStore, tuple[str, ...]] = field(default_factory=dict)
    """The databases of each store."""
    durable_queue: bool = False
    """Whether background runs go through a durable queue, which chooses their run ids."""

    def of(self, kind: Kind) -> tuple[Component, ...]:
        return tuple(component for component in self.components if component.kind == kind)

    def sorted_components(self) -> list[Component]:
        """By kind and id: in the same order as long as they are the same."""
        return sorted(self.components, key=lambda component: (KINDS.index(component.kind), component.id))


@dataclass
class _CacheEntry:
    value: Any
    expires_at: float = field(default_factory=lambda: time.monotonic() + _CACHE_SECONDS)


class DetailCache:
    """The component details that were read last, as many as fit."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, tuple[_CacheEntry, int]] = OrderedDict()
        self._characters = 0

    def get(self, key: str) -> Mapping[str, Any] | None:
        entry, _ = self._entries.get(key, (None, 0))
        return entry.value if entry is not None and entry.expires_at >= time.monotonic() else None

    def put(self, key: str, detail: Mapping[str, Any]) -> None:
        self._drop(key)
        characters = estimate_json_size(detail, limit=MAX_DETAIL_CHARACTERS)
        self._entries[key] = (_CacheEntry(detail), characters)
        self._characters += characters
        while len(self._entries) > MAX_DETAILS or self._characters > MAX_DETAIL_CHARACTERS:
            self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        self._entries.clear()
        self._characters = 0

    def __len__(self) -> int:
        return len(self._entries)

    def _drop(self, key: str) -> None:
        _, characters = self._entries.pop(key, (None, 0))
        self._characters -= characters


class Catalog:
    """Reads `/config` (open to tokens that may not list agents) and component details; caches both for 30 s."""

    def __init__(self, agent_os: AgentOS, prefetch: Prefetch | None = None) -> None:
        """`prefetch` is the answer to the first question for `/config`."""
        self._agent_os = agent_os
        self._prefetch = prefetch
        self._cached: _CacheEntry | None = None
        self._details = DetailCache()
        # A caller that cannot wait for retries does not wait for those of others either.
        self._reads = {
            retry: SharedCall(partial(self._read, retry=retry), agent_os.limits.total_seconds)
            for retry in (True, False)
        }
        self.changed: Callable[[], None] = lambda: None
        """Called when the components have changed."""
        self.first_read = anyio.Event()
        """Set once there is an inventory."""

    async def inventory(self, *, fresh: bool = False, retry: bool = True) -> Inventory:
        cached = self._cached
        if fresh or cached is None or cached.expires_at < time.monotonic():
            return await self._reads[retry].result()
        inventory: Inventory = cached.value
        return inventory

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
        inventory = _read_config(await self._get_config(retry=retry))
        previous = self.known
        self._cached = _CacheEntry(inventory)
        self.first_read.set()
        if previous is not None and previous.components != inventory.components:
            self._details.clear()
            self.changed()
        return inventory

    async def _get_config(self, *, retry: bool) -> Any:
        prefetch, self._prefetch = self._prefetch, None
        if prefetch is not None:
            try:
                return await prefetched(prefetch)
            except AgentOSError:
                if not retry:
                    raise
            except Exception as error:
                log.info("The early answer for /config cannot be used: %r", error)
        return await self._agent_os.get("/config", retry=retry)

    def clear_cache(self) -> None:
        self._cached = None
        self._details.clear()

    @property
    def known(self) -> Inventory | None:
        """What was read last, however long ago; None before the first time."""
        inventory: Inventory | None = self._cached.value if self._cached else None
        return inventory

    async def detail(self, kind: Kind, component_id: str) -> Mapping[str, Any]:
        """A component's own page: model, tools, members, steps, input schema."""
        key = f"{kind}/{component_id}"
        page = self._details.get(key)
        if page is None:
            page = mapping(await self._agent_os.get(f"/{kind}s/{{{kind}_id}}", {f"{kind}_id": component_id}))
            self._details.put(key, page)
        return page

    async def components(self, kind: Kind) -> tuple[Component, ...]:
        """All components, in the first places those of `/config`; of this kind also those that are stored as data."""
        configured = (await self.inventory()).components
        try:
            response = await self._agent_os.get(f"/{kind}s")
        except AgentOSError:
            return configured  # a token may run what it may not list; `/config` is open to it
        configured_ids = {component.id for component in configured if component.kind == kind}
        return (
            *configured,
            *(component for component in _read_components(kind, response) if component.id not in configured_ids),
        )

    async def step_count(self, component: Component) -> int:
        """How many top-level steps a workflow has; 0 where that is not known (factories, missing scope)."""
        if component.kind != "workflow" or component.is_factory:
            return 0
        try:
            steps = (await self.detail("workflow", component.id)).get("steps")
        except AgentOSError:
            return 0
        return len(steps) if isinstance(steps, list) else 0

    async def find(self, kind: Kind, query: str) -> Component:
        """The component that `query` means: an id, a name, "my content pipeline", or a unique near miss.

        Raises NotFound with the candidates where none, or more than one, is meant.
        """
        try:
            return await _match(kind, query, await self.inventory())
        except NotFound:
            # It may be newer than what is cached, or stored as data.
            inventory = await self.inventory(fresh=True)
            return await _match(kind, query, replace(inventory, components=await self.components(kind)))


async def _match(kind: Kind, query: str, inventory: Inventory) -> Component:
    if len(inventory.components) < MANY:
        return match_component(kind, query, inventory)
    return await anyio.to_thread.run_sync(match_component, kind, query, inventory)


def match_component(kind: Kind | Literal[""], query: str, inventory: Inventory) -> Component:
    """`find` within this inventory, among the components of all kinds where the kind is ''."""
    components = inventory.of(kind) if kind else inventory.components
    noun = kind or "component"
    normalized, without_fillers = _normalize(query), _strip_fillers(query)
    searches: tuple[Callable[[], list[Component]], ...] = (
        lambda: [component for component in components if component.id == query],
        lambda: [component for component in components if normalized in component.normalized],
        lambda: [
            component for component in components if without_fillers and without_fillers in component.without_fillers
        ],
        lambda: [
            component
            for component in components
            if len(without_fillers) > 2 and without_fillers in " ".join(component.without_fillers)
        ],
        lambda: [
            component
            for component, ratio in _most_similar(without_fillers or normalized, components)
            if ratio >= _MIN_SIMILARITY
        ],
    )
    for search in searches:
        candidates = search()
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            ids = f"{_quoted_ids(candidates[:_MAX_NAMED])}{' and more' if len(candidates) > _MAX_NAMED else ''}"
            raise NotFound(f"'{excerpt(query)}' could be {len(candidates)} {noun}s.", f"Use one of the ids: {ids}.")
    raise NotFound(f"No {noun} '{excerpt(query)}'.", _hint(kind, query, inventory) if kind else "")


def _hint(kind: Kind, query: str, inventory: Inventory) -> Hint | str:
    normalized, without_fillers = _normalize(query), _strip_fillers(query)
    for other in KINDS:
        if other != kind and any(
            component.id == query or component.normalized[1] == normalized for component in inventory.of(other)
        ):
            return hint(
                "It is {article} {other}: use {run}.",
                article="an" if other == "agent" else "a",
                other=other,
                run=Action.of(f"run_{other}"),
                otherwise=f"It is {'an' if other == 'agent' else 'a'} {other}.",
            )
    components = inventory.of(kind)
    if not components:
        return f"This AgentOS has no {kind}s."
    similar = _most_similar(without_fillers or normalized, components)
    if similar[0][1] >= 0.5:
        return f"Did you mean {_quoted_ids([component for component, _ in similar[:3]], ' or ')}?"
    suggested = [component for component, _ in similar[:_MAX_NAMED]]
    return f"There are: {_quoted_ids(suggested)}{' and more' if len(components) > _MAX_NAMED else ''}."


def _most_similar(query: str, components: Sequence[Component]) -> list[tuple[Component, float]]:
    """The components that are most like what is wanted, by id or name, the best first; not all where there are many."""
    names_by_component = [
        tuple(
            without_fillers or normalized
            for without_fillers, normalized in zip(c.without_fillers, c.normalized, strict=True)
        )
        for c in components
    ]
    ratios = similarity(query, (name for names in names_by_component for name in names))
    matches = [
        (component, max(ratios.get(name, 0.0) for name in names))
        for component, names in zip(components, names_by_component, strict=True)
        if any(name in ratios for name in names)
    ]
    return sorted(matches, key=lambda match: -match[1])


def display_id(value: str) -> str:
    """An id as it may stand in our own sentences: nothing in it can pass for an instruction."""
    return quote(value, safe="-._~@+:", errors="surrogatepass")


def _quoted_ids(components: Sequence[Component], separator: str = ", ") -> str:
    return separator.join(f"'{display_id(component.id)}'" for component in components)


def _normalize(text: str) -> str:
    """ "Content Pipeline", "content-pipeline" and "content_pipeline" are one."""
    folded = unicodedata.normalize("NFKC", text[:_MAX_NAME_LENGTH]).casefold()
    return " ".join("".join(char if char.isalnum() else " " for char in folded).split())


def _strip_fillers(text: str) -> str:
    """Without the words around it: "my content pipeline workflow" -> "content pipeline"."""
    return " ".join(word for word in _normalize(text).split() if word not in _FILLER_WORDS)


def _read_components(kind: Kind, value: object) -> Iterator[Component]:
    entries = objects(value)
    if len(entries) > _MAX_COMPONENTS:
        log.warning("AgentOS has %d %ss: only the first %d are known here.", len(entries), kind, _MAX_COMPONENTS)
    for entry in entries[:_MAX_COMPONENTS]:
        component_id = text(entry.get("id"))
        # A longer id could not be given as an argument.
        if component_id and len(component_id) <= _MAX_ID_LENGTH:
            yield Component(
                kind=kind,
                id=component_id,
                name=(text(entry.get("name")) or component_id)[:_MAX_NAME_LENGTH],
                description=text(entry.get("description"))[:_MAX_DESCRIPTION_LENGTH],
                is_factory=bool(entry.get("is_factory")),
            )


def _read_config(response: object) -> Inventory:
    config = mapping(response)
    knowledge = mapping(config.get("knowledge"))
    return Inventory(
        id=text(config.get("os_id"))[:_MAX_ID_LENGTH],
        name=(text(config.get("name")) or text(config.get("os_id")))[:_MAX_NAME_LENGTH],
        description=text(config.get("description"))[:_MAX_DESCRIPTION_LENGTH],
        components=tuple(component for kind in KINDS for component in _read_components(kind, config.get(f"{kind}s"))),
        databases=tuple(name[:_MAX_ID_LENGTH] for name in texts(config.get("databases"))[:_MAX_STORES]),
        knowledge=tuple(
            KnowledgeBase(
                base_id[:_MAX_ID_LENGTH],
                text(base.get("name"))[:_MAX_NAME_LENGTH],
                text(base.get("db_id"))[:_MAX_ID_LENGTH],
            )
            for base in objects(knowledge.get("knowledge_instances"))[:_MAX_STORES]
            if (base_id := text(base.get("id")))
        ),
        stores={store: tuple(dict.fromkeys(_database_ids(config.get(store)))) for store in DATA_STORES},
        durable_queue=isinstance(queue := config.get("queue"), Mapping) and queue.get("durable") is True,
    )


def _database_ids(store: object) -> list[str]:
    entries = objects(mapping(store).get("dbs"))[:_MAX_STORES]
    return [name[:_MAX_ID_LENGTH] for entry in entries if (name := text(entry.get("db_id")))]
