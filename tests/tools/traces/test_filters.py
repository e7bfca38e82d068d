"""Filters for traces, checked against the fields that AgentOS has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.tools.traces.filters import check_filter, fields_of, keys_of

SCHEMA: dict[str, Any] = {
    "fields": [
        {"key": "status", "type": "enum", "operators": ["EQ", "NEQ", "IN"], "values": ["OK", "ERROR"]},
        {"key": "duration_ms", "type": "number", "operators": ["EQ", "GT", "LT"]},
        {"key": "name", "type": "string", "operators": ["EQ", "CONTAINS", "IN"]},
        {"key": "start_time", "type": "datetime", "operators": ["GT", "LT"]},
        {"type": "string"},
        "no field",
    ]
}
FIELDS = fields_of(SCHEMA)


def refusal(filter: object) -> str:
    with pytest.raises(InvalidRequest) as caught:
        check_filter(filter, FIELDS)
    return f"{caught.value.message} {caught.value.hint}"


def test_fields_of_skips_what_is_no_field() -> None:
    assert list(FIELDS) == ["status", "duration_ms", "name", "start_time"]


@pytest.mark.parametrize("schema", [{}, {"fields": None}, {"fields": {"key": "a"}}, {"fields": [None, 1, []]}])
def test_fields_of_an_odd_schema_is_empty(schema: dict[str, Any]) -> None:
    assert fields_of(schema) == {}


@pytest.mark.parametrize(
    ("filter", "checked"),
    [
        ({"status": "error"}, {"op": "EQ", "key": "status", "value": "ERROR"}),
        ({"status": ["ok", "ERROR"]}, {"op": "IN", "key": "status", "values": ["OK", "ERROR"]}),
        (
            {"status": "OK", "name": "a"},
            {
                "op": "AND",
                "conditions": [
                    {"op": "EQ", "key": "status", "value": "OK"},
                    {"op": "EQ", "key": "name", "value": "a"},
                ],
            },
        ),
        ({"op": "gt", "key": "duration_ms", "value": 5}, {"op": "GT", "key": "duration_ms", "value": 5}),
        ({"op": "GT", "key": "duration_ms", "value": 0}, {"op": "GT", "key": "duration_ms", "value": 0}),
        ({"op": "IN", "key": "name", "values": ["a", 1]}, {"op": "IN", "key": "name", "values": ["a", "1"]}),
        (
            {"op": "LT", "key": "start_time", "value": "2026-01-31"},
            {"op": "LT", "key": "start_time", "value": "2026-01-31T00:00:00+00:00"},
        ),
        (
            {"op": "not", "condition": {"op": "or", "conditions": [{"name": "a"}]}},
            {
                "op": "NOT",
                "condition": {"op": "OR", "conditions": [{"op": "EQ", "key": "name", "value": "a"}]},
            },
        ),
    ],
)
def test_checked_filter_is_written_as_agentos_takes_it(filter: object, checked: object) -> None:
    assert check_filter(filter, FIELDS) == checked


@pytest.mark.parametrize(
    ("filter", "named"),
    [
        ({"colour": "red"}, "'colour'"),
        ({"op": "EQ", "value": 1}, "''"),
        ({"op": "GT", "key": "name", "value": "a"}, "'GT'"),
        ({"op": "XOR", "key": "name", "value": "a"}, "'XOR'"),
        ({"status": "broken"}, "'broken'"),
        ({"duration_ms": "5"}, "duration_ms"),
        ({"duration_ms": True}, "duration_ms"),
        ({"name": ""}, "name"),
        ({"name": []}, "name"),
        ({"name": {"a": 1}}, "name"),
        ({"op": "IN", "key": "name", "value": "a"}, "name"),
        ({"op": "AND", "conditions": []}, "AND"),
        ({"op": "OR", "conditions": {"name": "a"}}, "OR"),
        ({"op": "GT", "key": "start_time", "value": "soon"}, "'soon'"),
    ],
)
def test_refusal_of_a_filter_names_what_is_wrong(filter: object, named: str) -> None:
    assert named in refusal(filter)


@pytest.mark.parametrize("filter", [None, "", [], {}, "status=OK", {"op": "NOT"}, {"op": "AND", "conditions": [1]}])
def test_refusal_of_what_is_no_filter_lists_the_fields(filter: object) -> None:
    assert "status (OK or ERROR): EQ NEQ IN; duration_ms: EQ GT LT" in refusal(filter)


KEYS = st.sampled_from(sorted(FIELDS))
CONDITIONS: st.SearchStrategy[Any] = st.recursive(
    st.just({"status": "OK"})
    | st.builds(lambda value: {"op": "GT", "key": "duration_ms", "value": value}, st.integers())
    | st.builds(lambda words: {"name": words}, st.text(min_size=1, max_size=5)),
    lambda inner: (
        st.builds(lambda parts: {"op": "AND", "conditions": parts}, st.lists(inner, min_size=1, max_size=3))
        | st.builds(lambda part: {"op": "NOT", "condition": part}, inner)
    ),
    max_leaves=8,
)


@given(CONDITIONS)
def test_checked_filter_of_a_checked_filter_is_the_same(filter: object) -> None:
    checked = check_filter(filter, FIELDS)
    assert check_filter(checked, FIELDS) == checked
    assert set(keys_of(checked)) <= set(FIELDS)
    assert list(keys_of(checked))


ODD = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=4)


@given(ODD | st.dictionaries(st.sampled_from(["op", "key", "value", "condition", "status"]), ODD))
def test_any_value_is_a_filter_or_refused(filter: object) -> None:
    try:
        checked = check_filter(filter, FIELDS)
    except InvalidRequest:
        return
    assert set(keys_of(checked)) <= set(FIELDS)
