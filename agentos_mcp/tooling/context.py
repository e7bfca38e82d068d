"""What a tool call has access to: the AgentOS behind the server (`Backend`) and the MCP context of the call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from types import SimpleNamespace
from typing import Any, Literal, Protocol, TypeVar, cast

from mcp.server.apps import client_supports_apps
from mcp.server.mcpserver import Context

from agentos_mcp.agentos.catalog import Catalog, Component, Database, DataStore, KnowledgeBase, display_id, to_give_kind
from agentos_mcp.agentos.client import AgentOS, Limits, MultipartParts, TokenSource, Values
from agentos_mcp.agentos.config_prefetch import Prefetch
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, InvalidRequest, Unsupported
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.hints import PLAIN, Action, Hint, Parameter, Surface, hint
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.agentos.name_lookup import Query, closest
from agentos_mcp.agentos.observation import Observers
from agentos_mcp.agentos.ownership import Ownership
from agentos_mcp.agentos.pagination import Page, read_page
from agentos_mcp.agentos.plain_text import excerpt
from agentos_mcp.agentos.runs.engine import Engine
from agentos_mcp.agentos.runs.registry import RunRegistry, open_run_registry
from agentos_mcp.agentos.runs.run import Kind, RunRef
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.client_quirks import ClientQuirks, quirks_of
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.used_confirmations import UsedConfirmations

LOOK_ACTIONS: Mapping[str, Action] = {
    "/approvals": Action.of("get_approval"),
    "/sessions": Action.of("list_sessions"),
    "/knowledge": Action.of("list_knowledge"),
    "/memories": Action.of("list_memories"),
    "/optimize-memories": Action.of("list_memories"),
    "/learnings": Action.of("list_learnings"),
    "/trigger": Action.of("list_schedule_runs"),
    "/schedules": Action.of("list_schedules"),
    "/eval-runs": Action.of("list_evals"),
    "/metrics": Action.of("get_metrics_status"),
}
"""The actions that show what a change did, by a part of the path that it is sent to; the first that fits."""

UNSEEN = "This token may not see whether it was there."
"""Said of what was deleted without looking at it."""
_MAX_NAMED_BASES = 20

T = TypeVar("T")

QueryValue = str | int | float | bool | list[str] | None


class CallEnd(Enum):
    """Why a call ends before its result is there."""

    CANCELLED = auto()
    """The client said that it cancels the call."""
    TIMED_OUT = auto()
    """The client said that its own limit for the call is over: nobody wants the run to end."""
    CLOSED = auto()
    """The client closed the stream of the answer: cancelled, or gone. Nothing tells the two apart."""
    LOST = auto()
    """The client is gone, the network has failed, or the server stops."""


async def _lost(_: object) -> CallEnd:
    return CallEnd.LOST


@dataclass
class Backend:
    """The AgentOS behind a server, and what is shared by all calls to it."""

    settings: Settings
    agent_os: AgentOS
    discovery: Discovery
    catalog: Catalog
    engine: Engine
    run_registry: RunRegistry
    shutting_down: bool = False
    """True once the client is gone or the server is stopping: a call that ends now was not cancelled."""
    call_end_of: Callable[[Any], Awaitable[CallEnd]] = _lost
    """Why a call ends, by the SDK's context of its request; to be awaited in a shielded scope."""
    confirmations: UsedConfirmations = field(default_factory=UsedConfirmations)
    scopes: frozenset[str] | None = None
    """The scopes of AgentOS that the caller has for certain; None where only AgentOS knows."""
    credential_advice: str = ""
    """What somebody does about a credential that AgentOS refuses, where it is a caller's; '' where it is our own."""
    is_refused: bool = False
    """Whether the caller may use nothing of this AgentOS, one of several: it is asked nothing for them."""
    surface: Surface = PLAIN
    """How the readers of results are told of actions: a model of tools, a person of commands."""
    refusal_of: Callable[[str], str] = lambda tool: ""
    """Why a tool, by its name, is not to be called here, of a server with several AgentOSes; '' if it may be."""

    @property
    def instance(self) -> str:
        """Its name, '' where there is only one."""
        return self.settings.instance


class CallerAccess(Protocol):
    """What the calls of one caller reach: the lifespan context of every request."""

    @property
    def backend(self) -> Backend:
        """The AgentOS, with this caller's credential."""


