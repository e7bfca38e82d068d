"""What is known of clients, and what follows from it for waits, results and forms."""

from __future__ import annotations

import json

import pytest

from agentos_mcp.agentos.hints import as_hint
from agentos_mcp.agentos.pauses.question_text import APPROVE, EDITED_OUTPUT, Field, Question
from agentos_mcp.tooling.budget import fit_bytes
from agentos_mcp.tooling.client_quirks import CLIENTS, FORM_FIELD_TYPES, UNKNOWN_CLIENT, ClientQuirks, quirks_of
from agentos_mcp.tooling.elicitation import question_form

CODEX = quirks_of("codex-mcp-client")
NOTE = Field("note", "string", required=False)


def question(*fields: Field, kind: str = "input") -> Question:
    return Question("key-123456", kind, "A title.", "", fields, "", as_hint("How."))  # type: ignore[arg-type]  # kinds are literals


def properties(form: object) -> dict[str, dict[str, object]]:
    schema = form.params.requested_schema  # type: ignore[attr-defined]  # a form's
    assert set(schema["required"]) <= set(schema["properties"])
    found: dict[str, dict[str, object]] = schema["properties"]
    return found


@pytest.mark.parametrize("quirks", CLIENTS, ids=lambda quirks: quirks.name)
class TestClient:
    def test_quirks_say_where_they_were_seen(self, quirks: ClientQuirks) -> None:
        assert quirks.name == quirks.name.casefold() != ""
        assert quirks.seen_in
        assert quirks.form_field_types <= FORM_FIELD_TYPES

    def test_waits_end_before_the_clients_limit(self, quirks: ClientQuirks) -> None:
        assert quirks.default_wait_seconds <= quirks.max_wait_seconds
        if quirks.call_limit_seconds:
            assert quirks.max_wait_seconds + 10 <= quirks.call_limit_seconds


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("claude-code", "claude-code"),
        ("claude-ai (via mcp-remote 0.15.0)", "claude-ai"),
        ("codex-mcp-client", "codex"),
        ("gemini-cli-mcp-client", "gemini-cli"),
        ("opencode", "opencode"),
        ("Visual Studio Code", "visual studio code"),
        ("somebody else", ""),
        ("", ""),
    ],
)
def test_quirks_are_found_by_the_clients_own_name(name: str, part: str) -> None:
    assert quirks_of(name).name == part


def test_unknown_client_has_a_default_wait_and_a_bound() -> None:
    assert (UNKNOWN_CLIENT.default_wait_seconds, UNKNOWN_CLIENT.max_wait_seconds) == (45, 3600)


@pytest.mark.parametrize("quirks", [UNKNOWN_CLIENT, CODEX, quirks_of("claude-code")])
def test_confirmation_form_is_the_choice_alone_and_no_yes_is_selected(quirks: ClientQuirks) -> None:
    (choice,) = properties(question_form(question(APPROVE, NOTE, kind="confirmation"), quirks)).items()
    assert choice[0] == "approve"
    assert choice[1]["type"] == "boolean"
    assert choice[1]["default"] is False


def test_review_form_has_what_the_client_can_leave_empty() -> None:
    fields = (APPROVE, NOTE, Field(EDITED_OUTPUT, "string", required=False))
    assert list(properties(question_form(question(*fields, kind="review")))) == ["approve", "note", "edited_output"]
    assert list(properties(question_form(question(*fields, kind="review"), CODEX))) == ["approve"]


@pytest.mark.parametrize(
    "field",
    [
        Field("days", "integer"),
        Field("share", "number"),
        Field("choice", "string", choices=("a", "b"), multiple=True),
        Field("remark", "string", required=False),
    ],
    ids=lambda field: field.name,
)
def test_question_form_is_none_where_the_client_cannot_send_a_field(field: Field) -> None:
    asked = question(Field("city", "string"), field)
    assert question_form(asked, CODEX) is None
    assert question_form(asked) is not None


def test_question_form_has_no_boolean_that_the_client_selects_by_itself() -> None:
    asked = question(Field("overwrite", "boolean"), Field("keep", "boolean", default=True))
    found = properties(question_form(asked, CODEX))
    assert (found["overwrite"]["default"], found["keep"]["default"]) == (False, True)
    assert "default" not in properties(question_form(asked))["overwrite"]


@pytest.mark.parametrize("letter", ["a", "ä", "茶", "🍵"])
def test_fit_bytes_keeps_within_the_bytes_in_every_script(letter: str) -> None:
    text = fit_bytes(lambda tokens: letter * tokens * 4, 2500, CODEX.max_result_bytes)
    assert 9_900 <= len(text.encode()) <= 10_000
    data = fit_bytes(lambda tokens: {"text": letter * tokens * 4}, 2500, CODEX.max_result_bytes)
    assert len(json.dumps(data, ensure_ascii=False).encode()) <= 10_000


def test_fit_bytes_ends_where_nothing_fits() -> None:
    assert len(fit_bytes(lambda tokens: "x" * 20_000, 2500, 10_000)) == 20_000
