"""JSON with comments, parsed to values and their places."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.install.errors import InvalidConfigError, UneditableConfigError
from agentos_mcp.install.jsonc_parser import ParsedJson

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def value_of(text: str, *, strict: bool = False) -> Any:
    root = ParsedJson(text, strict=strict).root
    return None if root is None else root.value


@given(value=JSON_VALUES, indent=st.sampled_from([None, 0, 2]), is_strict=st.booleans())
def test_plain_json_has_the_value_that_it_stands_for(value: object, indent: int | None, is_strict: bool) -> None:
    assert value_of(json.dumps(value, indent=indent), strict=is_strict) == value


def test_comments_and_trailing_commas_are_no_part_of_the_value() -> None:
    text = '// first\n{"a": [1, 2,], /* "b": 3 */ "c": "//", }\n/* last */'
    assert value_of(text) == {"a": [1, 2], "c": "//"}


def test_text_without_a_value_has_no_root() -> None:
    for text in ("", " \n", "// nothing\n"):
        assert ParsedJson(text, strict=False).root is None


def test_members_have_the_places_of_their_keys_values_and_commas() -> None:
    text = '{"a": {"b": 1} /* here */ , "c": true}'
    root = ParsedJson(text, strict=False).root
    assert root is not None
    first, last = root.members
    assert text[first.start :].startswith('"a"')
    assert text[first.node.start : first.node.end] == '{"b": 1}'
    assert text[: first.comma_end].endswith(",")
    assert text[last.node.start : last.node.end] == "true"
    assert last.comma_end == 0
    assert (root.start, root.end) == (0, len(text))


def test_token_end_before_a_position_counts_comments_and_not_white_space() -> None:
    text = '{"a": 1 /* one */   }'
    parsed = ParsedJson(text, strict=False)
    assert parsed.token_end_before(text.index("}")) == text.index("*/") + 2
    assert parsed.token_end_before(0) == 0


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ('{"a": 1\n"b": 2}', "a comma is missing at '\"'", 2),
        ("[1\n2]", "a comma is missing at '2'", 2),
        ('{"a" 1}', "a colon is missing at '1'", 1),
        ("{a: 1}", "a key in double quotes is missing at 'a'", 1),
        ('{"a":}', "a value is missing at '}'", 1),
        ('{"a": 1', "a comma is missing at its end", 1),
        ('{"a": 1}\n{}', "unexpected content after its end at '{'", 2),
        ('{"a": "b\n"}', "a string without a closing quote", 1),
        ("{'a': 1}", '"\'" is not valid JSON', 1),
        ("[NaN]", "this is not a JSON value at 'N'", 1),
        ("[undefined]", "this is not a JSON value at 'u'", 1),
    ],
)
def test_invalid_text_is_refused_with_its_problem_and_line(text: str, problem: str, line: int) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        ParsedJson(text, strict=False)
    assert caught.value.problem.startswith(problem)
    assert caught.value.line == line


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{} // c", "a comment, which"), ("[1,]", "a trailing comma, which"), ('{"a": 1,}', "a trailing comma, which")],
)
def test_strict_text_has_neither_comments_nor_trailing_commas(text: str, problem: str) -> None:
    assert ParsedJson(text, strict=False).root is not None
    with pytest.raises(InvalidConfigError, match=problem):
        ParsedJson(text, strict=True)


def test_endless_nesting_is_refused() -> None:
    with pytest.raises(InvalidConfigError, match="nested too deeply"):
        ParsedJson("[" * 100_000, strict=False)


def test_key_that_stands_twice_cannot_be_edited() -> None:
    text = '{"a": 1,\n"a": 2, "b": 3}'
    root = ParsedJson(text, strict=False).root
    assert root is not None
    assert root.member("none", text) is None
    assert root.member("b", text) is root.members[2]
    with pytest.raises(UneditableConfigError, match='the key "a" twice') as caught:
        root.member("a", text)
    assert caught.value.line == 2