@asynccontextmanager
async def open_backend(
    settings: Settings,
    prefetch: Prefetch | None = None,
    *,
    token: TokenSource | None = None,
    discovery: Discovery | None = None,
    isolated: bool = False,
    observers: Observers = (),
    scopes: frozenset[str] | None = None,
) -> AsyncIterator[Backend]:
    """Connect the parts for one AgentOS. Nothing is asked of it yet, so it may be down.

    `token` stands in for that of the settings. `discovery` shares what is the same for all credentials. `isolated`
    says that AgentOS itself keeps its users apart, `scopes` what the token has for certain. `observers` are told of
    its requests and runs.
    """
    limits, token = Limits(read_seconds=settings.timeout), token or settings.token
    async with AgentOS(
        settings.url,
        token=token,
        limits=limits,
        read_only=settings.read_only,
        observers=observers,
        instance=settings.instance,
    ) as agent_os:
        discovery, catalog = discovery or Discovery(agent_os), Catalog(agent_os, prefetch)
        ownership = Ownership(agent_os, catalog, settings.user_id, isolated=isolated)
        engine = Engine(agent_os, discovery, catalog, durable=settings.durability == "background", ownership=ownership)
        async with open_run_registry(engine, observers=observers) as registry:
            yield Backend(settings, agent_os, discovery, catalog, engine, registry, scopes=scopes)


@dataclass(frozen=True)
class ToolContext:
    """The first parameter of every tool."""

    backend: Backend
    mcp: Context[Any]

    @classmethod
    def of(cls, context: Context[Any]) -> ToolContext:
        """The context of a call: nothing else chooses the AgentOS that it reaches, and as whom."""
        access: CallerAccess = context.request_context.lifespan_context
        return cls(access.backend, context)

    @classmethod
    def headless(cls, backend: Backend) -> ToolContext:
        """Without a client: nobody can be asked, and progress is discarded."""
        return cls(backend, cast("Context[Any]", NullClient()))

    @property
    def agent_os(self) -> AgentOS:
        return self.backend.agent_os

    @property
    def catalog(self) -> Catalog:
        return self.backend.catalog

    @property
    def engine(self) -> Engine:
        return self.backend.engine

    @property
    def ownership(self) -> Ownership:
        """Whose things are; each path that takes an id asks it."""
        return self.backend.engine.ownership

    @property
    def run_registry(self) -> RunRegistry:
        return self.backend.run_registry

    @property
    def settings(self) -> Settings:
        return self.backend.settings

    @property
    def surface(self) -> Surface:
        return self.backend.surface.for_client(self.client_name, opens_pages=self._opens_pages)

    @property
    def _opens_pages(self) -> bool:
        """Whether whoever uses the client can open a page by a command: at a pipe, not over HTTP, and shown none."""
        request_context = self.mcp.request_context
        return request_context.request is None and not client_supports_apps(request_context)

    async def cancels_run(self) -> bool:
        """Of a call that is being ended: whether its run has to end too. To be awaited in a shielded scope."""
        match self.settings.on_cancel:
            case "detach":
                return False
            case "explicit":
                return await self._call_end() is CallEnd.CANCELLED
            case _:
                return await self._call_end() in (CallEnd.CANCELLED, CallEnd.CLOSED)

    async def _call_end(self) -> CallEnd:
        return await self.backend.call_end_of(self.mcp.request_context)

    @property
    def client_quirks(self) -> ClientQuirks:
        """What is known of the client that calls."""
        return quirks_of(self.client_name)

    @property
    def result_tokens(self) -> int:
        """About how many tokens a result of this call may cost."""
        return self.client_quirks.cap_result(self.settings.result_tokens)

    @property
    def client_name(self) -> str:
        """The client's own name for itself, '' where it gives none."""
        params = self.mcp.request_context.session.client_params
        return params.client_info.name if params is not None else ""

    async def get(self, template: str, values: Values | None = None, /, **query: QueryValue) -> Any:
        """GET a JSON document. Query values that are None or '' are left out."""
        return await self.agent_os.get(template, values, present_values(**query))

    async def page(self, template: str, values: Values | None = None, /, **query: QueryValue) -> Page:
        """GET one page of a list."""
        return read_page(await self.get(template, values, **query))

    async def own_page(self, template: str, values: Values | None = None, /, **query: QueryValue) -> Page:
        """GET one page of a list, as far as it is the user's on a server for one user."""
        return self.ownership.own_rows(await self.page(template, values, **query))

    async def look(self, request: Awaitable[T], otherwise: T) -> T:
        """What a request shows that only checks or tells more; `otherwise` where the token may not make it.

        Raises Forbidden where it keeps a user from what is another's.
        """
        try:
            return await request
        except Forbidden:
            if self.ownership.decides:
                raise
            return otherwise

    async def send(
        self,
        method: str,
        template: str,
        values: Values | None = None,
        /,
        *,
        query: Mapping[str, QueryValue] | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        files: MultipartParts | None = None,
    ) -> Mapping[str, Any]:
        """Send a change, once; the object that AgentOS answers, {} where it answers nothing."""
        query = present_values(**query) if query else None
        with suggest_look(template):
            return mapping(
                await self.agent_os.request(method, template, values, query=query, json=json, form=form, files=files)
            )

    def run_ref(self, text: str) -> RunRef:
        """The reference of a run of this AgentOS, with its instance where there are several.

        Raises InvalidRequest for what is no reference, and for the reference of another AgentOS's run.
        """
        return RunRef.parse(text).on_instance(self.agent_os.instance)

    async def component(self, kind: Kind | Literal[""], query: str) -> Component:
        """The component that is meant: one of that kind, or without a kind the only one that the query fits.

        Raises NotFound where that is none or several.
        """
        return await self.catalog.find(kind, query, to_give_kind)

    async def component_to_read(self, kind: Kind | Literal[""], query: str) -> Component:
        """The component that is meant, of a tool that only reads: also where it is of another kind than was said."""
        return await self.catalog.find_to_read(kind, query, to_give_kind)

    async def database(self, store: DataStore, query: str) -> str:
        """The database to name in a request about this part of AgentOS; '' where there is only one.

        Raises InvalidRequest with their ids where there are several and none of them is asked for.
        """
        stores = (await self.catalog.inventory()).stores.get(store, ())
        if query in stores or not stores:
            return query
        if not query and len(stores) == 1:
            return ""
        if query:
            matches, _ = closest(Query(query), [Database(store_id) for store_id in stores])
            if len(matches) == 1:
                return matches[0].id
        raise InvalidRequest(
            f"There is no database '{query}' for this." if query else "There are several databases for this.",
            hint("Give {db_id}, one of: {ids}.", db_id=Parameter("db_id"), ids=", ".join(map(display_id, stores))),
        )

    async def knowledge_bases(self, query: str) -> Sequence[KnowledgeBase]:
        """The knowledge base that a query means, all where it is ''.

        Raises InvalidRequest with their ids and names where it means none or several.
        """
        inventory = await self.catalog.inventory()
        bases = inventory.knowledge
        if not inventory.is_complete:
            # AgentOS takes the only one where none is named, and says which there are where there are several.
            return (KnowledgeBase(query, query),)
        if not bases:
            raise Unsupported("This AgentOS has no knowledge base.", "Give it one (AgentOS(knowledge=[...])).")
        if not query:
            return bases
        matches, _ = closest(Query(query), bases)
        if len(matches) == 1:
            return matches
        message = (
            f"'{excerpt(query)}' could be several knowledge bases."
            if matches
            else f"No knowledge base '{excerpt(query)}'."
        )
        raise InvalidRequest(message, name_knowledge_bases(matches or bases))

    async def knowledge_base(self, query: str) -> KnowledgeBase:
        """The knowledge base that is meant: the only one, or the one of that id or name.

        Raises InvalidRequest with their ids and names where that leaves none or several.
        """
        bases = await self.knowledge_bases(query)
        if len(bases) == 1:
            return bases[0]
        raise InvalidRequest("There are several knowledge bases.", name_knowledge_bases(bases))


