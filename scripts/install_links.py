"""`python -m scripts.install_links`: the links that add the server to Cursor and VS Code, as markdown.

Their entries have uvx download this project's package, which they name by its full name: whatever a link names runs
with people's tokens.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from agentos_mcp import DISTRIBUTION
from agentos_mcp.settings import Settings

NAME = "agentos"
COMMAND, ARGUMENTS = "uvx", (DISTRIBUTION, "serve")

CURSOR_ENTRY: dict[str, Any] = {"command": COMMAND, "args": [*ARGUMENTS, "--url", Settings().url]}
"""Cursor shows the entry before it adds it; it has no way to ask for a value."""
VS_CODE_ENTRY: dict[str, Any] = {
    "command": COMMAND,
    "args": list(ARGUMENTS),
    "env": {"AGENTOS_URL": "${input:agentos-url}", "AGENTOS_TOKEN": "${input:agentos-token}"},
}
VS_CODE_INPUTS: list[dict[str, Any]] = [
    {"type": "promptString", "id": "agentos-url", "description": "Where AgentOS runs", "default": Settings().url},
    {
        "type": "promptString",
        "id": "agentos-token",
        "description": "Its token; empty where it asks for none",
        "password": True,
    },
]
"""VS Code asks for these when the server is started for the first time, and stores them."""

_CURSOR_BADGE = "https://cursor.com/deeplink/mcp-install-dark.svg"
_VS_CODE_BADGE = "https://img.shields.io/badge/VS_Code-Install_Server-0098FF?logo=visualstudiocode&logoColor=white"


def build_links() -> dict[str, str]:
    """Each link by its client. Pages such as a README on GitHub only allow web links, not an application's scheme."""
    cursor = urlencode({"name": NAME, "config": base64.b64encode(_compact(CURSOR_ENTRY).encode()).decode()})
    parts = {"name": NAME, "inputs": _compact(VS_CODE_INPUTS), "config": _compact(VS_CODE_ENTRY)}
    return {
        "cursor": f"https://cursor.com/install-mcp?{cursor}",
        "cursor, without the web": f"cursor://anysphere.cursor-deeplink/mcp/install?{cursor}",
        "vscode": f"https://insiders.vscode.dev/redirect/mcp/install?{urlencode(parts, quote_via=quote)}",
        "vscode, without the web": "vscode:mcp/install?"
        + quote(_compact({"name": NAME, **VS_CODE_ENTRY, "inputs": VS_CODE_INPUTS}), safe=""),
    }


def parse_link(link: str) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
    """What a link installs: the server's name, its entry, and the inputs that it asks for."""
    parts = urlsplit(link)
    if parts.scheme == "vscode":
        entry = json.loads(unquote(parts.query))
        return entry.pop("name"), entry, entry.pop("inputs", [])
    query = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}
    config = query["config"]
    if "cursor" in parts.netloc:
        config = base64.b64decode(config, validate=True).decode()
    return query["name"], json.loads(config), json.loads(query.get("inputs", "[]"))


def render_markdown() -> str:
    """The two buttons."""
    links = build_links()
    return (
        f"[![Add to Cursor]({_CURSOR_BADGE})]({links['cursor']})\n"
        f"[![Install in VS Code]({_VS_CODE_BADGE})]({links['vscode']})"
    )


def _compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


if __name__ == "__main__":
    print(render_markdown())
    sys.exit(0)
