"""The agents, teams and workflows of an AgentOS, and which one a name means."""

from __future__ import annotations

import logging
import re
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal, get_args
from urllib.parse import quote

import anyio

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.config_prefetch import Prefetch, prefetched
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, NotFound
from agentos_mcp.agentos.hints import Action, Detail, Hint, Parameter, Reference, Sentence, as_hint, hint
from agentos_mcp.agentos.http_errors import READING_ERRORS
from agentos_mcp.agentos.json_limits import estimate_json_size
from agentos_mcp.agentos.json_values import mapping, objects, text, texts
from agentos_mcp.agentos.log_format import Loggable
from agentos_mcp.agentos.name_lookup import Fit, Named, Query, closest, most_similar_items, suggestions
from agentos_mcp.agentos.plain_text import as_json, excerpt, one_line
from agentos_mcp.agentos.runs.run import KINDS, Kind
from agentos_mcp.agentos.shared_call import SharedCall
from agentos_mcp.agentos.task_groups import gather

log = logging.getLogger(__name__)

_CACHE_SECONDS = 30.0
LIST_TIMEOUT_SECONDS = 2.0
"""How long lists that can do without it wait for the inventory."""
_MAX_NAMED = 12
_MAX_COMPONENTS = 2_000
"""Of each kind; more are left out, and the log says so."""
_MAX_STORES = 500
_MAX_ID_LENGTH = 200
_MAX_DESCRIPTION_LENGTH = 2_000
_MAX_SHOWN_DESCRIPTION_LENGTH = 80
"""Characters of a description where components are told apart."""
_MAX_REQUIRED_INPUTS = 5
"""How many names of required inputs are known of a component."""
MAX_DETAILS = 100
MAX_DETAIL_CHARACTERS = 16 * 1024 * 1024
"""Of component details, as JSON, all together."""
MANY = 300
"""From so many components on, a search runs in a thread, so that other tasks need not wait for it."""
_MAX_NAME_LENGTH = 200


@dataclass(frozen=True)
class Component(Named):
    """An agent, a team or a workflow, as `/config` shows it."""

    kind: Kind
    id: str
    name: str
    description: str = ""
    is_factory: bool = False
    required_inputs: tuple[str, ...] = ()
    """Names of the first inputs that it needs beside or as its message, as far as AgentOS's lists say."""

    @property
    def nouns(self) -> frozenset[str]:
        return _NOUNS[self.kind]

    @property
    def foreign_nouns(self) -> frozenset[str]:
        return _FOREIGN_NOUNS[self.kind]


@dataclass(frozen=True)
class KnowledgeBase(Named):
    """A knowledge base, and the database that holds what is known of its contents."""

    id: str
    name: str = ""
    db_id: str = ""

    @property
    def nouns(self) -> frozenset[str]:
        return _KNOWLEDGE_NOUNS


@dataclass(frozen=True)
class Database(Named):
    """A database, which has no other name than its id."""

    id: str
    name: str = ""

    @property
    def nouns(self) -> frozenset[str]:
        return _DATABASE_NOUNS


_NOUNS: Mapping[Kind, frozenset[str]] = {kind: frozenset({kind}) for kind in KINDS}
_FOREIGN_NOUNS: Mapping[Kind, frozenset[str]] = {kind: frozenset(KINDS) - {kind} for kind in KINDS}
_KNOWLEDGE_NOUNS = frozenset({"knowledge", "base", "kb"})
_DATABASE_NOUNS = frozenset({"database", "db"})

Referral = Callable[[Component], Reference]
"""How a reader comes to a component that is not of the kind that was asked for."""


def to_run(component: Component) -> Action:
    return Action.of(f"run_{component.kind}", **{f"{component.kind}_id": display_id(component.id)})


def to_show(component: Component) -> Action:
    return Action.of("get_component", kind=component.kind, id=display_id(component.id))


def to_give_kind(component: Component) -> Parameter:
    """Of a tool that takes the kind beside the id."""
    return Parameter("kind", component.kind)


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
    unlisted_kinds: frozenset[Kind] = frozenset()
    """Kinds whose components the token may not list, though it may be allowed to run them."""
    is_complete: bool = True
    """Whether the token may read `/config`: without it databases and knowledge bases are not known."""

    def of(self, kind: Kind) -> tuple[Component, ...]:
        return tuple(component for component in self.components if component.kind == kind)

    def sorted_components(self) -> list[Component]:
        """By kind and id: in the same order as long as they are the same."""
        return sorted(self.components, key=lambda component: (KINDS.index(component.kind), component.id))


