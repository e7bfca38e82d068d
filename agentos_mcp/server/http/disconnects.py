"""How the connection of a call over HTTP ended, handed from the connection to the call."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

_EXTENSION = "agentos_mcp.connection"


@dataclass
class ConnectionEnd:
    """How a connection ended, once it has."""

    by_client: bool = False
    """The client closed it. Otherwise the network lost it, or this server closed it."""


def note_connection_end(scope: MutableMapping[str, Any], end: ConnectionEnd) -> None:
    """Let what serves a request see how its connection ends."""
    scope.setdefault("extensions", {})[_EXTENSION] = end


def ended_by_client(scope: MutableMapping[str, Any]) -> bool:
    """Whether a request's connection, which is over, was closed by its client."""
    end = scope.get("extensions", {}).get(_EXTENSION)
    # Under another HTTP server nothing more is known than that it is over.
    return end.by_client if isinstance(end, ConnectionEnd) else True
