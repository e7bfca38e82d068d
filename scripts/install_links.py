"""`python -m scripts.install_links`: the links that put the server into Cursor and VS Code, as markdown.

They start the installed command, and fetch nothing: what a link names on PyPI would run with people's tokens,
so that a link may only name what is known to be this project.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from agentos_mcp.settings import Settings

NAME = "agentos"
COMMAND, ARGUMENTS = "agentos-mcp", ("serve",)

CURSOR: dict[str, Any] = {"command": COMMAND, "args": [*ARGUMENTS, "--url", Settings().url]}
"""Cursor shows it before it takes it in: there the URL can be changed."""
VS_CODE: dict[str, Any] = {
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
"""VS Code asks for these when the server is started first, and keeps them."""

_CURSOR_BADGE = "https://cursor.com/deeplink/mcp-install-dark.svg"
_VS_CODE_BADGE = "https://img.shields.io/badge/VS_Code-Install_Server-0098FF?logo=visualstudiocode&logoColor=white"


def links() -> dict[str, str]:
    """Each link by what it is for. Pages such as a README on GitHub let only web addresses through."""
    cursor = urlencode({"name": NAME, "config": base64.b64encode(_compact(CURSOR).encode()).decode()})
    parts = {"name": NAME, "inputs": _compact(VS_CODE_INPUTS), "config": _compact(VS_CODE)}
    return {
        "cursor": f"https://cursor.com/install-mcp?{cursor}",
        "cursor, without the web": f"cursor://anysphere.cursor-deeplink/mcp/install?{cursor}",
        "vscode": f"https://insiders.vscode.dev/redirect/mcp/install?{urlencode(parts, quote_via=quote)}",
        "vscode, without the web": "vscode:mcp/install?"
        + quote(_compact({"name": NAME, **VS_CODE, "inputs": VS_CODE_INPUTS}), safe=""),
    }


def installed_by(link: str) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
    """What a link installs: the server's name, its configuration, and what is asked for it."""
    parts = urlsplit(link)
    if parts.scheme == "vscode":
        told = json.loads(unquote(parts.query))
        return told.pop("name"), told, told.pop("inputs", [])
    values = {name: found[0] for name, found in parse_qs(parts.query, strict_parsing=True).items()}
    config = values["config"]
    if "cursor" in parts.netloc:
        config = base64.b64decode(config, validate=True).decode()
    return values["name"], json.loads(config), json.loads(values.get("inputs", "[]"))


def markdown() -> str:
    """The two buttons."""
    of = links()
    return (
        f"[![Add to Cursor]({_CURSOR_BADGE})]({of['cursor']})\n"
        f"[![Install in VS Code]({_VS_CODE_BADGE})]({of['vscode']})"
    )


def _compact(document: object) -> str:
    return json.dumps(document, separators=(",", ":"))


if __name__ == "__main__":
    print(markdown())
    sys.exit(0)
