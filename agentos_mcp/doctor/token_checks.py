"""What a token may do, as AgentOS answers when requests are tried with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from agentos_mcp.agentos.catalog import Inventory
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Forbidden
from agentos_mcp.agentos.features import Features
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.agentos.runs.run import KINDS, Kind
from agentos_mcp.agentos.task_groups import gather

SERVICE_ACCOUNT_PREFIX = "agno_pat_"
"""How the tokens of AgentOS's service accounts begin; they have no claims that could be read."""

_READ_REQUESTS = (
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


@dataclass(frozen=True, eq=False)
class PermissionProbe:
    """A request that only shows whether the token permits it."""

    permission: str
    """What it permits, as a verb: `read sessions`."""
    scope: str
    """The scope that it requires, where AgentOS does not name one."""
    method: str
    path: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TokenPermissions:
    """What a token permits, and what it does not, each with the scope that is missing."""

    granted: tuple[str, ...]
    denied: tuple[tuple[str, str], ...]

    @property
    def missing_scopes(self) -> list[str]:
        return list(dict.fromkeys(scope for _, scope in self.denied))


async def probe_permissions(agent_os: AgentOS, features: Features, inventory: Inventory) -> TokenPermissions:
    """What AgentOS permits with this token. Nothing is run or changed: a start without a message is refused (422)."""
    probes = [
        PermissionProbe(permission, scope, "GET", path)
        for path, permission, scope in _READ_REQUESTS
        if features.has("GET", path)
    ]
    for kind in await _existing_kinds(agent_os, inventory):
        probes.append(PermissionProbe(f"list {kind}s", f"{kind}s:read", "GET", f"/{kind}s"))
        if agent_os.read_only:
            continue
        components = inventory.of(kind)
        values = {f"{kind}_id": components[0].id if components else "any"}
        path = f"/{kind}s/{{{kind}_id}}/runs"
        probes.append(PermissionProbe(f"run {kind}s", f"{kind}s:run", "POST", path, values))
    missing_scopes: dict[PermissionProbe, str] = {}

    async def send(probe: PermissionProbe) -> None:
        try:
            await agent_os.request(probe.method, probe.path, probe.values, attempts=1)
        except Forbidden as error:
            missing_scopes[probe] = error.required_scopes or probe.scope
        except AgentOSError:
            return  # the token permits it: the request failed for another reason

    await gather(partial(send, probe) for probe in probes)
    return TokenPermissions(
        tuple(probe.permission for probe in probes if probe not in missing_scopes),
        tuple((probe.permission, missing_scopes[probe]) for probe in probes if probe in missing_scopes),
    )


async def _existing_kinds(agent_os: AgentOS, inventory: Inventory) -> list[Kind]:
    """The kinds that this AgentOS has components of. A token may list fewer than AgentOS counts."""
    try:
        info = await agent_os.get("/info", retry=False)
    except AgentOSError:
        info = None
    counts = mapping(info)
    return [kind for kind in KINDS if inventory.of(kind) or counts.get(f"{kind}_count")]
