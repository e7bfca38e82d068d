"""A view's page: small, alone, and closed to what components write."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from agentos_mcp.views.content import (
    MAX_BARS,
    MAX_CHARACTERS,
    TITLES,
    Bar,
    Bars,
    Block,
    View,
    ViewContent,
)
from agentos_mcp.views.page import build_page
from tests._support.view_samples import BIDI, HOSTILE, MEGABYTE, SCRIPT, hostile_comparison, hostile_run, hostile_trace

VIEWS: tuple[View, ...] = tuple(TITLES)


class Elements(HTMLParser):
    """The elements of a page, and the text of its scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.raw: list[tuple[str, str]] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in {"script", "style"}:
            self.raw.append((self._inside, data))


@pytest.mark.parametrize("view", VIEWS)
def test_page_is_under_60_kilobytes(view: View) -> None:
    assert len(build_page(view).encode()) < 60_000


@pytest.mark.parametrize("view", VIEWS)
def test_page_names_no_address_but_the_namespace_of_drawings(view: View) -> None:
    assert set(re.findall(r"https?://[^\s\"'<)]+", build_page(view))) == {"http://www.w3.org/2000/svg"}


def test_page_has_no_way_to_make_elements_of_text() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(", build_page("run"))


def test_policy_permits_the_page_s_own_script_and_style_alone() -> None:
    page = build_page("run")
    policy = dict(
        directive.split(" ", 1) for directive in str(re.findall(r'Policy" content="([^"]+)', page)[0]).split("; ")
    )
    style, _, script = (text for _, text in Elements(page).raw)
    assert policy == {
        "default-src": "'none'",
        "script-src": _source(script),
        "style-src": _source(style),
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_only_a_live_page_may_ask_the_server_that_it_came_from() -> None:
    assert "connect-src 'self'" in build_page("run", ViewContent("x").to_data(), live_key="key")
    assert "connect-src" not in build_page("run", ViewContent("x").to_data())


@pytest.mark.parametrize(
    "content", [hostile_trace(), hostile_run(), hostile_comparison()], ids=["trace", "run", "two runs"]
)
def test_hostile_texts_make_no_element_and_no_attribute(content: ViewContent) -> None:
    plain, hostile = (
        Elements(build_page("run", ViewContent("x").to_data())),
        Elements(build_page("run", content.to_data())),
    )
    assert (hostile.names, hostile.attributes) == (plain.names, plain.attributes)


def test_hostile_texts_arrive_as_they_are_but_for_what_reorders_or_hides() -> None:
    data = json.loads(Elements(build_page("trace", hostile_trace().to_data())).raw[1][1])
    (row,) = data["content"]["bars"]["rows"]
    assert SCRIPT in row["name"]
    assert not set(BIDI) - set("safegpj.exe") & set(json.dumps(data, ensure_ascii=False))


def test_text_of_a_megabyte_is_cut_and_says_how_much_is_left_out() -> None:
    (block,) = ViewContent("x", blocks=(Block("Output", MEGABYTE),)).to_data()["blocks"]
    assert len(block["text"]) + block["left_out"] == len(MEGABYTE)
    assert len(block["text"]) < 10_000


def test_view_is_bounded_whatever_the_number_of_its_texts() -> None:
    rows = [Bar(f"span {at}", blocks=(Block("Input", MEGABYTE), Block("Output", MEGABYTE))) for at in range(3_000)]
    data = ViewContent("x", bars=Bars("Spans", rows, 1.0)).to_data()
    assert len(data["bars"]["rows"]) == MAX_BARS
    assert data["bars"]["left_out"] == 3_000 - MAX_BARS
    assert len(json.dumps(data)) < 3 * MAX_CHARACTERS


def test_name_is_one_line_of_bounded_length() -> None:
    data = ViewContent(HOSTILE * 100, facts=[("a\nb", "c\nd")]).to_data()
    assert len(data["title"]) <= 200
    assert data["facts"] == [["a b", "c d"]]


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
