"""What an AgentOS is and can do: read once from `/info` and `/openapi.json`, then cached.

Versions are not compared: a path that is declared is there. AgentOS 2.5 to 3.1 are known to work;
an older one lacks paths that are needed, and `require` says which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import Forbidden, NotFound, ServerFailure, Unauthorized, Unsupported
from agentos_mcp.agentos.hints import Setting, hint
from agentos_mcp.agentos.json_values import mapping, text
from agentos_mcp.agentos.runs.run import KINDS, Kind
from agentos_mcp.agentos.shared_call import SharedCall

OLDEST = "2.5"


@dataclass(frozen=True)
class Features:
    """`declared` holds endpoints such as "GET /agents"; None where AgentOS does not show its OpenAPI document."""

    name: str = ""
    version: str = ""
    auth_mode: str = ""
    declared: frozenset[str] | None = None
    background_kinds: frozenset[str] = frozenset()

    def has(self, method: str, path: str) -> bool:
        """True where the endpoint is declared, or where nothing is known."""
        return self.declared is None or f"{method} {path}" in self.declared

    def background(self, kind: Kind) -> bool:
        """Whether runs of this kind continue without us and can be resumed; before 2.6 they were not streamed."""
        return self.declared is None or (kind in self.background_kinds and self.resume(kind))

    def resume(self, kind: Kind) -> bool:
        return self.has("POST", f"/{kind}s/{{{kind}_id}}/runs/{{run_id}}/resume")

    def require(self, method: str, path: str, action: str) -> None:
        """Raises Unsupported, naming the version, where the endpoint is missing."""
        if not self.has(method, path):
            # Before 2.6 it did not tell its version.
            version = f"agno {self.version}" if self.version else "an old agno"
            raise Unsupported(
                f"This AgentOS ({version}) cannot {action}: it has no {method} {path}.",
                "Upgrade it where AgentOS runs: pip install -U agno.",
            )


class Discovery:
    """Reads the features of an AgentOS once and caches them; a failure is not cached."""

    def __init__(self, agent_os: AgentOS) -> None:
        self._agent_os = agent_os
        self._features: Features | None = None
        # Two documents are asked for.
        self._discovery = SharedCall(self._discover, 2 * agent_os.limits.total_seconds)

    @property
    def known(self) -> Features | None:
        """What was read already, without a request."""
        return self._features

    def clear_cache(self) -> None:
        self._features = None

    async def features(self) -> Features:
        return self._features or await self._discovery.result()

    async def _discover(self) -> Features:
        self._features = await _discover(self._agent_os)
        return self._features


async def _discover(agent_os: AgentOS) -> Features:
    info = await _get_optional(agent_os, "/info")
    openapi = await _get_optional(agent_os, "/openapi.json")
    declared = None
    background: frozenset[str] = frozenset()
    paths = openapi.get("paths")
    if isinstance(paths, Mapping):
        declared = frozenset(
            f"{method.upper()} {path}" for path, methods in paths.items() for method in mapping(methods)
        )
        background = frozenset(kind for kind in KINDS if _has_background(openapi, kind))
    if not info and declared is not None and "GET /config" not in declared:
        raise ServerFailure(
            f"{agent_os.display_url} answers, but it is not an AgentOS.",
            hint("If yours is elsewhere, {set_url}.", set_url=Setting("url")),
        )
    return Features(
        name=text(info.get("name")) or text(info.get("os_id")),
        version=text(info.get("agno_version")),
        auth_mode=text(info.get("auth_mode")),
        declared=declared,
        background_kinds=background,
    )


async def _get_optional(agent_os: AgentOS, path: str) -> Mapping[str, Any]:
    """A public document; {} where this AgentOS does not serve it."""
    try:
        document = await agent_os.get(path)
    except (Unsupported, NotFound, Unauthorized, Forbidden):
        return {}
    return mapping(document)


def _has_background(openapi: Mapping[str, Any], kind: str) -> bool:
    content = _nested(openapi, "paths", f"/{kind}s/{{{kind}_id}}/runs", "post", "requestBody", "content")
    schema = mapping(next((mapping(media_type).get("schema") for media_type in content.values()), None))
    if schema_name := text(schema.get("$ref")).rpartition("/")[2]:
        schema = _nested(openapi, "components", "schemas", schema_name)
    return "background" in mapping(schema.get("properties"))


def _nested(document: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        document = mapping(document.get(key))
    return document
