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


def test_an_outline_shows_depth_and_leaves_out_what_says_nothing() -> None:
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


def test_a_line_names_the_gist_of_each_item() -> None:
    assert outline_line(COMPANY) == (
        "name: Acme; founded: 1949; listed: no; facts: Makes anvils, Ships by rocket; tags: old, loud; owner: name: Ann"
    )


@pytest.mark.parametrize("nothing", [None, "", {}, [], {"a": None}, [[], {}]])
def test_nothing_has_no_outline(nothing: object) -> None:
    assert outline(nothing) == ""


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (True, "yes"), ("words", "words"), ([["a", "b"]], "- - a\n  - b")]
)
def test_other_shapes_are_shown_too(value: object, said: str) -> None:
    assert outline(value) == said
