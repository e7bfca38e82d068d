"""What an AgentOS calls itself, by its `/info` or its `/config`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agentos_mcp.agentos.json_values import text
from agentos_mcp.agentos.plain_text import as_name

NAMING_PATHS = frozenset({"/info", "/config"})
"""Where an AgentOS says its name."""


def agentos_name(document: Mapping[str, Any]) -> str:
    """`Newsroom Demo (demo-os)`; '' where it does not say."""
    os_id, name = text(document.get("os_id")).strip(), text(document.get("name")).strip()
    if os_id and name and os_id != name:
        return f"{as_name(name)} ({as_name(os_id)})"
    return as_name(name or os_id) if name or os_id else ""
