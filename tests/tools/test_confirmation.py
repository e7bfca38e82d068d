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
from tests._support.mcp_client import Connect, reference

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
    (question,) = person.questions
    lines = question.splitlines()
    assert lines[:3] == ["Delete memory?", '  memory: "To be forgotten"', '  user: "confirming"']
    assert lines[3].startswith('  updated: "20')
    assert lines[4:] == [f'  memory_id: "{memory}"']
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


async def test_confirmation_is_not_asked_for_a_preview(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    person = Asked(DECLINE)
    await rest.post("/memories", json={"memory": "Likes tea", "user_id": f"confirming-{era}"})
    async with connect(sample_agentos, person=person, tools=("optimize_memories",)) as peer:
        await peer.call("optimize_memories", user_id=f"confirming-{era}")
        assert person.questions == []
        await peer.call("optimize_memories", user_id=f"confirming-{era}", apply=True)
    (question,) = person.questions
    assert '\n  memories to replace: 1\n  memory 1: "Likes tea"\n' in question


async def test_confirmation_is_not_asked_where_nothing_would_be_done(connect: Connect, sample_agentos: str) -> None:
    person = Asked(DECLINE)
    async with connect(sample_agentos, person=person, toolsets=("all",)) as peer:
        run = reference(await peer.text("run_agent", agent_id="echo", message="hi"))
        assert "Nothing to cancel" in await peer.text("cancel_run", run=run)
        assert "has no memories" in await peer.error("optimize_memories", user_id="nobody-here", apply=True)
        assert "There is no memory" in await peer.error("delete_memory", memory_id="nothing-here")
    assert person.questions == []


async def asked_about(connect: Connect, url: str, tool: str, **arguments: Any) -> str:
    """What a person is asked before a tool does it; they decline."""
    person = Asked(DECLINE)
    async with connect(url, person=person, toolsets=("all",)) as peer:
        await peer.call(tool, **arguments)
    (question,) = person.questions
    return question


async def test_form_for_a_session_shows_its_name_its_first_words_and_its_user(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    session = f"asked-about-{era}"
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        await peer.text("run_agent", agent_id="echo", message="where is my parcel", session_id=session, user_id="ann")
        await peer.text("rename_session", session_id=session, name="The parcel")
    question = await asked_about(connect, sample_agentos, "delete_session", session_id=session)
    assert question.startswith(
        'Delete session?\n  name: "The parcel"\n  begins with: "where is my parcel"\n  runs: 1\n'
    )
    assert '  component: "agent echo"\n  user: "ann"\n  created: "20' in question
    assert f'session_id: "{session}"' in question


@pytest.mark.parametrize("tool", ["update_learning", "delete_learning"])
async def test_form_for_a_learning_shows_what_was_learned(
    connect: Connect, sample_agentos: str, era: str, tool: str
) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        content = {"decision": "ship on Friday", "reasoning": "it is done"}
        created = await peer.text(
            "create_learning", learning_type="decision_log", content=content, user_id=f"{tool}-{era}"
        )
    learning = created.rpartition(" ")[2].rstrip(".")
    more = {"content": {"decision": "ship on Monday"}} if tool == "update_learning" else {}
    question = await asked_about(connect, sample_agentos, tool, learning_id=learning, **more)
    assert '  type: "decision_log"\n' in question
    assert f"{tool}-{era}" in question
    assert "ship on Friday" in question
    assert "ship on Monday" in question or not more


async def test_form_for_a_content_shows_its_name_and_when_it_came(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        listed = await peer.text("list_knowledge")
    content = next(line for line in listed.splitlines() if "giraffe" in line).split(" | ")[0].removeprefix("| ")
    question = await asked_about(connect, sample_agentos, "delete_knowledge", content_id=content)
    assert question.startswith('Delete knowledge?\n  name: "giraffe"\n')
    assert '  knowledge base: "Sample Facts"\n' in question
    assert "kind=mammal" in question


async def test_form_for_evals_shows_each_with_its_result(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        made = await peer.text(
            "run_eval",
            type="reliability",
            kind="agent",
            id="tooler",
            input="q",
            expected_tools=["lookup"],
            name="daily",
        )
    eval_id = next(line for line in made.splitlines() if line.startswith("eval: ")).removeprefix("eval: ")
    question = await asked_about(connect, sample_agentos, "delete_evals", ids=[eval_id])
    assert question.startswith('Delete evals?\n  eval 1: "reliability of agent tooler: PASSED, daily, 20')


async def test_form_for_a_schedule_shows_what_it_runs_and_when(connect: Connect, sample_agentos: str, era: str) -> None:
    name = f"asked-about-{era}"
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        await peer.text(
            "create_schedule", name=name, cron="0 9 1 1 *", kind="agent", id="echo", message="first line\nsecond line"
        )
    question = await asked_about(connect, sample_agentos, "delete_schedule", schedule=name)
    assert f'Delete schedule?\n  name: "{name}"\n  runs: "agent echo"\n' in question
    assert "  message:\n  > first line\n  > second line\n" in question
    assert "0 9 1 1 *" in question


async def test_form_for_an_endpoint_shows_what_would_be_called(connect: Connect, sample_agentos: str) -> None:
    arguments = {"name": "refresh", "cron": "0 9 1 1 *", "endpoint": "/metrics/refresh"}
    question = await asked_about(connect, sample_agentos, "create_schedule", **arguments)
    assert question.startswith('Create schedule?\n  calls: "POST /metrics/refresh"\n')


async def test_form_for_a_running_run_shows_its_input(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        run = reference(await peer.text("run_agent", agent_id="slow", message="80 8", user_id="ann", wait=0.5))
        question = await asked_about(connect, sample_agentos, "cancel_run", run=run)
        await peer.text("cancel_run", run=run)
    assert question.startswith('Cancel run?\n  component: "agent slow"\n  input: "80 8"\n  status: "running"\n')
    assert '  user: "ann"\n' in question


def test_every_destructive_tool_says_in_the_form_what_it_is_about() -> None:
    assert not [tool.name for tool in DESTRUCTIVE if tool.details is None]
