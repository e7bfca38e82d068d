"""Lists that AgentOS cannot limit to a period."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agentos_mcp.agentos.pagination import PERIOD_PAGE_SIZE, Page, read_period
from agentos_mcp.agentos.timestamps import Period

pytestmark = pytest.mark.anyio


def at(unix_seconds: int) -> datetime:
    return datetime.fromtimestamp(unix_seconds, UTC)


class NumberedRows:
    """A list of rows whose times are their numbers, newest first."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.pages_read = 0

    async def read(self, number: int) -> Page:
        self.pages_read += 1
        first = self.count - (number - 1) * PERIOD_PAGE_SIZE
        return Page([{"at": time} for time in range(first, max(first - PERIOD_PAGE_SIZE, 0), -1)])


@pytest.mark.parametrize(
    ("count", "period", "expected", "is_complete", "pages_read"),
    [
        (250, Period(at(140), at(142)), [142, 141, 140], True, 2),
        (250, Period(until=at(2)), [2, 1], True, 3),
        (250, Period(since=at(249)), [250, 249], True, 1),
        (0, Period(since=at(1)), [], True, 1),
        (5_000, Period(until=at(4_002)), [4_002, 4_001], False, 10),
    ],
)
async def test_read_period_reads_no_further_than_it_must(
    count: int, period: Period, expected: list[int], is_complete: bool, pages_read: int
) -> None:
    rows = NumberedRows(count)
    found, found_all = await read_period(rows.read, period, lambda row: row["at"])
    assert ([row["at"] for row in found], found_all) == (expected, is_complete)
    assert rows.pages_read == pages_read
