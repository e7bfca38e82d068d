"""Which component, knowledge base or database a name means: the one lookup of all of them.

A query fits a name more or less closely (`Fit`). What fits several names equally closely is not guessed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from enum import IntEnum
from functools import cached_property
from typing import TypeVar
from urllib.parse import unquote

from agentos_mcp.agentos.similar_names import similarity

_MAX_NAME_LENGTH = 200
_MIN_SIMILARITY = 0.75
_MIN_SUGGESTED_SIMILARITY = 0.5
_MIN_PART_LENGTH = 3
"""Characters of a query that may be a part of a word; a shorter one has to be a word ("HR")."""
_FILLER_WORDS = frozenset({"my", "the", "our", "a", "an", "your", "please", "run"})


class Fit(IntEnum):
    """How closely a query fits a name, the closest first."""

    ID = 0
    NAME = 1
    """An id or a name, whatever its case and punctuation."""
    PHRASE = 2
    """The same with words around it: "my content pipeline workflow"."""
    WORDS = 3
    """All its words are words of the name: "pipeline"."""
    PARTS = 4
    """It is a part of the name: "pipe"."""
    SIMILAR = 5
    """It is spelled much like the name."""


class Named:
    """What has an id, and a name that people know; a base for frozen dataclasses."""

    id: str
    name: str

    @property
    def nouns(self) -> frozenset[str]:
        """Words for what it is, which a query may add to its name."""
        return frozenset()

    @property
    def foreign_nouns(self) -> frozenset[str]:
        """Words for what it is not: a query that has one means something else, unless the name has it too."""
        return frozenset()

    @cached_property
    def normalized(self) -> tuple[str, str]:
        """Its id and name as they are compared."""
        return normalize(self.id), normalize(self.name)

    @cached_property
    def phrases(self) -> tuple[str, str]:
        """The same without filler words."""
        return _without(self.normalized[0], _FILLER_WORDS), _without(self.normalized[1], _FILLER_WORDS)

    @cached_property
    def bare_phrases(self) -> tuple[str, str]:
        """The same without the words for what it is; whole where nothing is left."""
        first, second = (
            _without(phrase, self.nouns) or normalized
            for phrase, normalized in zip(self.phrases, self.normalized, strict=True)
        )
        return first, second

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(" ".join(self.normalized).split())


Item = TypeVar("Item", bound=Named)


class Query:
    """What a person calls something, ready to be compared with many names."""

    def __init__(self, text: str) -> None:
        self.id = text
        # Our own sentences name ids percent-encoded.
        self.decoded_id = unquote(text)
        self.normalized = normalize(self.decoded_id)
        self._phrase = _without(self.normalized, _FILLER_WORDS)
        self._phrases: dict[frozenset[str], tuple[str, frozenset[str]]] = {}

    def phrase(self, nouns: frozenset[str]) -> tuple[str, frozenset[str]]:
        """The query without filler words and nouns, as text and as words."""
        if nouns not in self._phrases:
            phrase = _without(self._phrase, nouns)
            self._phrases[nouns] = phrase, frozenset(phrase.split())
        return self._phrases[nouns]

    def fit(self, item: Named) -> Fit | None:
        """How closely it fits a name, by its words; None where that is not at all."""
        if self.id == item.id:
            return Fit.ID
        if self.decoded_id == item.id or (self.normalized and self.normalized in item.normalized):
            return Fit.NAME
        phrase, words = self.phrase(item.nouns)
        if not phrase:
            return None
        if phrase in item.phrases or self._phrase in item.phrases:
            return Fit.PHRASE
        if words <= item.words:
            return Fit.WORDS
        if len(phrase) >= _MIN_PART_LENGTH and (phrase in item.normalized[0] or phrase in item.normalized[1]):
            return Fit.PARTS
        return None

    def is_foreign_to(self, item: Named) -> bool:
        """Whether it says that something of another kind is meant."""
        return not item.foreign_nouns & set(self.normalized.split()) <= item.words


def closest(query: Query, items: Sequence[Item]) -> tuple[list[Item], Fit]:
    """The items that the query fits most closely, and how closely; none and `SIMILAR` where it fits none."""
    fits = [(item, fit) for item in items if (fit := query.fit(item)) is not None]
    if fits:
        best = min(fit for _, fit in fits)
        return [item for item, fit in fits if fit == best], best
    return [
        item
        for item, ratio in most_similar_items(query, items)
        if ratio >= _MIN_SIMILARITY and not query.is_foreign_to(item)
    ], Fit.SIMILAR


def suggestions(query: Query, items: Sequence[Item], count: int = 3) -> list[Item]:
    """The items that may have been meant, though the query fits none."""
    similar = most_similar_items(query, items)[:count]
    return [item for item, _ in similar] if similar and similar[0][1] >= _MIN_SUGGESTED_SIMILARITY else []


def most_similar_items(query: Query, items: Sequence[Item]) -> list[tuple[Item, float]]:
    """The items that are spelled most like the query, the best first; not all where there are many."""
    groups: dict[frozenset[str], list[Item]] = {}
    for item in items:
        groups.setdefault(item.nouns, []).append(item)
    ratios = {
        nouns: similarity(
            query.phrase(nouns)[0] or query.normalized, (name for item in group for name in item.bare_phrases)
        )
        for nouns, group in groups.items()
    }
    matches = [
        (item, max(ratios[item.nouns].get(name, 0.0) for name in item.bare_phrases))
        for item in items
        if any(name in ratios[item.nouns] for name in item.bare_phrases)
    ]
    return sorted(matches, key=lambda match: -match[1])


def normalize(text: str) -> str:
    """ "Content Pipeline", "content-pipeline" and "content_pipeline" are one."""
    folded = unicodedata.normalize("NFKC", text[:_MAX_NAME_LENGTH]).casefold()
    return " ".join("".join(char if char.isalnum() else " " for char in folded).split())


def _without(normalized: str, words: frozenset[str]) -> str:
    """ "my content pipeline" -> "content pipeline"."""
    return " ".join(word for word in normalized.split() if word not in words)
