"""Which connections requests use: streams are spread over pools, and come back to the shared one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack

import httpx2
import pytest

from agentos_mcp.agentos import connection_pools
from agentos_mcp.agentos.connection_pools import ConnectionPools

pytestmark = pytest.mark.anyio


@pytest.fixture
async def opened() -> AsyncIterator[list[httpx2.AsyncClient]]:
    """The clients that pools have opened."""
    clients: list[httpx2.AsyncClient] = []
    yield clients
    assert all(client.is_closed for client in clients)


def opening(opened: list[httpx2.AsyncClient]) -> ConnectionPools:
    def open_client(limits: httpx2.Limits) -> httpx2.AsyncClient:
        opened.append(httpx2.AsyncClient(limits=limits))
        return opened[-1]

    return ConnectionPools(open_client)


async def test_few_streams_share_the_pool_of_other_requests_and_more_have_others(
    opened: list[httpx2.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_pools, "STREAMS_PER_POOL", 2)
    pools = opening(opened)
    with ExitStack() as stack:
        first = ExitStack()
        used = [first.enter_context(pools.for_stream())]
        used += [stack.enter_context(pools.for_stream()) for _ in range(4)]
        assert [opened.index(client) for client in used] == [0, 0, 1, 1, 2]
        first.close()
        with pools.for_stream() as client:
            assert client is pools.shared
    assert len(opened) == 3
    await pools.aclose()


async def test_request_that_is_to_have_its_own_connection_has_its_own_pool(opened: list[httpx2.AsyncClient]) -> None:
    pools = opening(opened)
    assert pools.used_once is pools.used_once
    assert pools.used_once is not pools.shared
    await pools.aclose()
