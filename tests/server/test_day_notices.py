"""A client that stays connected past midnight hears of the new day."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mcp_types import TextContent

from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.settings import Settings
from tests._support.http_application import client_with_headers, http_application
from tests._support.mcp_client import Connect, Peer

pytestmark = pytest.mark.anyio

ZONES = ("Etc/GMT+12", "Pacific/Kiritimati")
"""Their days are never the same."""


async def notices(peer: Peer) -> list[str]:
    """What the next result says below its own text."""
    result = await peer.call("list_teams")
    return [block.text for block in result.content[1:] if isinstance(block, TextContent)]


async def test_first_result_of_another_day_tells_the_date(
    connect: Connect, demo: str, time_zone: Callable[[str], None]
) -> None:
    time_zone(ZONES[0])
    async with connect(demo) as peer:
        assert await notices(peer) == []
        time_zone(ZONES[1])
        (notice,) = await notices(peer)
        assert notice.startswith("It is now ")
        assert notice.endswith(" (Pacific/Kiritimati, UTC+14:00).")
        assert await notices(peer) == []


@pytest.mark.parametrize(("mode", "is_told"), [("legacy", True), ("auto", False)])
async def test_client_over_http_is_told_where_it_has_a_session(
    demo: str, time_zone: Callable[[str], None], mode: str, is_told: bool
) -> None:
    time_zone(ZONES[0])
    async with (
        http_application(Settings(url=demo), HttpSettings()) as (url, _),
        client_with_headers(mode, url, {}) as first,
        client_with_headers(mode, url, {}) as second,
    ):
        time_zone(ZONES[1])
        for peer in (first, second):
            assert len(await notices(peer)) == is_told
            assert await notices(peer) == []
