"""Golden pictures: each view looks as it is kept in pictures/, and a picture that shows something else is told apart.

`make picture` draws them anew; look at what has changed before it is committed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from agentos_mcp.views.content import TITLES, View
from tests._support.golden_pictures import (
    FOLDER,
    Picture,
    comparison_page,
    difference,
    draw,
    is_alike,
    pictures_of,
    shown,
    smaller,
)

RUN = Picture("run", "light", 720)


@pytest.fixture(scope="module")
async def comparing(pinned_browser: Browser) -> AsyncIterator[Page]:
    async with comparison_page(pinned_browser) as page:
        yield page


@pytest.mark.parametrize("view", TITLES)
async def test_view_looks_as_its_pictures(pinned_browser: Browser, comparing: Page, view: View, tmp_path: Path) -> None:
    async with shown(pinned_browser, view) as opened_view:
        for picture in pictures_of(view):
            drawn = await draw(opened_view, picture.width, picture.theme)
            count = await difference(comparing, picture.file.read_bytes(), drawn)
            if not is_alike(count):
                (tmp_path / picture.file.name).write_bytes(drawn)
            assert is_alike(count), f"{picture.name} differs ({count}): see {tmp_path}, and `make picture`"


def test_pictures_are_those_of_the_views_and_small() -> None:
    files = [picture.file for view in TITLES for picture in pictures_of(view)]
    assert sorted(FOLDER.iterdir()) == sorted(files)
    assert sum(file.stat().st_size for file in files) < 600_000


BROKEN = {
    "a row one pixel lower": "ol.bars > li:nth-child(5) > .row { position: relative; top: 1px }",
    "all one pixel to the right": "main { position: relative; left: 1px }",
    "the smallest bar lost": "ol.bars > li:nth-child(5) .bar { visibility: hidden }",
    "another color of a state": ":root { --bad: #1b7f4b }",
    "a bar that is shorter": "ol.bars > li:nth-child(2) .bar { margin-right: 3px; max-width: calc(100% - 366px) }",
    "a word lost": ".state { color: transparent }",
    "a line more at its end": "main { padding-bottom: 1px }",
}


@pytest.mark.parametrize("style", BROKEN.values(), ids=BROKEN)
async def test_picture_of_something_else_is_told_apart(pinned_browser: Browser, comparing: Page, style: str) -> None:
    async with shown(pinned_browser, RUN.view) as view:
        await view.page.evaluate(_ADD_STYLE, style)
        drawn = await draw(view, RUN.width, RUN.theme)
    assert not is_alike(await difference(comparing, RUN.file.read_bytes(), drawn))


async def test_letters_that_are_smoothed_otherwise_are_no_difference(pinned_browser: Browser, comparing: Page) -> None:
    async with shown(pinned_browser, RUN.view) as view:
        before = await draw(view, RUN.width, RUN.theme)
        await view.page.evaluate(_ADD_STYLE, "body { filter: blur(0.12px) contrast(1.02) }")
        after = await draw(view, RUN.width, RUN.theme)
    assert before != after
    assert is_alike(await difference(comparing, before, after))
    assert is_alike(await difference(comparing, before, smaller(after)))


_ADD_STYLE = """(style) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  document.adoptedStyleSheets = [sheet];
}"""
