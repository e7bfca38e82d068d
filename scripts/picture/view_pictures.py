"""Draws docs/images/view-*.png: each view with data of its kind, in a real browser."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import anyio

from agentos_mcp.views.content import View, ViewContent
from agentos_mcp.views.page import build_page
from tests._support.browser import opened, running_browser
from tests._support.view_samples import inbox, metrics, pictured_run, pictured_trace

FOLDER = Path(__file__).parents[2] / "docs" / "images"
_SIZE = {"width": 880, "height": 240}


def view_pictures() -> Mapping[View, ViewContent]:
    """What each picture shows."""
    return {"run": pictured_run(), "trace": pictured_trace(), "metrics": metrics(), "inbox": inbox()}


def draw_views() -> list[Path]:
    """Write the pictures; where they are. Raises NodeError where no browser can be had."""
    return anyio.run(_draw_views)


async def _draw_views() -> list[Path]:
    files = []
    async with running_browser() as browser:
        for view, content in view_pictures().items():
            async with opened(browser, build_page(view, content.to_data()), viewport=_SIZE) as page:
                files.append(FOLDER / f"view-{view}.png")
                await page.page.screenshot(path=files[-1], full_page=True)
    return files
