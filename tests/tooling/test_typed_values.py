"""Values of results: words in texts and tables, typed in data."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.tooling.results import Record, Table
from agentos_mcp.tooling.typed_values import (
    TypedValue,
    boolean_value,
    exact_time_value,
    interval_value,
    list_value,
    run_value,
    size_value,
    time_value,
)

START = "2026-11-21T05:48:30.250000"


@pytest.mark.parametrize(
    ("value", "words", "data"),
    [
        (time_value(START), "2026-11-21 05:48 UTC", "2026-11-21T05:48:30.250Z"),
        (time_value(1_795_240_110), "2026-11-21 05:48 UTC", "2026-11-21T05:48:30Z"),
        (exact_time_value("2026-11-21T06:48:30+01:00"), "2026-11-21 05:48:30 UTC", "2026-11-21T05:48:30Z"),
        (interval_value(START, "2026-11-21T05:50:35.250000"), "2 min 5 s", 125.0),
        (size_value(2048), "2 KiB", 2048),
        (boolean_value(True), "yes", True),
        (boolean_value(False), "no", False),
        (list_value(["a", "b"]), "a, b", ["a", "b"]),
        (run_value(RunRef("agent", "a b", "s", "r1")), "agent/a%20b/s/r1", "agent/a%20b/s/r1"),
    ],
)
def test_value_is_words_in_a_text_and_typed_in_data(value: TypedValue, words: str, data: object) -> None:
    table = Table(("x",), [(value,)], empty="")
    assert f"| {words} |" in table.text(1000)
    assert table.data()["items"] == [{"x": data}]
    record = Record("t", {"x": value})
    assert f"x: {words}".casefold() in record.text(1000).casefold()
    assert record.data()["facts"] == {"x": data}


@pytest.mark.parametrize(
    "value",
    [
        time_value(None),
        time_value(0),
        exact_time_value("soon"),
        interval_value(START, None),
        interval_value("x", START),
        size_value(0),
        boolean_value("yes"),
        list_value([]),
    ],
)
def test_value_that_agentos_does_not_say_is_left_out(value: TypedValue) -> None:
    assert Table(("x", "y"), [(value, 1)], empty="").data()["items"] == [{"y": 1}]
    assert "x" not in Table(("x", "y"), [(value, 1)], empty="").text(1000)
    assert Record("t", {"x": value, "y": 1}).data()["facts"] == {"y": 1}


@pytest.mark.parametrize("make", [time_value, exact_time_value])
def test_time_that_is_none_is_no_time_in_data(make: Callable[[object], TypedValue]) -> None:
    assert make("next week, perhaps").data is None
    assert make(float("nan")).data is None
    assert make(10**30).data is None
