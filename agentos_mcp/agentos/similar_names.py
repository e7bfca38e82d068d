"""Which known names are like one that was asked for: a search whose cost has a limit, whoever chose the names.

`difflib` compares two texts in up to cubic time. So texts are cut, all are compared by the letters that
they have in common (linear time), and only the best of these in full.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST = 64
"""Characters of a name that count."""
_MOST_COMPARED = 100


def similarity(asked: str, known: Iterable[str]) -> dict[str, float]:
    """From 0 to 1 for the hundred known names that are most like `asked`, the best first."""
    matcher = difflib.SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(asked[:LONGEST])
    rough: dict[str, float] = {}
    for name in known:
        if name not in rough:
            matcher.set_seq1(name[:LONGEST])
            rough[name] = matcher.quick_ratio()
    exact: dict[str, float] = {}
    for name in sorted(rough, key=rough.__getitem__, reverse=True)[:_MOST_COMPARED]:
        matcher.set_seq1(name[:LONGEST])
        exact[name] = matcher.ratio()
    return dict(sorted(exact.items(), key=lambda one: -one[1]))


def most_similar(asked: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """The known name that is most like `asked`, '' where none is much like it."""
    best = next(iter(similarity(asked, known).items()), ("", 0.0))
    return best[0] if best[1] >= cutoff else ""
