"""`python -m scripts.icon`: draws the icon, as SVG for people who change it and as PNG for clients."""

from __future__ import annotations

import math
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SIZE = 512
FOLDER = Path(__file__).parent / "mcpb"
_INK, _PAPER, _LIVE = "#17172e", "#f5f3ff", "#ff8a4c"

Box = tuple[float, float, float, float]
Pixel = tuple[float, float, float, float]


class Shape(Protocol):
    """Something of one color."""

    @property
    def color(self) -> str: ...

    def box(self) -> Box:
        """Left, top, right and bottom of what it covers."""

    def distance(self, x: float, y: float) -> float:
        """How far a point is outside; less than nothing inside."""

    def svg(self) -> str: ...


@dataclass(frozen=True)
class Tile:
    """A square with round corners that fills everything."""

    radius: float
    color: str

    def box(self) -> Box:
        return 0, 0, SIZE, SIZE

    def distance(self, x: float, y: float) -> float:
        flat = SIZE / 2 - self.radius
        right, down = abs(x - SIZE / 2) - flat, abs(y - SIZE / 2) - flat
        return math.hypot(max(right, 0), max(down, 0)) + min(max(right, down), 0) - self.radius

    def svg(self) -> str:
        return f'<rect width="{SIZE}" height="{SIZE}" rx="{self.radius:g}" fill="{self.color}"/>'


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    radius: float
    color: str

    def box(self) -> Box:
        return self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius

    def distance(self, x: float, y: float) -> float:
        return math.hypot(x - self.x, y - self.y) - self.radius

    def svg(self) -> str:
        return f'<circle cx="{self.x:g}" cy="{self.y:g}" r="{self.radius:g}" fill="{self.color}"/>'


@dataclass(frozen=True)
class Line:
    x: float
    y: float
    to_x: float
    to_y: float
    width: float
    color: str

    def box(self) -> Box:
        half = self.width / 2
        xs, ys = sorted((self.x, self.to_x)), sorted((self.y, self.to_y))
        return xs[0] - half, ys[0] - half, xs[1] + half, ys[1] + half

    def distance(self, x: float, y: float) -> float:
        along, across = self.to_x - self.x, self.to_y - self.y
        share = ((x - self.x) * along + (y - self.y) * across) / (along**2 + across**2)
        share = min(max(share, 0), 1)
        return math.hypot(x - self.x - share * along, y - self.y - share * across) - self.width / 2

    def svg(self) -> str:
        ends = f'x1="{self.x:g}" y1="{self.y:g}" x2="{self.to_x:g}" y2="{self.to_y:g}"'
        return f'<line {ends} stroke="{self.color}" stroke-width="{self.width:g}" stroke-linecap="round"/>'


PICTURE: tuple[Shape, ...] = (
    Tile(116, _INK),
    Line(110, 256, 250, 256, 24, _PAPER),
    Line(250, 256, 390, 136, 24, _PAPER),
    Line(250, 256, 390, 376, 24, _PAPER),
    Dot(110, 256, 44, _PAPER),
    Dot(390, 136, 44, _PAPER),
    Dot(390, 376, 44, _PAPER),
    Dot(250, 256, 74, _INK),
    Dot(250, 256, 58, _LIVE),
)
"""A conversation on the left, what it runs on the right, and a run that is going between them."""


def svg() -> str:
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIZE}" height="{SIZE}" viewBox="0 0 {SIZE} {SIZE}">']
    return "\n".join([*lines, *(f"  {shape.svg()}" for shape in PICTURE), "</svg>", ""])


def pixels() -> Iterator[bytes]:
    """The picture's rows, four bytes (red, green, blue, opacity) a pixel."""
    rows: list[list[Pixel]] = [[(0, 0, 0, 0)] * SIZE for _ in range(SIZE)]
    for shape in PICTURE:
        red, green, blue = bytes.fromhex(shape.color[1:])
        left, top, right, bottom = shape.box()
        for y in range(max(math.floor(top) - 1, 0), min(math.ceil(bottom) + 1, SIZE)):
            for x in range(max(math.floor(left) - 1, 0), min(math.ceil(right) + 1, SIZE)):
                cover = 0.5 - shape.distance(x + 0.5, y + 0.5)
                if cover > 0:
                    rows[y][x] = _over(rows[y][x], (red, green, blue, 255), min(cover, 1))
    for row in rows:
        yield bytes(round(channel) for pixel in row for channel in pixel)


def png() -> bytes:
    rows = b"".join(b"\0" + row for row in pixels())
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


def _over(below: Pixel, above: Pixel, cover: float) -> Pixel:
    if below[3] == 0:
        return above[0], above[1], above[2], above[3] * cover
    red, green, blue, opacity = (was + (new - was) * cover for was, new in zip(below, above, strict=True))
    return red, green, blue, opacity


if __name__ == "__main__":
    (FOLDER / "icon.svg").write_text(svg(), encoding="utf-8")
    (FOLDER / "icon.png").write_bytes(png())
    sys.exit(0)