_Listed = tuple[Component, ...] | AgentOSError
"""The list of a kind, or why it could not be read."""


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
    """Reads `/config` (open to tokens that may not list agents) and component details; caches both for 30 s.

    For a token that may not read `/config`, it reads the lists of the kinds instead, as far as they are open to it.
    """

    def __init__(self, agent_os: AgentOS, prefetch: Prefetch | None = None) -> None:
        """`prefetch` is the answer to the first question for `/config`."""
        self._agent_os = agent_os
        self._prefetch = prefetch
        self._cached: _CacheEntry | None = None
        self._details = DetailCache()
        self._lists: dict[Kind, tuple[Inventory, _Listed]] = {}
        """The list of each kind, as it was when that inventory was read."""
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

    async def inventory_or_last_known(self, timeout_seconds: float = LIST_TIMEOUT_SECONDS) -> Inventory | None:
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
        try:
            inventory = _read_config(await self._get_config(retry=retry))
        except Forbidden:
            inventory = await self._read_lists(retry=retry)
        previous = self.known
        self._cached = _CacheEntry(inventory)
        self.first_read.set()
        if previous is not None and previous.components != inventory.components:
            self._details.clear()
            self.changed()
        return inventory

    async def _read_lists(self, *, retry: bool) -> Inventory:
        """What the lists of the kinds say."""

        async def read_list(kind: Kind) -> list[Component] | None:
            try:
                return list(_read_components(kind, await self._agent_os.get(f"/{kind}s", retry=retry)))
            except Forbidden:
                return None

        lists = dict(zip(KINDS, await gather([partial(read_list, kind) for kind in KINDS]), strict=True))
        return Inventory(
            id="",
            name="",
            description="",
            components=tuple(component for components in lists.values() for component in components or ()),
            databases=(),
            knowledge=(),
            unlisted_kinds=frozenset(kind for kind, components in lists.items() if components is None),
            is_complete=False,
        )

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
        self._lists.clear()
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
        return _with_listed(kind, await self.inventory(), await self._list(kind))

    async def current_components(self, kind: Kind) -> tuple[Component, ...]:
        """The components of this kind alone, as they are now.

        `/config` is not read again while the kind's own list is what it was when that was read last.
        """
        inventory, last_listed = self._lists.get(kind, (None, None))
        is_fresh = self._cached is not None and self._cached.expires_at >= time.monotonic()
        if inventory is not None and is_fresh and inventory is self.known:
            listed = await self._list(kind)
            if listed != last_listed:
                inventory = await self.inventory(fresh=True)
        elif self._agent_os.on_name is not None:  # which only `/config` tells: nothing else is asked before
            inventory = await self.inventory(fresh=True)
            listed = await self._list(kind)
        else:
            reads: list[Callable[[], Awaitable[Any]]] = [
                partial(self._list, kind),
                partial(self.inventory, fresh=True),
            ]
            listed, inventory = await gather(reads)
        self._lists[kind] = inventory, listed
        return tuple(component for component in _with_listed(kind, inventory, listed) if component.kind == kind)

    async def _list(self, kind: Kind) -> _Listed:
        try:
            return tuple(_read_components(kind, await self._agent_os.get(f"/{kind}s")))
        except AgentOSError as error:
            return error

    async def step_count(self, component: Component) -> int:
        """How many top-level steps a workflow has; 0 where that is not known (factories, missing scope)."""
        if component.kind != "workflow" or component.is_factory:
            return 0
        try:
            steps = (await self.detail("workflow", component.id)).get("steps")
        except AgentOSError:
            return 0
        return len(steps) if isinstance(steps, list) else 0

    async def find(self, kind: Kind | Literal[""], query: str, referral: Referral | None = None) -> Component:
        """The component that `query` means: an id, a name, "my content pipeline", or a unique near miss; of any kind
        where the kind is ''.

        What cannot be looked up, since the token may not list it, is taken for an id. Raises NotFound where none is
        meant, or more than one: it names them, and `referral` says how to use them.
        """
        if kind and kind in (await self.inventory()).unlisted_kinds:
            return Component(kind=kind, id=query.strip(), name=query.strip())
        try:
            component, fit = await _match(kind, query, await self.inventory(), referral)
            if fit <= Fit.PHRASE:
                return component
        except NotFound:
            pass
        # What is meant may be newer than what is cached, or stored as data.
        inventory = await self.inventory(fresh=True)
        component, _ = await _match(kind, query, replace(inventory, components=await self._all_components()), referral)
        return component

    async def find_to_read(self, kind: Kind | Literal[""], query: str, referral: Referral | None = None) -> Component:
        """`find` for what only reads: the one component that is meant may be of another kind than was said."""
        try:
            return await self.find(kind, query, referral)
        except NotFound as error:
            if not kind:
                raise
            try:
                return await self.find("", query)
            except NotFound:
                raise error from None

    async def _all_components(self) -> tuple[Component, ...]:
        """The components of `/config`, and those of all kinds that are stored as data."""
        listed = [kind for kind in KINDS if kind not in (await self.inventory()).unlisted_kinds]
        by_kind = await gather([partial(self.components, kind) for kind in listed])
        components = {(component.kind, component.id): component for found in by_kind for component in found}
        return tuple(components.values())


