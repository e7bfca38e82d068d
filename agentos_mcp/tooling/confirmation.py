"""Asks the person before something is ended, deleted or overwritten, where the client can ask."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.plain_text import as_name, as_value
from agentos_mcp.runs.questions import TOO_QUICK, can_ask
from agentos_mcp.tooling.context import ToolContext

_KEY = "confirm"
_SHOWN = 400
"""Characters of one value; what is cut says how long it is."""
_VALID_SECONDS = 3600.0
"""How long a person may think; what they agreed to then may be something else by now."""


def confirm(ctx: ToolContext, title: str, arguments: Mapping[str, Any]) -> InputRequiredResult | str | None:
    """The question to ask; or, once it is answered, None for yes and words for no.

    Where nobody can be asked it is None too: the client's own permission is then all there is.
    """
    if not can_ask(ctx):
        return None
    asked = json.loads(ctx.mcp.request_state) if ctx.mcp.request_state else {}
    if asked.get("confirm") != title or time.time() - float(asked["at"]) > _VALID_SECONDS:
        memory = {"confirm": title, "at": time.time(), "once": secrets.token_hex(8)}
        return InputRequiredResult(
            input_requests={_KEY: ElicitRequest(params=_form(title, arguments))}, request_state=json.dumps(memory)
        )
    response = (ctx.mcp.input_responses or {}).get(_KEY)
    if isinstance(response, ElicitResult) and response.action == "accept":
        if (response.content or {}).get(_KEY) is not True:
            return f"{title}: the person said no. Nothing was done."
        if not ctx.backend.confirmations.use(str(asked["once"]), float(asked["at"])):
            raise InvalidRequest(
                f"{title}: nothing was done. The person agreed to this once, and it was done then.",
                "Call it again without the old answer, so that the person is asked anew.",
            )
        return None
    if time.time() - float(asked["at"]) < TOO_QUICK:
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
