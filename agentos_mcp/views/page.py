"""Makes a view's page: one HTML document that loads nothing, with what it shows as JSON inside."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from agentos_mcp import __version__
from agentos_mcp.views.content import TITLES, View


def build_page(
    view: View,
    content: Mapping[str, Any] | None = None,
    *,
    live_key: str = "",
    data_tool: str = "",
    subject: Mapping[str, str] | None = None,
) -> str:
    """The page of a view.

    `content` is a ViewContent as data. Without it, the page calls `data_tool` through the MCP Apps host around it; a
    `subject` (`kind` and `component`) is what it asks for until the call's result has a run's reference. With a
    `live_key` it reads `data` beside its own address until the content is final.
    """
    style, script = _asset("view.css"), _asset("view.js")
    data = {
        "view": view,
        "content": content,
        "key": live_key,
        "tool": data_tool,
        "subject": subject,
        "version": __version__,
    }
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{content_security_policy(may_connect=bool(live_key))}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{TITLES[view]}</title>
<style>{style}</style>
</head>
<body>
<p class="hidden" id="announcement" role="status"></p>
<p class="notice" id="outage" role="status" hidden></p>
<main id="root"><p class="quiet">Loading ...</p></main>
<noscript>This page draws its data with a script.</noscript>
<script type="application/json" id="page">{_json_for_html(data)}</script>
<script>{script}</script>
</body>
</html>
"""


def content_security_policy(*, may_connect: bool = False) -> str:
    """Only this page's own script and style count, and nothing is loaded; at most it asks where it came from."""
    parts = [
        "default-src 'none'",
        f"script-src {_source_hash('view.js')}",
        f"style-src {_source_hash('view.css')}",
        *(["connect-src 'self'"] if may_connect else []),
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(parts)


def _json_for_html(data: object) -> str:
    """JSON in which nothing ends the element around it, or begins a comment."""
    document = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return document.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _asset(name: str) -> str:
    return files("agentos_mcp.views").joinpath("assets", name).read_text(encoding="utf-8")


@cache
def _source_hash(name: str) -> str:
    digest = hashlib.sha256(_asset(name).encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
