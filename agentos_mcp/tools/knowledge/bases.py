"""Reads several knowledge bases at once, for a call that names none of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest
from typing import Any, Generic, TypeVar

from agentos_mcp.agentos.catalog import KnowledgeBase, display_id
from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.hints import Surface
from agentos_mcp.agentos.plain_text import as_name
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.tooling.markdown import one_line

Answer = TypeVar("Answer")
Passage = Mapping[str, Any]

MAX_BASES = 50
"""Of one call; the others are said not to have been read."""
MAX_MERGED_ROWS = 1_000
_MAX_CONCURRENT = 4
_MAX_NOTES = 5


@dataclass(frozen=True)
class Answers(Generic[Answer]):
    """What the knowledge bases answered, and the errors of those that did not."""

    by_base: Sequence[tuple[KnowledgeBase, Answer]]
    errors: Sequence[tuple[KnowledgeBase, AgentOSError]] = ()
    unread: int = 0

    def notes(self, surface: Surface) -> list[str]:
        """A line for each knowledge base that is missing in the result, and why."""
        notes = [
            f"{base_label(base)} could not be read: {one_line(error.render(surface))}"
            for base, error in self.errors[:_MAX_NOTES]
        ]
        missing = self.unread + max(0, len(self.errors) - _MAX_NOTES)
        return [*notes, f"{missing} other knowledge bases were not read."] if missing else notes

    def raise_first_error(self) -> None:
        for _, error in self.errors[:1]:
            raise error


async def read_bases(
    bases: Sequence[KnowledgeBase], read: Callable[[KnowledgeBase], Awaitable[Answer]]
) -> Answers[Answer]:
    """Read them all, a few at a time. Raises the first error where all fail."""

    async def attempt(base: KnowledgeBase) -> Answer | AgentOSError:
        try:
            return await read(base)
        except AgentOSError as error:
            return error

    chosen = bases[:MAX_BASES]
    results = await gather([partial(attempt, base) for base in chosen], max_concurrent=_MAX_CONCURRENT)
    pairs = list(zip(chosen, results, strict=True))
    errors = [(base, result) for base, result in pairs if isinstance(result, AgentOSError)]
    answers = Answers(
        [(base, result) for base, result in pairs if not isinstance(result, AgentOSError)],
        errors,
        len(bases) - len(chosen),
    )
    if not answers.by_base:
        answers.raise_first_error()
    return answers


def merge_passages(found: Sequence[tuple[KnowledgeBase, Sequence[Passage]]]) -> list[tuple[KnowledgeBase, Passage]]:
    """The passages of all, the best first: by their scores where all have one, else in turn from each base."""
    columns = [[(base, passage) for passage in passages] for base, passages in found]
    merged = [row for row in chain.from_iterable(zip_longest(*columns)) if row is not None]
    if len(columns) > 1 and all(isinstance(passage.get("reranking_score"), int | float) for _, passage in merged):
        merged.sort(key=lambda row: -row[1]["reranking_score"])
    return merged


def base_label(base: KnowledgeBase) -> str:
    """Its name as it may stand in our sentences."""
    return as_name(base.name or base.id)


def base_labels(bases: Iterable[KnowledgeBase]) -> dict[str, str]:
    """The labels of knowledge bases by their ids, all different: those of one name have their id beside it."""
    labels = {base.id: base_label(base) for base in bases}
    counts = Counter(labels.values())
    return {
        base_id: label if counts[label] == 1 else f"{label} ({display_id(base_id)})"
        for base_id, label in labels.items()
    }
