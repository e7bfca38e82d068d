"""Tools that delete or overwrite: the person is asked first, wherever the client can ask."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest
from mcp_types import ElicitRequestFormParams, ElicitResult

from agentos_mcp.settings import Settings
from agentos_mcp.tooling import elicitation
from agentos_mcp.tooling.mcp_tool import mcp_tool
from agentos_mcp.tooling.tool_spec import ToolSpec
from agentos_mcp.tools import TOOLSETS
from tests._support.mcp_client import Connect

pytestmark = pytest.mark.anyio

DESTRUCTIVE = [tool for toolset in TOOLSETS for tool in toolset.tools if tool.destructive]


class Asked:
    """A person who answers the one question with `result`, after `seconds`."""

    def __init__(self, result: ElicitResult, seconds: float = 0.0) -> None:
        self.questions: list[str] = []
        self._result = result
        self._seconds = seconds

    async def __call__(self, context: object, params: Any) -> ElicitResult:
        assert isinstance(params, ElicitRequestFormParams)
        self.questions.append(params.message)
        await anyio.sleep(self._seconds)
        return self._result


YES = ElicitResult(action="accept", content={"confirm": True})
UNTICKED = ElicitResult(action="accept", content={"confirm": False})
DECLINE = ElicitResult(action="decline")


async def a_memory(rest: httpx.AsyncClient) -> str:
    created = await rest.post("/memories", json={"memory": "To be forgotten", "user_id": "confirming"})
    return str(created.json()["memory_id"])


async def is_there(rest: httpx.AsyncClient, memory: str) -> bool:
    return (await rest.get(f"/memories/{memory}", params={"user_id": "confirming"})).status_code == 200


@pytest.mark.parametrize("declared", DESTRUCTIVE, ids=lambda declared: declared.name)
def test_tool_that_deletes_says_so_in_its_hints(declared: ToolSpec) -> None:
    hints = mcp_tool(declared, Settings()).annotations
    assert hints
    assert hints.destructive_hint
    assert not hints.read_only_hint


async def test_confirmation_accepted_deletes(connect: Connect, sample_agentos: str, rest: httpx.AsyncClient) -> None:
    person, memory = Asked(YES), await a_memory(rest)
    async with connect(sample_agentos, person=person, tools=("delete_memory",)) as peer:
        await peer.text("delete_memory", memory_id=memory)
    assert person.questions == [f'Delete memory?\n  memory_id: "{memory}"']
    assert not await is_there(rest, memory)


@pytest.mark.parametrize("answer", [UNTICKED, DECLINE], ids=["unticked", "declined"])
async def test_confirmation_declined_changes_nothing(
    connect: Connect,
    sample_agentos: str,
    rest: httpx.AsyncClient,
    answer: ElicitResult,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(elicitation, "MIN_READING_SECONDS", 0.0)
    memory = await a_memory(rest)
    async with connect(sample_agentos, person=Asked(answer), tools=("delete_memory",)) as peer:
        text = await peer.text("delete_memory", memory_id=memory)
    assert text == "Delete memory: the person said no. Nothing was done."
    assert await is_there(rest, memory)


async def test_client_that_declines_by_itself_is_told_how_to_continue(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient
) -> None:
    memory = await a_memory(rest)
    async with connect(sample_agentos, person=Asked(DECLINE), tools=("delete_memory",)) as peer:
        text = await peer.text("delete_memory", memory_id=memory)
    assert "nothing was done. The client answered by itself" in text
    assert "--ask false" in text
    assert await is_there(rest, memory)


async def test_confirmation_is_the_clients_own_where_nobody_can_be_asked(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient
) -> None:
    first, second, person = await a_memory(rest), await a_memory(rest), Asked(DECLINE)
    async with connect(sample_agentos, tools=("delete_memory",)) as peer:
        await peer.text("delete_memory", memory_id=first)
    async with connect(sample_agentos, person=person, tools=("delete_memory",), ask=False) as peer:
        await peer.text("delete_memory", memory_id=second)
    assert person.questions == []
    assert not await is_there(rest, first)
    assert not await is_there(rest, second)


async def test_confirmation_is_not_asked_for_a_preview(connect: Connect, sample_agentos: str) -> None:
    person = Asked(DECLINE)
    async with connect(sample_agentos, person=person, tools=("optimize_memories",)) as peer:
        await peer.call("optimize_memories", user_id="nobody-here")
        assert person.questions == []
        await peer.call("optimize_memories", user_id="nobody-here", apply=True)
    assert len(person.questions) == 1
