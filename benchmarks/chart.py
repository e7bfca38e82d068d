"""docs/images/benchmarks.svg: the rows that matter most as bars. It brings its own background, light or dark. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from benchmarks.contenders import CONTENDERS
from benchmarks.results import Comparison, format_value

TITLE = "agentos-mcp beside the other ways to reach an AgentOS over MCP: shorter bars are better"
_WIDTH, _MARGIN, _COLUMNS = 880, 20, 2
_PANEL_WIDTH = (_WIDTH - 3 * _MARGIN) // _COLUMNS
_HEAD, _BAR, _STEP, _FOOT = 34, 14, 22, 18
_LABEL_WIDTH, _VALUE_WIDTH = 148, 88
_BARS_WIDTH = _PANEL_WIDTH - _LABEL_WIDTH - _VALUE_WIDTH
_STYLE = """\
text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;fill:#24243a}
.paper{fill:#fbfbfe;stroke:#d8d8e6}.head{font-weight:600;font-size:13px}.value{fill:#55556e}
.own{fill:#5a45d6}.peer{fill:#a9abc2}.limit{fill:none;stroke:#8486a0;stroke-dasharray:3 2}
text.own{font-weight:600;fill:#4a36c4}text.peer{fill:#24243a}text.limit{fill:#55556e;stroke:none}
@media (prefers-color-scheme:dark){
text{fill:#e9e7f6}.paper{fill:#17172e;stroke:#3a3a5c}.value{fill:#b7b6d0}
.own{fill:#9b8cff}.peer{fill:#666886}.limit{stroke:#9a9bb8}text.own{fill:#b9aeff}text.peer{fill:#e9e7f6}text.limit{fill:#b7b6d0}
}"""


def draw(comparisons: Sequence[Comparison]) -> str:
    """The picture: a panel a comparison, two beside each other, with a bar for each contender's median."""
    parts: list[str] = []
    top = _MARGIN
    for first in range(0, len(comparisons), _COLUMNS):
        row = comparisons[first : first + _COLUMNS]
        for column, comparison in enumerate(row):
            parts += _panel(comparison, _MARGIN + column * (_PANEL_WIDTH + _MARGIN), top)
        top += max(_height(comparison) for comparison in row)
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" width="{_WIDTH}" height="{top}" '
                'role="img">'
            ),
            f"<title>{escape(TITLE)}</title>",
            f"<style>\n{_STYLE}\n</style>",
            f'<rect class="paper" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{top - 1}" rx="9"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _height(comparison: Comparison) -> int:
    return _HEAD + _STEP * len(comparison.samples) + _FOOT


def _panel(comparison: Comparison, left: int, top: int) -> list[str]:
    medians = {key: comparison.median_of(key) for key in comparison.samples}
    largest = max((value for value in medians.values() if not math.isnan(value)), default=0.0) or 1.0
    lines = [
        f'<text class="head" x="{left}" y="{top + 16}">{escape(f"{comparison.section}: {comparison.name}")}</text>'
    ]
    bars = left + _LABEL_WIDTH
    for number, (key, value) in enumerate(sorted(medians.items(), key=lambda item: item[1])):
        contender, y = CONTENDERS[key], top + _HEAD + number * _STEP
        width = max(_BARS_WIDTH * value / largest, 1.0)
        lines += [
            f'<text class="{contender.role}" x="{left}" y="{y + 11}">{escape(contender.title)}</text>',
            f'<rect class="{contender.role}" x="{bars}" y="{y}" width="{width:.1f}" height="{_BAR}" rx="2"/>',
            (
                f'<text class="value" x="{bars + width + 6:.1f}" y="{y + 11}">'
                f"{escape(format_value(value, comparison.unit))}</text>"
            ),
        ]
    return lines
