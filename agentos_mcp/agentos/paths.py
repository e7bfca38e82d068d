"""Path templates: every id is one percent-encoded segment of the path, whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from agentos_mcp.agentos.errors import InvalidRequest

_FIELD = re.compile(r"\{(\w+)\}")
# AgentOS decodes the path before it routes it: an encoded slash would reach another endpoint.
_UNROUTABLE = ("/", "\x00")


def path_segment(value: str, name: str = "id") -> str:
    """One id as one path segment: `a?b#c` -> `a%3Fb%23c`, `..` -> `%2E%2E`.

    Raises InvalidRequest for an empty id and for one that AgentOS cannot route.
    """
    if not value:
        raise InvalidRequest(f"{name} is empty.", f"Give the {name} as a list shows it.")
    if any(char in value for char in _UNROUTABLE):
        raise InvalidRequest(
            f"AgentOS cannot route {name} '{percent_encode(value)}': ids with a slash do not reach it over REST.",
            "Give the component an id without '/' in its AgentOS.",
        )
    return percent_encode(value)


def percent_encode(value: str) -> str:
    """Any text percent-encoded as one segment of a path or of a run reference."""
    # Dots need no encoding elsewhere, but a client folds the segments '.' and '..' away.
    if value in {".", ".."}:
        return value.replace(".", "%2E")
    return quote(value, safe="", errors="surrogatepass")


def fill_path(template: str, values: Mapping[str, str]) -> str:
    """`/agents/{agent_id}/runs` with {"agent_id": "日本"} -> `/agents/%E6%97%A5%E6%9C%AC/runs`."""
    return _FIELD.sub(lambda field: path_segment(values[field[1]], field[1]), template)
