"""Whose things are: the boundary of a server that is for one user.

AgentOS without user isolation serves anybody's runs and sessions to whoever asks, and a credential
that may see all users sees them on any AgentOS. So each thing that is named by an id is asked for its
owner here before it is shown or touched. Where no user is fixed nothing is asked, and nothing refused.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, TypeVar

from agentos_mcp.agentos.catalog import Catalog, shown_id
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import InvalidRequest, NotFound
from agentos_mcp.agentos.hints import Action, Hint, Parameter, hint
from agentos_mcp.agentos.pagination import Page, record_of
from agentos_mcp.agentos.runs.run import RunRef

_REMEMBERED = 10_000
"""So many runs are known to be the user's own without asking."""
_SHOWN = 200

_Document = TypeVar("_Document", bound=Mapping[str, Any])


class Ownership:
    """What belongs to the one user of this server; `user_id` is '' where the server is for everybody."""

    def __init__(self, agent_os: AgentOS, catalog: Catalog, user_id: str = "") -> None:
        self.user_id = user_id
        self._os = agent_os
        self._catalogue = catalog
        self._runs: OrderedDict[str, None] = OrderedDict()
        self._sessions: OrderedDict[str, None] = OrderedDict()

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

    def require_own(self, document: _Document, what: str, hint: Hint | str = "") -> _Document:
        """The document. Raises NotFound where it is not the user's, or AgentOS does not say whose it is."""
        if not self.is_own(document):
            raise self.refusal(what, hint, owner=str(document.get("user_id") or ""))
        return document

    def not_found(self, what: str, hint: Hint | str = "") -> NotFound:
        """The error for a thing that is not there: on a server for one user the same as for another's."""
        return self.refusal(what, hint) if self.user_id else NotFound(f"No {what[:_SHOWN]}.", hint, status=404)

    def refusal(self, what: str, hint: Hint | str = "", *, owner: str = "other") -> NotFound:
        """The error for a thing that is another's: the same as for one that does not exist, so that none is found.

        With an unknown owner ('') it says that.
        """
        user = shown_id(self.user_id)
        if owner:
            return NotFound(f"There is no {what[:_SHOWN]} of user '{user}'.", hint, status=404)
        return NotFound(
            f"AgentOS does not say whose the {what[:_SHOWN]} is, and this server is only for user '{user}'.",
            hint,
            status=404,
        )

    async def require_own_run(self, ref: RunRef, output: Mapping[str, Any]) -> None:
        """Raises NotFound unless the stored run `output` is the user's.

        A run whose document names nobody is its session's owner's.
        """
        if not self.user_id or self.knows(ref):
            return
        owner = output.get("user_id")
        if not owner:
            owners = await self._session_owners(ref.session)
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
        owners = await self._session_owners(session_id)
        if owners - {self.user_id} or not (owners or may_be_new):
            others = filter(None, owners - {self.user_id})
            owner = next(others, "") if owners else "other"
            raise self.refusal(f"session '{shown_id(session_id)}'", _OWN_SESSIONS, owner=owner)

    async def _session_owners(self, session_id: str) -> set[str]:
        """The owners of the sessions with this id, '' for an unknown one; none where there is no such session."""
        if "/" in session_id:
            # AgentOS cannot be asked for it: it decodes a path before it routes it.
            return {""}
        contents = await self._catalogue.inventory()
        if not contents.databases:
            return set()
        owners: set[str] = set()
        for database in contents.stores.get("session") or ("",):
            query = {"db_id": database} if database and len(contents.stores["session"]) > 1 else {}
            try:
                found = record_of(await self._os.get("/sessions/{session_id}", {"session_id": session_id}, query))
            except NotFound:
                continue
            owners.add(str(found.get("user_id") or ""))
        return owners


def without_owner(what: str, reason: str, hint: Hint | str = "") -> InvalidRequest:
    """The refusal of what AgentOS keeps for nobody in particular, so that it could be anybody's."""
    return InvalidRequest(f"{what} cannot be used on a server for one user: {reason}", hint)


OWN_RUNS = hint("{list} shows this user's.", list=Action.of("list_runs"))
_OWN_SESSIONS = hint("{list} shows this user's.", list=Action.of("list_sessions")) + hint(
    "Without {session} a run opens a new one.", session=Parameter("session_id")
)


def _remember(known: OrderedDict[str, None], key: str) -> None:
    known[key] = None
    known.move_to_end(key)
    while len(known) > _REMEMBERED:
        known.popitem(last=False)
