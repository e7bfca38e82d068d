"""Which scope AgentOS demands for an endpoint, and whether scopes that are known forbid it for certain."""

from __future__ import annotations

from collections.abc import Collection

from agentos_mcp.agentos.token_claims import ADMIN_SCOPE

KINDS = ("agents", "teams", "workflows")
MAY_RUN = tuple(f"{kinds}:run" for kinds in KINDS)
MAY_READ = tuple(f"{kinds}:read" for kinds in KINDS)
_RESOURCES = {
    **{name: name for name in KINDS},
    "approvals": "approvals",
    "components": "components",
    "config": "config",
    "eval-runs": "evals",
    "filesystem": "filesystem",
    "knowledge": "knowledge",
    "learnings": "learnings",
    "memories": "memories",
    "memory_topics": "memories",
    "metrics": "metrics",
    "optimize-memories": "memories",
    "registry": "registry",
    "schedules": "schedules",
    "sessions": "sessions",
    "trace_session_stats": "traces",
    "traces": "traces",
    "user_memory_stats": "memories",
}
"""What scopes are about, by the first part of a path."""
_ACTIONS = {"GET": "read", "POST": "write", "PATCH": "write", "DELETE": "delete"}
_SEARCHES = ("POST /knowledge/search", "POST /traces/search")


def demanded_scope(endpoint: str) -> str:
    """ "DELETE /sessions/{session_id}" -> "sessions:delete"; '' where AgentOS demands none, or that is not known."""
    method, _, path = endpoint.partition(" ")
    resource = _RESOURCES.get(path.split("/")[1]) if path.startswith("/") else None
    if resource is None or resource in KINDS:
        return ""
    return f"{resource}:{'read' if endpoint in _SEARCHES else _ACTIONS[method]}"


def are_forbidding(scopes: Collection[str] | None, demanded: Collection[str]) -> bool:
    """Whether none of the demanded scopes is had, which are alternatives. One for a single component counts.

    Where the scopes are not known, or have one that AgentOS has not by itself, it may understand them otherwise.
    """
    if not scopes or not demanded or ADMIN_SCOPE in scopes:
        return False
    had = [scope.split(":") for scope in scopes]
    if any(len(parts) < 2 or parts[0] not in _RESOURCES.values() for parts in had):
        return False
    return {f"{parts[0]}:{parts[-1]}" for parts in had}.isdisjoint(demanded)
