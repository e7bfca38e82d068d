"""How large and how deep a JSON value may be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.agentos.json_limits import JsonLimitExceeded, JsonLimits

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
WIDE = JsonLimits(characters=1_000_000, depth=1_000)


@given(JSON)
def test_size_is_about_that_of_the_text(value: Any) -> None:
    size = WIDE.check(value)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert size.nodes >= 1
    assert size.characters >= len(text) // 8


@given(JSON)
def test_value_within_its_own_size_is_taken_and_beyond_it_refused(value: Any) -> None:
    characters = WIDE.check(value).characters
    assert JsonLimits(characters, 1_000).check(value).characters == characters
    with pytest.raises(JsonLimitExceeded, match="larger than"):
        JsonLimits(characters - 1, 1_000).check(value)


@pytest.mark.parametrize("depth", [1, 2, 50])
def test_depth_is_counted_in_lists_and_objects(depth: int) -> None:
    value: object = "leaf"
    for level in range(depth):
        value = [value] if level % 2 else {"key": value}
    JsonLimits(1_000, depth).check(value)
    with pytest.raises(JsonLimitExceeded, match="nested deeper"):
        JsonLimits(1_000, depth - 1).check(value)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -float("inf"), object(), b"bytes", {1, 2}, pytest.param(10**5_000, id="long number")],
)
def test_value_that_json_does_not_have_is_refused(value: object) -> None:
    with pytest.raises(JsonLimitExceeded):
        WIDE.check([{"key": value}])


def test_large_value_is_not_looked_at_beyond_its_limit() -> None:
    class Endless(list[object]):
        def __iter__(self) -> Any:
            raise AssertionError("it looks at what is too large")

    with pytest.raises(JsonLimitExceeded, match="larger than"):
        JsonLimits(100, 10).check(Endless([None] * 1_000))
