"""What belongs to whom: the boundary of a server that is for one user (`--user-id`).

AgentOS without user isolation serves anybody's runs and sessions to whoever asks, and a credential
that may see all users sees them on any AgentOS. So the owner of
everything that is named by an id is checked here before it is shown or changed. Without a user nothing is checked.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeVar

from agentos_mcp.agentos.catalog import Catalog, display_id
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, InvalidRequest, NotFound
from agentos_mcp.agentos.hints import Action, Hint, Parameter, hint
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.agentos.pagination import Page
from agentos_mcp.agentos.runs.run import RunRef

_MAX_REMEMBERED = 10_000
"""So many runs are known to be the user's own without asking."""
_MAX_NAME_LENGTH = 200

_Document = TypeVar("_Document", bound=Mapping[str, Any])


class Ownership:
    """What belongs to the user of a server, or of a call; `user_id` is '' where that is everybody."""

    def __init__(self, agent_os: AgentOS, catalog: Catalog, user_id: str = "", *, isolated: bool = False) -> None:
        """`isolated`: AgentOS keeps its users apart itself. Then what may not be looked up is left to it."""
        self.user_id = user_id
        self._isolated = isolated
        self._agent_os = agent_os
        self._catalog = catalog
        self._runs: OrderedDict[str, None] = OrderedDict()
        self._sessions: OrderedDict[str, None] = OrderedDict()

    @property
    def decides(self) -> bool:
        """Whether nobody else keeps the user from what is another's: then nothing may be left unchecked."""
        return bool(self.user_id) and not self._isolated

    def started(self, ref: RunRef, *, new_session: bool = False) -> None:
        """A run was started here for the user, in a session whose id was chosen here if it is `new_session`."""
        if self.user_id:
            _remember(self._runs, str(ref))
            if new_session:
                _remember(self._sessions, ref.session)

    def knows(self, ref: RunRef) -> bool:
        """Whether a run is known to be the user's without asking: it was started here, or asked for before."""
        return str(ref) in self._runs

    def is_own(self, document: Mapping[str, Any]) -> bool:
        """Whether a document of AgentOS's names the user as its owner; an unknown owner is another one."""
        return not self.user_id or document.get("user_id") == self.user_id

    def own_rows(self, page: Page) -> Page:
        """The rows of a list that are the user's, whether or not this AgentOS has heeded the user it was given.

        Where it has not, its counts are of everybody's, and are left out.
        """
        rows = [row for row in page if self.is_own(row)]
        return page if len(rows) == len(page) else Page(rows)

    def require_own(self, document: _Document, subject: str, hint: Hint | str = "") -> _Document:
        """The document. Raises NotFound where it is not the user's, or AgentOS does not say whose it is."""
        if not self.is_own(document):
            raise self.refusal(subject, hint, owner=str(document.get("user_id") or ""))
        return document

    def not_found(self, subject: str, hint: Hint | str = "") -> NotFound:
        """The error for what does not exist: on a server for one user the same as for what is another's."""
        return self.refusal(subject, hint) if self.user_id else NotFound(f"No {subject}.", hint, status=404)

    def refusal(self, subject: str, hint: Hint | str = "", *, owner: str = "other") -> NotFound:
        """The error for what belongs to another user: the same as for what does not exist, so that nothing is revealed.

        With an unknown owner ('') it says that.
        """
        user, subject = display_id(self.user_id), subject[:_MAX_NAME_LENGTH]
        if owner:
            return NotFound(f"There is no {subject} of user '{user}'.", hint, status=404)
        return NotFound(
            f"AgentOS does not say whose the {subject} is, and this server is only for user '{user}'.", hint, status=404
        )

    async def require_own_run(self, ref: RunRef, output: Mapping[str, Any]) -> None:
        """Raises NotFound unless the stored run `output` is the user's.

        A run whose document names nobody is its session's owner's.
        """
        if not self.user_id or self.knows(ref):
            return
        owner = output.get("user_id")
        if not owner:
            try:
                owners = await self._session_owners(ref.session)
            except Forbidden:
                if self.decides:
                    raise
                return
            owner = self.user_id if owners == {self.user_id} else next(filter(None, owners - {self.user_id}), "")
        if owner != self.user_id:
            raise self.refusal(f"run {ref}", OWN_RUNS, owner=str(owner))
        _remember(self._runs, str(ref))

    async def require_own_session(self, session_id: str, *, may_be_new: bool = False) -> None:
        """Raises NotFound unless the session is the user's, in whatever database it lies.

        `may_be_new`: one that does not exist yet is as good, since it will be the user's.
        """
        if not self.user_id or session_id in self._sessions:
            return
        try:
            owners = await self._session_owners(session_id)
        except Forbidden:
            if self.decides:
                raise
            return
        if owners - {self.user_id} or not (owners or may_be_new):
            other_owners = filter(None, owners - {self.user_id})
            owner = next(other_owners, "") if owners else "other"
            raise self.refusal(f"session '{display_id(session_id)}'", _OWN_SESSIONS, owner=owner)

    async def session_user(self, session_id: str) -> str:
        """The user whose session this is; '' where it is new, nobody's, several users' or not known."""
        try:
            owners = await self._session_owners(session_id)
        except AgentOSError:
            return ""
        return owners.pop() if len(owners) == 1 else ""

    async def session_exists(self, session_id: str) -> bool:
        """Whether there is a session of exactly this id, whosever it is."""
        return bool(await self._session_owners(session_id))

    async def _session_owners(self, session_id: str) -> set[str]:
        """The owners of the sessions with this id, '' for an unknown one; none where there is no such session."""
        if "/" in session_id:
            # AgentOS cannot be asked for it: it decodes a path before it routes it.
            return {""}
        inventory = await self._catalog.inventory()
        if inventory.is_complete and not inventory.databases:
            return set()
        owners: set[str] = set()
        for database in inventory.stores.get("session") or ("",):
            query = {"db_id": database} if database and len(inventory.stores["session"]) > 1 else {}
            try:
                session = mapping(await self._agent_os.get("/sessions/{session_id}", {"session_id": session_id}, query))
            except NotFound:
                continue
            owners.add(str(session.get("user_id") or ""))
        return owners


def without_owner(subject: str, reason: str, hint: Hint | str = "") -> InvalidRequest:
    """The error for what AgentOS stores without an owner, so that it could be anybody's."""
    return InvalidRequest(f"{subject} cannot be used on a server for one user: {reason}", hint)


OWN_RUNS = hint("{list} shows this user's.", list=Action.of("list_runs"))
_OWN_SESSIONS = hint("{list} shows this user's.", list=Action.of("list_sessions")) + hint(
    "Without {session} a run opens a new one.", session=Parameter("session_id")
)


def _remember(known: OrderedDict[str, None], key: str) -> None:
    known[key] = None
    known.move_to_end(key)
    while len(known) > _MAX_REMEMBERED:
        known.popitem(last=False)
