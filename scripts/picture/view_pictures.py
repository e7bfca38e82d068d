"""Draws docs/images/view-*.png, each view with data of its kind, in a real browser; and the tests' golden pictures."""

from __future__ import annotations

from pathlib import Path

import anyio

from agentos_mcp.views.content import TITLES
from agentos_mcp.views.page import build_page
from tests._support.browser import opened, running_browser
from tests._support.golden_pictures import draw, draw_golden_pictures
from tests._support.view_samples import pictured

FOLDER = Path(__file__).parents[2] / "docs" / "images"
_WIDTH = 880


def draw_views() -> list[Path]:
    """Write the pictures; where they are. Raises NodeError where no browser can be had."""
    return anyio.run(_draw_views)


async def _draw_views() -> list[Path]:
    files = []
    async with running_browser() as browser:
        for view in TITLES:
            async with opened(browser, build_page(view, pictured(view).to_data())) as page:
                files.append(FOLDER / f"view-{view}.png")
                files[-1].write_bytes(await draw(page, _WIDTH, "light"))
    async with running_browser(pinned=True) as browser:
        files += [file async for file in draw_golden_pictures(browser)]
    return files
