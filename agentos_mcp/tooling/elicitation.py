"""Forms that a client shows the person (elicitation): what a run asks, and consent to what a tool would destroy."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mcp.server.mcpserver import Context
from mcp_types import ElicitRequest, ElicitRequestFormParams, ElicitResult, InputRequiredResult
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.pauses.answers import NOTE
from agentos_mcp.agentos.pauses.question_text import APPROVE, EDITED_OUTPUT, Field, Question
from agentos_mcp.agentos.plain_text import as_name, as_value, quoted_lines, strip_control_chars, strip_data
from agentos_mcp.tooling.client_quirks import UNKNOWN_CLIENT, ClientQuirks
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import cut_lines, one_line

MIN_READING_SECONDS = 1.0
"""A person needs longer than that to decline: a faster answer is the client's own."""

_MAX_DETAILS = 4000
_KEY = "confirm"
_EDITED_DESCRIPTION = "If it is to be changed: approve, and write here what it should be."
_MAX_VALUE = 400
"""Characters of one value; what is cut says how long it is."""
MAX_CONSENT_SECONDS = 3600.0
"""How long a person may take to answer; later, what they agree to may have changed."""


def answered_run(context: Context[Any]) -> str:
    """The reference of the run whose question this round of a call answers; '' where it answers none."""
    state = json.loads(context.request_state) if context.request_state else {}
    return str(state.get("run", ""))


def can_elicit(ctx: ToolContext) -> bool:
    """Whether the client can show the person a form, and may."""
    capabilities = ctx.mcp.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if not ctx.settings.ask or elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return False
    session = ctx.mcp.request_context.session
    return session.protocol_version in MODERN_PROTOCOL_VERSIONS or session.can_send_request


def question_form(question: Question, quirks: ClientQuirks = UNKNOWN_CLIENT) -> ElicitRequest | None:
    """A question of a paused run as a form; None where a person cannot fill it in in this client."""
    fields = _form_fields(question, quirks)
    if any(("array" if field.multiple else field.type) not in quirks.form_field_types for field in fields):
        return None
    if not quirks.sends_empty_fields and any(map(_may_be_empty, fields)):
        return None
    details = cut_lines(question.details, _MAX_DETAILS)
    message = strip_control_chars(f"{one_line(question.title)}\n\n{details}".strip())
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {field.name: _property(field) for field in fields},
        "required": [field.name for field in fields if field.required],
    }
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def _form_fields(question: Question, quirks: ClientQuirks) -> list[Field]:
    """The fields of the form. What it leaves out can be said in the answers of `continue_run`.

    A confirmation is the choice alone. No client has a yes selected before a person has chosen.
    """
    left_out: set[str] = set()
    if question.kind == "confirmation":
        left_out = {NOTE}
    elif question.kind == "review" and not quirks.sends_empty_fields:
        left_out = {NOTE, EDITED_OUTPUT}
    fields = [field for field in question.fields if field.name not in left_out]
    return [
        replace(field, default=False)
        if field == APPROVE or (quirks.preselects_true and field.type == "boolean" and field.default is None)
        else replace(field, description=_EDITED_DESCRIPTION)
        if question.kind == "review" and field.name == EDITED_OUTPUT
        else field
        for field in fields
    ]


def _may_be_empty(field: Field) -> bool:
    return not field.required and field.type == "string" and not field.choices


def _property(field: Field) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": field.type, "title": one_line(field.name.replace("_", " ").capitalize())}
    format_words = {"list": 'A JSON list, such as ["a", "b"].', "dict": "A JSON object."}.get(field.structure, "")
    if description := " ".join(filter(None, (one_line(field.description), format_words))):
        schema["description"] = description
    if field.default is not None:
        schema["default"] = strip_data(field.default)
    if field.choices and field.multiple:
        return schema | {"type": "array", "items": {"type": "string", "enum": _choices(field)}}
    if field.choices:
        schema["enum"] = _choices(field)
    return schema


def _choices(field: Field) -> list[str]:
    """The choices as people see them; `check_answers` knows them by these words, too."""
    return list(dict.fromkeys(one_line(choice) for choice in field.choices))


def confirm(ctx: ToolContext, title: str, arguments: Mapping[str, Any]) -> InputRequiredResult | str | None:
    """The question to ask; or, once it is answered, None for yes and words for no.

    Where nobody can be asked it is None too: the client's own permission is then all there is.
    """
    if not can_elicit(ctx):
        return None
    state = json.loads(ctx.mcp.request_state) if ctx.mcp.request_state else {}
    if state.get("confirm") != title or time.time() - float(state["at"]) > MAX_CONSENT_SECONDS:
        state = {"confirm": title, "at": time.time(), "nonce": secrets.token_hex(8)}
        return InputRequiredResult(
            input_requests={_KEY: ElicitRequest(params=_confirmation_form(title, arguments))},
            request_state=json.dumps(state),
        )
    response = (ctx.mcp.input_responses or {}).get(_KEY)
    if isinstance(response, ElicitResult) and response.action == "accept":
        if (response.content or {}).get(_KEY) is not True:
            return f"{title}: the person said no. Nothing was done."
        if not ctx.backend.confirmations.use(str(state["nonce"]), float(state["at"])):
            raise InvalidRequest(
                f"{title}: nothing was done. The person agreed to this once, and it was done then.",
                "Call it again without the old answer, so that the person is asked again.",
            )
        return None
    if time.time() - float(state["at"]) < MIN_READING_SECONDS:
        return (
            f"{title}: nothing was done. The client answered by itself, before a person could have read it. "
            "To leave asking to the client's own permissions, start agentos-mcp with --ask false."
        )
    return f"{title}: the person said no. Nothing was done."


def _confirmation_form(title: str, arguments: Mapping[str, Any]) -> ElicitRequestFormParams:
    lines = [line for name, value in arguments.items() if value for line in _value_lines(as_name(name), value)]
    return ElicitRequestFormParams(
        message="\n".join([f"{title}?", *(f"  {line}" for line in lines)]),
        requested_schema={
            "type": "object",
            "properties": {
                _KEY: {"type": "boolean", "title": f"Yes, {title[:1].lower()}{title[1:]}", "default": False}
            },
            "required": [_KEY],
        },
    )


def _value_lines(name: str, value: object) -> list[str]:
    """A value as JSON on one line, a text of several lines behind marks: neither can stand as a sentence of ours."""
    if not isinstance(value, str) or "\n" not in value.strip("\n"):
        return [f"{name}: {as_value(value, max_length=_MAX_VALUE)}"]
    more = [f"({len(value):,} characters)"] if len(value) > _MAX_VALUE else []
    return [f"{name}:", *quoted_lines(value[:_MAX_VALUE]).split("\n"), *more]