def _with_listed(kind: Kind, inventory: Inventory, listed: _Listed) -> tuple[Component, ...]:
    """All components of `/config`, then those of the kind that only its list has.

    Raises the error of the list where the token may not read it, and `/config` does not say either.
    """
    if isinstance(listed, AgentOSError):
        if kind in inventory.unlisted_kinds:
            raise listed
        return inventory.components  # a token may run what it may not list; `/config` is open to it
    by_id = {component.id: component for component in listed}
    configured_ids = {component.id for component in inventory.components if component.kind == kind}
    return (
        *(_with_inputs(component, by_id.get(component.id)) for component in inventory.components),
        *(component for component in by_id.values() if component.id not in configured_ids),
    )


def _with_inputs(component: Component, listed: Component | None) -> Component:
    """The component with the inputs that the list of its kind says, which `/config` may leave out."""
    if listed is None or listed.kind != component.kind or component.required_inputs or not listed.required_inputs:
        return component
    return replace(component, required_inputs=listed.required_inputs)


async def _match(
    kind: Kind | Literal[""], query: str, inventory: Inventory, referral: Referral | None
) -> tuple[Component, Fit]:
    if len(inventory.components) < MANY:
        return _closest_component(kind, query, inventory, referral)
    return await anyio.to_thread.run_sync(_closest_component, kind, query, inventory, referral)


def match_component(
    kind: Kind | Literal[""], query: str, inventory: Inventory, referral: Referral | None = None
) -> Component:
    """`find` within this inventory."""
    return _closest_component(kind, query, inventory, referral)[0]


def _closest_component(
    kind: Kind | Literal[""], query: str, inventory: Inventory, referral: Referral | None
) -> tuple[Component, Fit]:
    of_kind = inventory.of(kind) if kind else inventory.components
    with_id = [component for component in of_kind if component.id == query]
    if len(with_id) == 1:
        return with_id[0], Fit.ID
    parsed_query = Query(query)
    candidates, fit = closest(parsed_query, of_kind)
    rivals: list[Component] = []
    rival_fit = Fit.SIMILAR
    if kind and (not candidates or fit > Fit.NAME):
        rivals, rival_fit = closest(parsed_query, [other for other in inventory.components if other.kind != kind])
    if not candidates:
        raise _no_match(kind, parsed_query, of_kind, rivals, rival_fit, referral)
    # A name of another kind that fits better, or as loosely, may be what is meant.
    if rivals and (rival_fit < fit or rival_fit == fit > Fit.PHRASE):
        candidates = [*candidates, *rivals]
    if len(candidates) > 1:
        raise _several_match(parsed_query, candidates, referral)
    return candidates[0], fit


def _several_match(query: Query, candidates: Sequence[Component], referral: Referral | None) -> NotFound:
    named, more = candidates[:_MAX_NAMED], len(candidates) > _MAX_NAMED
    kinds = {component.kind for component in candidates}
    if len(kinds) == 1:
        ids = f"{', '.join(map(_described_id, named))}{' and more' if more else ''}"
        return NotFound(
            f"'{excerpt(query.id)}' could be {len(candidates)} {kinds.pop()}s.", f"Use one of the ids: {ids}."
        )
    names = " or ".join(map(_named_with_kind, named))
    message = f"'{excerpt(query.id)}' could be {names}{' or others' if more else ''}."
    return NotFound(message, _refer_to(named, referral))


