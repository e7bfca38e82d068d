"""Asks the person before something is ended, deleted or overwritten, where the client can ask."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult

from agentos_mcp.agentos.plain_text import as_name, as_value
from agentos_mcp.bridge.context import Ctx
from agentos_mcp.bridge.questions import TOO_QUICK, can_ask

_KEY = "confirm"
_SHOWN = 400
"""Characters of one value; what is cut says how long it is."""


def confirm(ctx: Ctx, title: str, arguments: Mapping[str, Any]) -> InputRequiredResult | str | None:
    """The question to ask; or, once it is answered, None for yes and words for no.

    Where nobody can be asked it is None too: the client's own permission is then all there is.
    """
    if not can_ask(ctx):
        return None
    if not ctx.mcp.request_state:
        return InputRequiredResult(
            input_requests={_KEY: ElicitRequest(params=_form(title, arguments))},
            request_state=json.dumps({"confirm": title, "at": time.time()}),
        )
    response = (ctx.mcp.input_responses or {}).get(_KEY)
    if isinstance(response, ElicitResult) and response.action == "accept":
        return None if (response.content or {}).get(_KEY) is True else f"{title}: the person said no. Nothing was done."
    if time.time() - float(json.loads(ctx.mcp.request_state)["at"]) < TOO_QUICK:
        return (
            f"{title}: nothing was done. The client answered the question by itself, before a person can have read it. "
            "To leave asking to the client's own permissions, start agentos-mcp with --ask false."
        )
    return f"{title}: the person said no. Nothing was done."


def _form(title: str, arguments: Mapping[str, Any]) -> ElicitRequestFormParams:
    # A line each, and JSON: what is in a value cannot stand as a sentence of ours.
    lines = [f"  {as_name(name)}: {as_value(value, most=_SHOWN)}" for name, value in arguments.items() if value]
    return ElicitRequestFormParams(
        message="\n".join([f"{title}?", *lines]),
        requested_schema={
            "type": "object",
            "properties": {
                _KEY: {"type": "boolean", "title": f"Yes, {title[:1].lower()}{title[1:]}", "default": False}
            },
            "required": [_KEY],
        },
    )
