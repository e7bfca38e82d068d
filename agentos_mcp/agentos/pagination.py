"""AgentOS's lists: `{data, meta}`, or a bare array from older versions and smaller endpoints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agentos_mcp.agentos.json_values import mapping, objects
from agentos_mcp.agentos.timestamps import Period, parse_timestamp

Row = TypeVar("Row")

MAX_ROWS = 1_000
"""Of one page, whatever AgentOS was asked for: it is never asked for more."""
PERIOD_PAGE_SIZE = 100
_MAX_PERIOD_PAGES = 10


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


async def read_period(
    read: Callable[[int], Awaitable[Page]], period: Period, time_of: Callable[[Mapping[str, Any]], object]
) -> tuple[list[Mapping[str, Any]], bool]:
    """The rows of a period, of a list that AgentOS cannot limit to one, and whether they are all of them.

    `read` reads a page of PERIOD_PAGE_SIZE rows by its number, from 1; `time_of` gives a row's time, by which the list
    is sorted, newest first. The newest 1,000 rows are looked at, which `period_note` tells.
    """
    rows: list[Mapping[str, Any]] = []
    for number in range(1, _MAX_PERIOD_PAGES + 1):
        page = await read(number)
        for row in page:
            moment = parse_timestamp(time_of(row))
            if moment is not None and period.is_before(moment):
                return rows, True
            if period.contains(time_of(row)):
                rows.append(row)
        if len(page) < PERIOD_PAGE_SIZE:
            return rows, True
    return rows, False


def period_note(things: str, is_complete: bool) -> str:
    """What to say below the rows that `read_period` found; '' where they are all of them."""
    if is_complete:
        return ""
    return f"Only the newest {PERIOD_PAGE_SIZE * _MAX_PERIOD_PAGES:,} {things} were looked through."