def _refer_to(components: Sequence[Component], referral: Referral | None) -> Hint:
    """ "Use run_agent(agent_id='writer') or run_team(team_id='writers')."; nothing without a referral."""
    if referral is None or not components:
        return as_hint("")
    details: dict[str, Detail] = {f"use{n}": referral(component) for n, component in enumerate(components)}
    template = f"Use {' or '.join(f'{{{name}}}' for name in details)}."
    return Hint((Sentence(template, details),))


def _no_match(
    kind: Kind | Literal[""],
    query: Query,
    components: Sequence[Component],
    rivals: Sequence[Component],
    rival_fit: Fit,
    referral: Referral | None,
) -> NotFound:
    message = f"No {kind or 'component'} '{excerpt(query.id)}'."
    rivals = rivals[:_MAX_NAMED]
    rival_names = " or ".join(map(_named_with_kind, rivals))
    if rivals and rival_fit <= Fit.PHRASE:
        first = rivals[0]
        is_id = len(rivals) == 1 and first.id == query.id
        article = "an" if first.kind == "agent" else "a"
        what = f"It is {f'{article} {first.kind}' if is_id else rival_names}"
        if len(rivals) > 1 or referral is None:
            return NotFound(message, as_hint(f"{what}.") + _refer_to(rivals, referral))
        return NotFound(message, hint("{what}: use {use}.", what=what, use=referral(first), otherwise=f"{what}."))
    similar = suggestions(query, components) if rival_fit == Fit.SIMILAR else []
    if similar or rivals:
        named = " or ".join(map(_named_with_kind, similar)) if rivals or not kind else _quoted_ids(similar, " or ")
        proposal = " or ".join(filter(None, (named, rival_names)))
        return NotFound(message, as_hint(f"Did you mean {proposal}?") + _refer_to(rivals, referral))
    if not components:
        return NotFound(message, f"This AgentOS has no {kind or 'component'}s.")
    listed = [component for component, _ in most_similar_items(query, components)[:_MAX_NAMED]]
    more = " and more" if len(components) > len(listed) else ""
    return NotFound(message, f"There are: {_quoted_ids(listed)}{more}.")


def display_id(value: str) -> str:
    """An id as it may stand in our own sentences: nothing in it can pass for an instruction.

    Letters and digits of all scripts stay, so that it can be read and given back; all else is percent-encoded.
    """
    if value.isascii():
        return quote(value, safe=_SAFE)
    return "".join(char if _is_readable(char) else quote(char, safe=_SAFE, errors="surrogatepass") for char in value)


_SAFE = "-._~@+:"


def _is_readable(char: str) -> bool:
    """Whether it is seen as a part of a word: a letter, a digit, or a vowel sign or accent of one."""
    return (char.isalnum() or unicodedata.category(char) in {"Mn", "Mc"}) and not _UNSEEN.fullmatch(char)


_UNSEEN = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters and marks that show nothing."""


def _named_with_kind(component: Component) -> str:
    return f"the {component.kind} '{display_id(component.id)}'"


def _described_id(component: Component) -> str:
    """An id and what it is for, as data: a description is somebody's words."""
    about = one_line(component.description, max_length=_MAX_SHOWN_DESCRIPTION_LENGTH)
    return f"'{display_id(component.id)}'" + (f" ({as_json(about)})" if about else "")


def _quoted_ids(components: Sequence[Component], separator: str = ", ") -> str:
    return separator.join(f"'{display_id(component.id)}'" for component in components)


def _read_components(kind: Kind, value: object) -> Iterator[Component]:
    entries = objects(value)
    if len(entries) > _MAX_COMPONENTS:
        log.warning(
            "AgentOS has %d %ss: only the first %d are known here.", len(entries), Loggable(kind), _MAX_COMPONENTS
        )
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
                required_inputs=_required_inputs(entry),
            )


def _required_inputs(entry: Mapping[str, Any]) -> tuple[str, ...]:
    schema = mapping(entry.get("factory_input_schema")) or mapping(entry.get("input_schema"))
    names = texts(schema.get("required"))[:_MAX_REQUIRED_INPUTS]
    return tuple(name for name in names if len(name) <= _MAX_NAME_LENGTH)


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
