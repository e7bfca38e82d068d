"""docs/images/demo.svg: a conversation with the demo, moving. It is drawn from what the server really answers.

It brings its own background, so that it reads the same on a light page and on a dark one. It begins with the whole
conversation, then shows how that came about. Where nothing moves (the reader asked for that, or the viewer cannot) it
shows the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path

from rich.color import Color
from rich.terminal_theme import MONOKAI

from scripts.picture.conversation import COLUMNS, Written
from scripts.picture.terminal_screen import PLAIN, Screen, Stretch, VisibleRow

FILE = Path(__file__).parents[2] / "docs" / "images" / "demo.svg"
TITLE = "A person asks an assistant for a piece: a pipeline runs step by step, and a form asks before it is published"
ROWS = 23
_WIDE, _HIGH, _MARGIN = 7.8, 18, 18
_WIDTH, _HEIGHT = round(COLUMNS * _WIDE) + 2 * _MARGIN, ROWS * _HIGH + 2 * _MARGIN
_LEAD, _HOLD = 3.0, 5.0
"""Seconds for which the whole is seen at the beginning and at the end."""
_INK, _PAPER, _EDGE = "#17172e", "#e9e7f6", "#3a3a5c"
_LINES = {"━": (0, 1), "╸": (0, 0.5), "╺": (0.5, 1)}
"""Characters of progress bars, as shares of a column: fonts don't agree on them."""
_FRAME = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>{title}</title>
<style>
text{{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre;fill:{paper}}}
path{{stroke:{paper};stroke-width:2;fill:none}}
.gone{{visibility:hidden}}
{colors}
@media (prefers-reduced-motion:no-preference){{
g{{animation:{length}s step-end infinite}}
{times}
}}
</style>
<rect width="{width}" height="{height}" rx="9" fill="{ink}" stroke="{edge}"/>
<svg x="{margin}" y="{margin}" width="{inner_width}" height="{inner_height}">
<g id="paper" transform="translate(0 -{above})">
{rows}
</g>
</svg>
</svg>
"""


def screen(steps: Iterable[Written]) -> Screen:
    """The client's window at the end of the conversation."""
    window = Screen(COLUMNS)
    for step in steps:
        window.write(step.data, step.at)
    return window


def drawn(shown: Sequence[VisibleRow]) -> str:
    """The picture."""
    length = _LEAD + max(part.since for part in shown) + _HOLD
    return _FRAME.format(
        width=_WIDTH,
        height=_HEIGHT,
        inner_width=_WIDTH - 2 * _MARGIN,
        inner_height=_HEIGHT - 2 * _MARGIN,
        margin=_MARGIN,
        title=TITLE,
        ink=_INK,
        paper=_PAPER,
        edge=_EDGE,
        colors="\n".join(_colors(shown)),
        length=f"{length:.2f}",
        times="\n".join([*_times(shown, length), _scrolling(shown, length)]),
        above=_HIGH * _above(shown),
        rows="\n".join(_row(number, part) for number, part in enumerate(shown)),
    )


def _row(number: int, part: VisibleRow) -> str:
    names = [f"r{number}"] if _moves(part) else []
    names += ["gone"] if part.until is not None else []
    kind = f' class="{" ".join(names)}"' if names else ""
    return f"<g{kind}>{''.join(_stretches(part))}</g>"


def _times(shown: Sequence[VisibleRow], length: float) -> Iterator[str]:
    """When each row is seen: what stays is seen at the beginning, too."""
    for number, part in enumerate(shown):
        if _moves(part):
            stops = [(0.0, "visible"), (_LEAD, "hidden")] if part.until is None else [(0.0, "hidden")]
            stops.append((_LEAD + part.since, "visible"))
            if part.until is not None:
                stops.append((_LEAD + part.until, "hidden"))
            frames = "".join(f"{time / length:.2%}{{visibility:{value}}}" for time, value in stops)
            yield f".r{number}{{animation-name:r{number}}}@keyframes r{number}{{{frames}}}"


def _moves(part: VisibleRow) -> bool:
    return part.since > 0 or part.until is not None


def _stretches(part: VisibleRow) -> Iterator[str]:
    for stretch in part.content:
        column = stretch.column
        for is_line, alike in groupby(stretch.text, key=_LINES.__contains__):
            text = "".join(alike)
            if is_line:
                yield _bar(part.row, column, text, stretch.style)
            else:
                yield _words(part.row, Stretch(column, text, stretch.style))
            column += len(text)


def _words(row: int, stretch: Stretch) -> str:
    """Text. Its length is given, so that every font puts what follows in the same place."""
    length = f' textLength="{len(stretch.text) * _WIDE:.4g}"' if len(stretch.text) > 1 else ""
    place = f'x="{stretch.column * _WIDE:.4g}" y="{(row + 0.75) * _HIGH:g}"'
    return f"<text{_kind(stretch.style)} {place}{length}>{escape(stretch.text, quote=False)}</text>"


def _bar(row: int, column: int, text: str, style: str) -> str:
    start = column + _LINES[text[0]][0]
    end = column + len(text) - 1 + _LINES[text[-1]][1]
    return f'<path{_kind(style)} d="M{start * _WIDE:.4g} {(row + 0.5) * _HIGH:g}H{end * _WIDE:.4g}"/>'


def _kind(style: str) -> str:
    return f' class="{_class(style)}"' if style else ""


def _class(style: str) -> str:
    return f"c{style.replace(';', '-')}"


def _colors(shown: Sequence[VisibleRow]) -> Iterator[str]:
    """What a terminal makes of the styles: here only colors of its palette."""
    for style in sorted({stretch.style for part in shown for stretch in part.content} - {PLAIN}):
        codes = [int(code) for code in style.split(";")]
        number = codes[2] if codes[:2] == [38, 5] else codes[0] - 30
        color = Color.from_ansi(number).get_truecolor(MONOKAI).hex
        yield f".{_class(style)}{{fill:{color}}}path.{_class(style)}{{stroke:{color}}}"


def _above(shown: Sequence[VisibleRow], until: float = float("inf")) -> int:
    """How many rows have scrolled away by then."""
    last = max(part.row for part in shown if part.since <= until)
    return max(last + 1 - ROWS, 0)


def _scrolling(shown: Sequence[VisibleRow], length: float) -> str:
    frames, before = f"0%{{transform:translateY({-_HIGH * _above(shown)}px)}}", -1
    for time in sorted({part.since for part in shown}):
        if (above := _above(shown, time)) != before:
            frames += f"{(_LEAD + time) / length:.2%}{{transform:translateY({-_HIGH * above}px)}}"
            before = above
    return f"#paper{{animation-name:scroll}}@keyframes scroll{{{frames}}}"
