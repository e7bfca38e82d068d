"""AgentOS's lists: `{data, meta}`, or a bare array from older versions and smaller endpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agentos_mcp.agentos.json_values import mapping, objects

Row = TypeVar("Row")

MAX_ROWS = 1_000
"""Of one page, whatever AgentOS was asked for: it is never asked for more."""


@dataclass(frozen=True)
class Page:
    """One page of a list. `meta` holds page, limit, total_pages and total_count, where AgentOS gives them."""

    rows: Sequence[Mapping[str, Any]]
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


def read_page(response: object) -> Page:
    """The page in a response; an empty one where there is none."""
    data = response.get("data") if isinstance(response, Mapping) else response
    return Page(objects(data)[:MAX_ROWS], mapping(mapping(response).get("meta")))


def slice_page(rows: Sequence[Row], limit: int, page: int) -> tuple[Sequence[Row], dict[str, int]]:
    """One page of rows that are all at hand, and its meta."""
    meta = {"page": page, "total_pages": -(-len(rows) // limit), "total_count": len(rows)}
    return rows[(page - 1) * limit : page * limit], meta
