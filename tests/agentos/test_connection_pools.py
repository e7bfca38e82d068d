"""Which connections requests use: streams are spread over pools, and come back to the shared one."""

from __future__ import annotations

from contextlib import ExitStack

import httpx2
import pytest

from agentos_mcp.agentos import connection_pools
from agentos_mcp.agentos.connection_pools import ConnectionPools

pytestmark = pytest.mark.anyio


def opening(opened: list[httpx2.AsyncClient]) -> ConnectionPools:
    def open_client(limits: httpx2.Limits) -> httpx2.AsyncClient:
        opened.append(httpx2.AsyncClient(limits=limits))
        return opened[-1]

    return ConnectionPools(open_client)


async def test_few_streams_share_the_pool_of_other_requests_and_more_have_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection_pools, "STREAMS_PER_POOL", 2)
    opened: list[httpx2.AsyncClient] = []
    pools = opening(opened)
    with ExitStack() as stack:
        first = ExitStack()
        used = [first.enter_context(pools.for_stream())]
        used += [stack.enter_context(pools.for_stream()) for _ in range(4)]
        assert [opened.index(client) for client in used] == [0, 0, 1, 1, 2]
        first.close()
        with pools.for_stream() as client:
            assert client is pools.shared
        used += [stack.enter_context(pools.for_stream()) for _ in range(2)]
        assert [opened.index(client) for client in used[-2:]] == [0, 2]
    assert len(opened) == 3
    with ExitStack() as stack:
        used = [stack.enter_context(pools.for_stream()) for _ in range(3)]
        assert [opened.index(client) for client in used] == [0, 0, 3], "a pool goes with its last stream"
    await pools.aclose()
    assert pools.shared.is_closed


async def test_request_that_is_to_have_its_own_connection_has_its_own_pool() -> None:
    opened: list[httpx2.AsyncClient] = []
    pools = opening(opened)
    assert pools.used_once is pools.used_once
    assert pools.used_once is not pools.shared
    await pools.aclose()
    assert [client.is_closed for client in opened] == [True, True]
