"""`python -m scripts.icon`: draws the icon, as SVG for people who change it, and as PNG for bundles and clients."""

from __future__ import annotations

import base64
import math
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SIZE, SMALL_SIZE = 512, 64
FOLDER = Path(__file__).parent / "mcpb"
MODULE = Path(__file__).parents[1] / "agentos_mcp" / "server" / "icon.py"
_RGBA, _PALETTE = 6, 3
"""What PNG calls the two ways to write a pixel."""
_STEP = 32
"""Between two shades of a palette."""
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
    return _png(SIZE, _RGBA, rows)


def small_png() -> bytes:
    """The picture with 64 pixels to a side and few colors, for what is sent whenever a client connects."""
    scale = SIZE // SMALL_SIZE
    large = [[tuple(row[at : at + 4]) for at in range(0, len(row), 4)] for row in pixels()]
    colors: dict[tuple[int, ...], int] = {}
    rows = bytearray()
    for top in range(0, SIZE, scale):
        rows.append(0)
        for left in range(0, SIZE, scale):
            block = [large[top + y][left + x] for y in range(scale) for x in range(scale)]
            rows.append(colors.setdefault(_average(block), len(colors)))
    palette = b"".join(bytes(color[:3]) for color in colors)
    opacities = bytes(color[3] for color in colors)
    return _png(SMALL_SIZE, _PALETTE, bytes(rows), (b"PLTE", palette), (b"tRNS", opacities))


def module() -> str:
    """agentos_mcp/server/icon.py."""
    data = base64.b64encode(small_png()).decode()
    return (
        '"""The icon that clients show for the server, as a data: URI; drawn by `python -m scripts.icon`."""\n\n'
        f'MIME_TYPE = "image/png"\nSIZES = ["{SMALL_SIZE}x{SMALL_SIZE}"]\n'
        f'DATA_URI = (\n    "data:image/png;base64,"\n'
        + "".join(f'    "{data[at : at + 100]}"\n' for at in range(0, len(data), 100))
        + ")\n"
    )


def _average(block: list[tuple[int, ...]]) -> tuple[int, ...]:
    """One color for several pixels, of those that a palette has room for."""
    opacity = sum(pixel[3] for pixel in block)
    shares = [sum(pixel[channel] * pixel[3] for pixel in block) / max(opacity, 1) for channel in range(3)]
    return tuple(min(255, round(share / _STEP) * _STEP) for share in (*shares, opacity / len(block)))


def _png(size: int, kind: int, rows: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", size, size, 8, kind, 0, 0, 0)
    parts = ((b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
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
    MODULE.write_text(module(), encoding="utf-8")
    sys.exit(0)
