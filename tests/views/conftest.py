"""The browser of the views' tests, and views to open in it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests._support.browser import running_browser
from tests._support.chromium import chromium
from tests._support.node import NodeError


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A Chromium. Where it cannot be had, tests are skipped with the reason; in CI they fail."""
    try:
        chromium()
    except NodeError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"No browser: {error}")
    async with running_browser() as running:
        yield running
