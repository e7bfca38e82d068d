"""A content of a knowledge base in words, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from agentos_mcp.agentos.catalog import KnowledgeBase
from agentos_mcp.agentos.errors import ServerFailure
from agentos_mcp.tools.knowledge.content import (
    UNKNOWN_OUTCOME,
    config_record,
    content_record,
    content_type,
    is_settled,
    outcome_message,
    outcomes_message,
    search_types,
    size_of,
    source_text,
)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (27, "27 bytes"),
        ("27", "27 bytes"),
        (999, "999 bytes"),
        (1234, "1.21 KiB"),
        (1_200_000, "1.14 MiB"),
        (3e9, "2.79 GiB"),
        (0, ""),
        (-1, ""),
        (None, ""),
        ("large", ""),
        ("nan", ""),
        ("inf", ""),
    ],
)
def test_size_has_a_unit_or_is_empty(count: object, words: str) -> None:
    assert str(size_of(count)) == words


@pytest.mark.parametrize(("kind", "words"), [("manual", "text"), ("Text", "text"), ("pdf", "pdf"), (None, "")])
def test_type_of_a_text_that_somebody_gave_is_text(kind: str | None, words: str) -> None:
    assert content_type({"type": kind}) == words


@pytest.mark.parametrize(
    ("own", "source"),
    [
        ({"source_url": "https://a", "source_path": "b"}, "https://a"),
        ({"source_path": "b"}, "b"),
        ({"source_config_id": "c", "source_config_name": "Drive", "source_type": "gdrive"}, "Drive (gdrive)"),
        ({"source_config_id": "c", "source_type": "s3"}, "c (s3)"),
        ({}, ""),
    ],
)
def test_source_is_the_url_the_path_or_the_remote_file(own: dict[str, str], source: str) -> None:
    assert source_text(own) == source


@pytest.mark.parametrize(
    ("status", "settled"),
    [("completed", True), ("partial", True), ("failed", True), ("processing", False), (None, False), ([], False)],
)
def test_content_is_settled_once_agentos_has_read_it(status: object, settled: bool) -> None:
    assert is_settled({"status": status}) is settled


def test_record_hides_agentoss_own_notes_and_uses_them() -> None:
    own = {"children": ["a", "b"], "source_url": "https://a", "parent_id": "p"}
    record = content_record({"name": "Manual", "metadata": {"_agno": own, "kind": "mammal", "n": 1}}, "c1")
    assert str(record.facts["metadata"]) == "kind=mammal, n=1"
    assert record.facts["source"] == "https://a"
    assert record.facts["part of"] == "p"
    assert str(record.facts["parts"]).startswith("2 ")


@pytest.mark.parametrize("metadata", [None, [], "x", {"_agno": []}, {"_agno": {"children": "x"}}])
def test_record_of_odd_metadata_has_no_parts(metadata: object) -> None:
    assert not content_record({"metadata": metadata}, "c1").facts["parts"]


@pytest.mark.parametrize("status", ["completed", "partial", UNKNOWN_OUTCOME, "processing", None])
def test_outcome_names_the_content_and_what_came_of_it(status: str | None) -> None:
    said = outcome_message({"status": status, "status_message": "2 chunks."}, "c1", "Manual", "Added")
    assert "'Manual' (content c1)" in said.text(500)
    assert ("2 chunks" in said.text(500)) is (status in {"completed", "partial", UNKNOWN_OUTCOME})


def test_outcome_of_what_could_not_be_read_is_an_error_with_the_reason() -> None:
    with pytest.raises(ServerFailure, match=r"'Manual' \(content c1\).*no text layer"):
        outcome_message({"status": "failed", "status_message": "no text layer."}, "c1", "Manual", "Added")


def contents(*statuses: str) -> list[dict[str, Any]]:
    return [{"name": f"file {n}", "status": status, "status_message": None} for n, status in enumerate(statuses)]


def test_outcomes_count_by_status_and_name_what_was_not_read() -> None:
    said = outcomes_message(contents("completed", "failed", "completed"), "the folder").text(500)
    assert said.startswith("3 files came from the folder: 2 completed, 1 failed.\n- file 1: failed")
    assert "file 0" not in said


def test_outcomes_of_which_none_was_read_are_an_error_of_few_lines() -> None:
    with pytest.raises(ServerFailure) as caught:
        outcomes_message(contents(*["failed"] * 30), "the folder")
    assert caught.value.message.count("\n") == 10


def test_config_record_lists_what_can_be_read_and_what_is_missing() -> None:
    config = {
        "readers": {"pdf": {"content_types": [".pdf"]}, "text": {}},
        "unavailable_readers": {"docx": {"missing_packages": ["python-docx"]}},
        "filters": ["kind", "_agno"],
        "vector_dbs": [{"id": "v", "search_types": ["vector", "hybrid"]}],
        "remote_content_sources": [{"id": "drive", "type": "gdrive"}],
    }
    facts = config_record(config, KnowledgeBase(id="k", name="Facts")).facts
    assert facts["readers"] == "pdf (.pdf), text"
    assert facts["not installed"] == "docx (python-docx)"
    assert facts["filters"] == "kind"
    assert facts["sources"] == "drive (gdrive)"
    assert search_types(config) == ["vector", "hybrid"]
