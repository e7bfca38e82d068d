"""A client of the AgentOS whose components take and give media, and fail in many ways."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
import pytest

from agentos_mcp.agentos.client import AgentOS


@pytest.fixture
async def client(media: str) -> AsyncIterator[AgentOS]:
    with anyio.fail_after(30):
        async with AgentOS(media) as agent_os:
            yield agent_os
