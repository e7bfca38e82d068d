"""Golden pictures of the views: each light and dark, narrow and wide, with fixed fonts and a fixed clock."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.async_api import Browser, Error, Page

from agentos_mcp.views.content import TITLES, View
from agentos_mcp.views.page import build_page
from tests._support.browser import OpenView, opened
from tests._support.chromium import pixelmatch
from tests._support.view_samples import BEGIN, pictured

FOLDER = Path(__file__).parents[1] / "views" / "pictures"
WIDTHS = (320, 720)
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
MAX_DIFFERENT = 6
"""Pixels that may differ within any square of WINDOW pixels: single ones do, where letters are smoothed otherwise."""
WINDOW = 16
_MAX_HEIGHT = 2_000
"""What is out of the window is not drawn."""
_COLORS = 256
_ATTEMPTS = 3
"""Chromium now and then cannot take a screenshot after it has resized its window."""

_BOX = """async () => {
  for (let frame = 0; frame < 2; frame += 1) await new Promise(requestAnimationFrame);
  const { width, height } = document.body.getBoundingClientRect();
  return { x: 0, y: 0, width, height: Math.ceil(height) };
}"""
_COMPARE = """async ([before, after, window]) => {
  const pixels = async (data) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${data}`)).blob());
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    return canvas.getImageData(0, 0, image.width, image.height);
  };
  const [first, second] = [await pixels(before), await pixels(after)];
  if (first.width !== second.width || first.height !== second.height) return null;
  return pixelmatch(first.data, second.data, null, first.width, first.height, { windowSize: window });
}"""


@dataclass(frozen=True)
class Picture:
    """A view in one theme and width."""

    view: View
    theme: Theme
    width: int

    @property
    def name(self) -> str:
        return f"{self.view}-{self.theme}-{self.width}"

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.name}.png"


def pictures_of(view: View) -> list[Picture]:
    return [Picture(view, theme, width) for theme in THEMES for width in WIDTHS]


@asynccontextmanager
async def shown(browser: Browser, view: View) -> AsyncIterator[OpenView]:
    """A view with what it is pictured with, open in the browser at a fixed time."""
    async with opened(
        browser,
        build_page(view, pictured(view).to_data()),
        fixed_time=BEGIN + timedelta(days=2),
        reduced_motion="reduce",
        device_scale_factor=1,
        locale="en",
        timezone_id="UTC",
    ) as opened_view:
        yield opened_view


async def draw(view: OpenView, width: int, theme: Theme) -> bytes:
    """What is seen of an open view in a window of this width, as PNG: as high as it is."""
    await view.page.set_viewport_size({"width": width, "height": _MAX_HEIGHT})
    await view.page.emulate_media(color_scheme=theme)
    box: dict[str, Any] = await view.page.evaluate(_BOX)
    for _ in range(_ATTEMPTS - 1):
        with suppress(Error):
            return await view.page.screenshot(clip=box)  # type: ignore[arg-type]  # a box that the page has measured
    return await view.page.screenshot(clip=box)  # type: ignore[arg-type]  # as above


@asynccontextmanager
async def comparison_page(browser: Browser) -> AsyncIterator[Page]:
    """A page in which pictures are compared."""
    page = await browser.new_page()
    try:
        await page.evaluate(pixelmatch())
        yield page
    finally:
        await page.close()


async def difference(page: Page, before: bytes, after: bytes) -> int | None:
    """How many pixels differ in the square where most do, smoothed edges aside; None where the sizes differ."""
    pictures = [base64.b64encode(picture).decode() for picture in (before, after)]
    count: int | None = await page.evaluate(_COMPARE, [*pictures, WINDOW])
    return count


def is_alike(difference: int | None) -> bool:
    """Whether two pictures that differ so much show the same."""
    return difference is not None and difference <= MAX_DIFFERENT


def smaller(picture: bytes) -> bytes:
    """A PNG with fewer colors, which no eye tells apart, in a third of the size."""
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(_COLORS, Image.Quantize.FASTOCTREE)
    target = io.BytesIO()
    image.save(target, "PNG", optimize=True)
    return target.getvalue()


async def draw_golden_pictures(browser: Browser) -> AsyncIterator[Path]:
    """Draw all of them anew into their files."""
    FOLDER.mkdir(exist_ok=True)
    for name in TITLES:
        async with shown(browser, name) as view:
            for picture in pictures_of(name):
                picture.file.write_bytes(smaller(await draw(view, picture.width, picture.theme)))
                yield picture.file
