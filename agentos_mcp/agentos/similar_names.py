"""Finds known names that are similar to a query, at a limited cost whoever chose the names.

`difflib` compares two texts in up to cubic time. So texts are cut, all are compared by the letters that
they have in common (linear time), and only the best of these in full.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MAX_COMPARED_LENGTH = 64
"""Characters of a name that count."""
_MAX_COMPARED = 100


def similarity(query: str, names: Iterable[str]) -> dict[str, float]:
    """From 0 to 1 for the hundred known names that are most like `query`, the best first."""
    matcher = difflib.SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(query[:MAX_COMPARED_LENGTH])
    estimates: dict[str, float] = {}
    for name in names:
        if name not in estimates:
            matcher.set_seq1(name[:MAX_COMPARED_LENGTH])
            estimates[name] = matcher.quick_ratio()
    ratios: dict[str, float] = {}
    for name in sorted(estimates, key=estimates.__getitem__, reverse=True)[:_MAX_COMPARED]:
        matcher.set_seq1(name[:MAX_COMPARED_LENGTH])
        ratios[name] = matcher.ratio()
    return dict(sorted(ratios.items(), key=lambda item: -item[1]))


def most_similar(query: str, names: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The known name that is most like `query`, '' where none is similar enough."""
    name = next(iter(similarity(query, names).items()), ("", 0.0))
    return name[0] if name[1] >= cutoff else ""
