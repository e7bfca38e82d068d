"""Opens the sockets that the server listens on."""

from __future__ import annotations

import socket

from agentos_mcp.settings import SettingsError


def open_listener(host: str, port: int, flag: str) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises SettingsError, about `flag`, where it can't be had."""
    try:
        return socket.create_server(
            (host, port),
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            backlog=128,
            dualstack_ipv6=host == "::" and socket.has_dualstack_ipv6(),
        )
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else "ports go from 0 to 65535"
        raise SettingsError(
            f"{flag} {port} cannot be used: {reason} (on {host}). Use another one, or 0 for a free one."
        ) from None