def name_knowledge_bases(bases: Sequence[KnowledgeBase]) -> Hint:
    """ "Give knowledge_id, one of: 3d02 (Main Hall), 9d0f (Annex)."."""
    choices = ", ".join(
        f"{display_id(base.id)} ({one_line(base.name, max_length=60)})" for base in bases[:_MAX_NAMED_BASES]
    )
    more = " and more" if len(bases) > _MAX_NAMED_BASES else ""
    return hint("Give {knowledge_id}, one of: {bases}.", knowledge_id=Parameter("knowledge_id"), bases=choices + more)


class NullClient:
    """Stands in for an MCP context where a tool's function is called without a client."""

    request_state = None
    input_responses = None
    client_capabilities = None
    request_context = SimpleNamespace(
        meta=None,
        request_id=None,
        request=None,
        session=SimpleNamespace(client_params=None, client_capabilities=None),
    )

    async def report_progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        return None


@contextmanager
def suggest_look(template: str) -> Iterator[None]:
    """Inside it, the error of a change to this path whose answer was lost says which tool shows what became of it."""
    try:
        yield
    except AgentOSError as error:
        look = next((action for store, action in LOOK_ACTIONS.items() if store in template), None)
        if not error.outcome_unknown or look is None:
            raise
        raise error.reworded(
            error.message,
            hint(
                "Look with {look} before you do it again, or it may be done twice.",
                look=look,
                otherwise="Look before you do it again, or it may be done twice.",
            ),
        ) from error


def present_values(**values: QueryValue) -> dict[str, str | int | float | bool | list[str]]:
    """The values without None, '' and []."""
    return {name: value for name, value in values.items() if value is not None and value != "" and value != []}
