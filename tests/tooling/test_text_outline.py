from __future__ import annotations

import pytest

from agentos_mcp.tooling.text_outline import outline, outline_line

COMPANY = {
    "name": "Acme",
    "founded": 1949,
    "listed": False,
    "facts": [{"id": "f1", "content": "Makes anvils"}, {"id": "f2", "content": "Ships\nby rocket"}],
    "tags": ["old", "loud"],
    "owner": {"name": "Ann", "age": None},
    "nothing": None,
    "empty": [{}, ""],
}


def test_outline_shows_depth_and_leaves_out_empty_values() -> None:
    assert outline(COMPANY).splitlines() == [
        "name: Acme",
        "founded: 1949",
        "listed: no",
        "facts:",
        "- id: f1",
        "  content: Makes anvils",
        "- id: f2",
        "  content:",
        "    Ships",
        "    by rocket",
        "tags:",
        "- old",
        "- loud",
        "owner:",
        "  name: Ann",
    ]


def test_outline_line_has_the_summary_of_each_item() -> None:
    assert outline_line(COMPANY) == (
        "name: Acme; founded: 1949; listed: no; facts: Makes anvils, Ships by rocket; tags: old, loud; owner: name: Ann"
    )


@pytest.mark.parametrize("nothing", [None, "", {}, [], {"a": None}, [[], {}]])
def test_outline_of_nothing_is_empty(nothing: object) -> None:
    assert outline(nothing) == ""


@pytest.mark.parametrize(
    ("value", "message"), [(0, "0"), (True, "yes"), ("words", "words"), ([["a", "b"]], "- - a\n  - b")]
)
def test_outline_shows_other_values_too(value: object, message: str) -> None:
    assert outline(value) == message
