"""The browser of the views' tests, and views to open in it."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests._support.browser import running_browser
from tests._support.chromium import chromium
from tests._support.node import NodeError


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A Chromium. Where it cannot be had, tests are skipped with the reason; in CI they fail."""
    _require_chromium()
    async with running_browser() as running:
        yield running


@pytest.fixture(scope="session")
async def pinned_browser() -> AsyncIterator[Browser]:
    """The Chromium and the fonts that the golden pictures are drawn with: there are none for other systems."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("The pictures' browser is one for Linux on x86-64.")
    _require_chromium(pinned=True)
    async with running_browser(pinned=True) as running:
        yield running


def _require_chromium(*, pinned: bool = False) -> None:
    try:
        chromium(pinned=pinned)
    except NodeError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"No browser: {error}")
