"""What a token may do: as it says itself (a JWT), or as AgentOS says when it is tried."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from agentos_mcp.agentos.catalog import Inventory
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Forbidden
from agentos_mcp.agentos.features import Features
from agentos_mcp.agentos.runs.run import KINDS, Kind
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.tooling.markdown import one_line

SERVICE_ACCOUNT = "agno_pat_"
"""How the tokens of AgentOS's service accounts begin; nothing can be read from them."""

_SHOWN = 12
_REQUIRED = re.compile(r"[Rr]equired scope\(s\): ([^.]+)")
_READS = (
    ("/sessions", "read sessions", "sessions:read"),
    ("/memories", "read memories", "memories:read"),
    ("/knowledge/config", "search knowledge", "knowledge:read"),
    ("/traces", "read traces", "traces:read"),
    ("/metrics", "read metrics", "metrics:read"),
    ("/eval-runs", "read evals", "evals:read"),
    ("/approvals", "read approvals", "approvals:read"),
    ("/schedules", "read schedules", "schedules:read"),
    ("/learnings", "read learnings", "learnings:read"),
)


@dataclass(frozen=True)
class Claims:
    """What a JWT says of itself. Nothing is verified: AgentOS does that."""

    scopes: tuple[str, ...] = ()
    expires: datetime | None = None

    @property
    def shown_scopes(self) -> str:
        more = len(self.scopes) - _SHOWN
        return ", ".join(self.scopes[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def claims_of(token: str) -> Claims | None:
    """The claims of a JWT; None for any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims: Any = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    if not isinstance(claims, dict):
        return None
    scopes = claims.get("scopes") or claims.get("scope") or ()
    listed = scopes.split() if isinstance(scopes, str) else scopes if isinstance(scopes, list) else ()
    return Claims(tuple(one_line(str(scope), most=60) for scope in listed), _moment(claims.get("exp")))


def _moment(seconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(seconds), UTC) if isinstance(seconds, int | float) else None
    except (OverflowError, ValueError, OSError):
        return None


@dataclass(frozen=True, eq=False)
class Attempt:
    """A request that only shows whether the token may make it."""

    what: str
    scope: str
    """What it takes, where AgentOS does not say."""
    method: str
    path: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Allowance:
    """What came of trying a token: what it may do, and what not, with the scope that this would take."""

    may: tuple[str, ...]
    may_not: tuple[tuple[str, str], ...]

    @property
    def scopes(self) -> list[str]:
        return list(dict.fromkeys(scope for _, scope in self.may_not))


async def try_token(agent_os: AgentOS, features: Features, contents: Inventory) -> Allowance:
    """What AgentOS lets this token do. Nothing is run or changed: a start without a message is refused (422)."""
    attempts = [Attempt(what, scope, "GET", path) for path, what, scope in _READS if features.has("GET", path)]
    for kind in await _kinds(agent_os, contents):
        attempts.append(Attempt(f"list {kind}s", f"{kind}s:read", "GET", f"/{kind}s"))
        if agent_os.read_only:
            continue
        seen = contents.of(kind)
        values = {f"{kind}_id": seen[0].id if seen else "any"}
        path = f"/{kind}s/{{{kind}_id}}/runs"
        attempts.append(Attempt(f"run {kind}s", f"{kind}s:run", "POST", path, values))
    lacking: dict[Attempt, str] = {}

    async def make(attempt: Attempt) -> None:
        try:
            await agent_os.request(attempt.method, attempt.path, attempt.values, attempts=1)
        except Forbidden as error:
            named = _REQUIRED.search(error.message)
            lacking[attempt] = named[1].strip() if named else attempt.scope
        except AgentOSError:
            return  # it got past the door

    await gather(partial(make, attempt) for attempt in attempts)
    return Allowance(
        tuple(attempt.what for attempt in attempts if attempt not in lacking),
        tuple((attempt.what, lacking[attempt]) for attempt in attempts if attempt in lacking),
    )


async def _kinds(agent_os: AgentOS, contents: Inventory) -> list[Kind]:
    """The kinds of components there are. A token may see fewer than AgentOS counts."""
    try:
        info = await agent_os.get("/info", retry=False)
    except AgentOSError:
        info = None
    counts = info if isinstance(info, Mapping) else {}
    return [kind for kind in KINDS if contents.of(kind) or counts.get(f"{kind}_count")]
