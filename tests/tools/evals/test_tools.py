from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import anyio
import httpx
import pytest

from tests._support.mcp_client import Connect, Peer
from tests._support.running_agentos import running_agentos

pytestmark = pytest.mark.anyio
ONE_ERA = True


@pytest.fixture(scope="module")
def judged() -> Iterator[str]:
    """An AgentOS whose agents answer, and judge when they are asked to."""
    with running_agentos(build="tests._support.agentos.evaluated:build") as url:
        yield url


def id_in(record: str) -> str:
    found = re.search(r"^eval: (\S+)$", record, re.MULTILINE)
    assert found, record
    return found[1]


async def stored(url: str, eval_id: str) -> Any:
    async with httpx.AsyncClient(base_url=url) as rest:
        return (await rest.get(f"/eval-runs/{eval_id}")).json()


def reliability(**more: Any) -> dict[str, Any]:
    return {"type": "reliability", "kind": "agent", "id": "tooler", "input": "q", "expected_tools": ["lookup"]} | more


async def run_reliability(peer: Peer, **more: Any) -> str:
    return await peer.text("run_eval", **reliability(**more))


class TestAccuracy:
    async def test_accuracy_compares_answers_by_the_agents_own_model(self, connect: Connect, judged: str) -> None:
        arguments = {"type": "accuracy", "kind": "agent", "id": "Fair Judge", "input": "a good thing"}
        async with connect(judged, toolsets=("evals",)) as peer:
            ran = await peer.text("run_eval", **arguments, expected_output="something good")
            read = await peer.text("get_eval", id=id_in(ran))
        assert ran.startswith("# accuracy: 9/10\n")
        assert "component: agent fair\nmodel: scripted\njudge: scripted\n" in ran
        assert "\nrun: agent/fair/eval_" in read
        for text in (ran, read):
            assert "expected:\n```\nsomething good\n```\nanswer:\n```\necho: a good thing\n```" in text
            assert "reason:\n```\nIt is good.\n```" in text
        assert (await stored(judged, id_in(ran)))["eval_data"]["avg_score"] == 9

    async def test_accuracy_shows_the_worst_of_many_answers(self, connect: Connect, judged: str) -> None:
        arguments = {"type": "accuracy", "kind": "agent", "id": "fair", "input": "bad", "expected_output": "x"}
        async with connect(judged, toolsets=("evals",)) as peer:
            ran = await peer.text("run_eval", **arguments, iterations=5)
        assert "answers judged: 5\nscores: 2/10 to 2/10" in ran
        assert "answer 3 of 5 (2/10):" in ran
        assert "answer 4 of 5" not in ran

    async def test_judge_without_a_usable_answer_is_an_error(self, connect: Connect, judged: str) -> None:
        arguments = {"type": "accuracy", "kind": "agent", "id": "echo", "input": "x", "expected_output": "x"}
        async with connect(judged, toolsets=("evals",)) as peer:
            error = await peer.error("run_eval", **arguments)
        assert error.startswith("No result: the agent failed, or its judge gave no usable answer.")
        assert error.endswith("try openai_judge=true.")

    async def test_agentos_without_openai_says_so_where_its_model_should_judge(
        self, connect: Connect, judged: str
    ) -> None:
        arguments = {"type": "accuracy", "kind": "agent", "id": "fair", "input": "x", "expected_output": "x"}
        async with connect(judged, toolsets=("evals",)) as peer:
            assert (await peer.error("run_eval", **arguments, openai_judge=True)).endswith("try openai_judge=false.")


class TestAgentAsJudge:
    async def judge(self, connect: Connect, url: str, **more: Any) -> str:
        arguments = {"type": "agent_as_judge", "kind": "agent", "id": "fair", "criteria": "it is sound"}
        async with connect(url, toolsets=("evals",)) as peer:
            return await peer.text("run_eval", **arguments, **more)

    async def test_judge_passes_or_fails_by_the_criteria(self, connect: Connect, judged: str) -> None:
        passed = await self.judge(connect, judged, input="a good thing")
        assert passed.startswith("# agent as judge: PASSED\n")
        assert "criteria:\n```\nit is sound\n```" in passed
        assert (await self.judge(connect, judged, input="a thing")).startswith("# agent as judge: FAILED\n")

    async def test_judge_gives_points_with_a_passing_score(self, connect: Connect, judged: str) -> None:
        assert "judge: PASSED (8/10)\n" in await self.judge(connect, judged, input="good", passing_score=8)
        failed = await self.judge(connect, judged, input="good", passing_score=9)
        assert "judge: FAILED (8/10)\n" in failed
        assert "passes from: 9/10" in failed

    async def test_judge_eval_is_named_after_its_component(self, connect: Connect, judged: str) -> None:
        eval_id = id_in(await self.judge(connect, judged, input="good"))
        async with connect(judged, toolsets=("evals",)) as peer:
            listed = await peer.text("list_evals", type="agent_as_judge", limit=100)
        row = next(line for line in listed.splitlines() if eval_id in line)
        assert "| agent_as_judge |" in row
        assert "| PASSED | agent fair |" in row
        assert (await stored(judged, eval_id))["agent_id"] is None


class TestEvaluatedRun:
    @pytest.mark.parametrize(
        ("arguments", "answer"),
        [
            ({"type": "reliability", "id": "tooler", "expected_tools": ["lookup"]}, "the tool said: honey"),
            ({"type": "agent_as_judge", "id": "fair", "criteria": "it is sound"}, "echo: a good thing 7"),
            ({"type": "performance", "id": "timed", "iterations": 2}, "echo: a good thing 7"),
        ],
        ids=lambda value: value["type"] if isinstance(value, dict) else "",
    )
    async def test_get_eval_shows_the_input_the_answer_and_the_run(
        self, connect: Connect, judged: str, arguments: dict[str, Any], answer: str
    ) -> None:
        async with connect(judged, toolsets=("evals", "runs")) as peer:
            ran = await peer.text("run_eval", kind="agent", input="a good thing 7", **arguments)
            read = await peer.text("get_eval", id=id_in(ran))
            assert "input:\n```\na good thing 7\n```" in read
            assert f"answer:\n```\n{answer}" in read
            assert "explain_run(run) shows how it went" in read
            found = re.search(r"^run: (\S+)$", read, re.MULTILINE)
            assert found, read
            assert answer in await peer.text("get_run", run=found[1])

    async def test_get_eval_names_no_run_where_two_may_be_meant(self, connect: Connect, judged: str) -> None:
        async with connect(judged, toolsets=("evals", "runs")) as peer:
            ran = await run_reliability(peer)
            await peer.text("run_agent", agent_id="tooler", message="another question")
            read = await peer.text("get_eval", id=id_in(await run_reliability(peer)))
        assert "\nrun: " not in read
        assert "eval: " in ran


class TestPerformance:
    async def test_teams_runs_are_timed(self, connect: Connect, judged: str) -> None:
        arguments = {"type": "performance", "kind": "team", "id": "pair", "input": "hello", "iterations": 3}
        async with connect(judged, toolsets=("evals",)) as peer:
            ran = await peer.text("run_eval", **arguments)
            read = await peer.text("get_eval", id=id_in(ran))
        assert re.match(r"# performance: \d+ ms on average\n", ran)
        assert ran.splitlines()[0] == read.splitlines()[0]
        for text in (ran, read):
            assert re.search(r"^runs: 3\nmin, median, p95, max: \d+ ms, \d+ ms, \d+ ms, \d+ ms$", text, re.MULTILINE)
        assert (await stored(judged, id_in(ran)))["team_id"] == "pair"


class TestReliability:
    async def test_reliability_passes_where_the_expected_tools_are_called(self, connect: Connect, judged: str) -> None:
        async with connect(judged, toolsets=("evals",)) as peer:
            ran = await run_reliability(peer, expected_arguments={"lookup": {"term": "honey"}})
        assert ran.startswith("# reliability: PASSED\n")
        assert 'tools expected: lookup\narguments expected: {"lookup": {"term": "honey"}}\ncalled: lookup' in ran

    async def test_reliability_shows_what_was_missing_and_what_was_wrong(self, connect: Connect, judged: str) -> None:
        expected_arguments = {"expected_tools": ["lookup", "sing"], "expected_arguments": {"lookup": {"term": "milk"}}}
        async with connect(judged, toolsets=("evals",)) as peer:
            ran = await run_reliability(peer, **expected_arguments)
        assert ran.startswith("# reliability: FAILED\n")
        assert "called: lookup\nmissing: sing\nwrong arguments: lookup\n" in ran

    async def test_tool_that_failed_counts_as_missing(self, connect: Connect, judged: str) -> None:
        async with connect(judged, toolsets=("evals",)) as peer:
            ran = await run_reliability(peer, id="fails", expected_tools=["explode"])
        assert "FAILED" in ran.splitlines()[0]
        assert "missing: explode" in ran

    async def test_reliability_may_expect_no_tool(self, connect: Connect, judged: str) -> None:
        async with connect(judged, toolsets=("evals",)) as peer:
            assert "PASSED" in await run_reliability(peer, id="echo", expected_tools=[])
            called = await run_reliability(peer, expected_tools=[])
            assert "FAILED" in called.splitlines()[0]
            assert "tools expected: none\nnot allowed: lookup" in called
            assert "PASSED" in await run_reliability(peer, expected_tools=[], allow_other_tools=True)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"type": "accuracy", "expected_tools": None}, "type=accuracy needs expected_output. It takes expected_output"),
        ({"type": "agent_as_judge", "expected_tools": None}, "type=agent_as_judge needs criteria. It takes criteria"),
        ({"expected_tools": None}, "type=reliability needs expected_tools. It takes expected_tools"),
        ({"criteria": "x"}, "criteria does not apply to type=reliability. It takes expected_tools"),
        ({"iterations": 3}, "iterations does not apply to type=reliability."),
        ({"type": "performance", "expected_tools": None, "iterations": 101}, "Iterations are from 1 to 100."),
        ({"type": "performance", "expected_tools": None, "iterations": 0}, "Iterations are from 1 to 100."),
        (
            {"type": "agent_as_judge", "expected_tools": None, "criteria": "x", "passing_score": 11},
            "A passing score is from 1 to 10.",
        ),
        ({"expected_arguments": {"lookup": "honey"}}, 'E.g. {"lookup": {"term": "honey"}}.'),
        ({"input": " "}, "The input is empty."),
        ({"name": "n" * 256}, "'name' has 256 characters, but at most 200 are allowed."),
        ({"id": "nobody"}, "No agent 'nobody'. There are: "),
        ({"kind": "workflow"}, "'kind': input should be 'agent' or 'team'"),
        ({"db_id": "other"}, "There is no database 'other' for this."),
    ],
)
async def test_run_eval_refuses_invalid_arguments_and_runs_nothing(
    connect: Connect, judged: str, more: dict[str, Any], expected: str
) -> None:
    async with connect(judged, toolsets=("evals",)) as peer:
        assert expected in await peer.error("run_eval", **({"name": "never"} | reliability(**more)))
        assert "| never |" not in await peer.text("list_evals", limit=100)


async def test_long_eval_is_listed_when_it_is_done(connect: Connect, judged: str, era: str) -> None:
    name = f"long-{era}"
    async with connect(judged, toolsets=("evals",), wait=0.5) as peer:
        arguments = {"type": "performance", "kind": "agent", "id": "slow", "input": "5 1.5", "name": name}
        text = await peer.text("run_eval", **arguments)
        assert text.startswith("# still running\n")
        assert text.endswith("list_evals shows it once it is done.")
        with anyio.fail_after(20):
            listed = ""
            while name not in listed:
                await anyio.sleep(0.2)
                listed = await peer.text("list_evals", kind="agent", id="slow")


async def test_list_evals_filters_by_type_and_component(connect: Connect, judged: str, era: str) -> None:
    async with connect(judged, toolsets=("evals",)) as peer:
        for number in range(3):
            await run_reliability(peer, name=f"listed-{number}-{era}")
        await peer.text("run_eval", type="performance", kind="team", id="pair", input="q", name=f"timed-{era}")
        mine = await peer.text("list_evals", kind="agent", id="tooler", type="reliability", limit=100)
        assert f"| reliability | agent tooler | PASSED | listed-0-{era} |" in mine
        assert f"timed-{era}" not in mine
        assert f"timed-{era}" in await peer.text("list_evals", kind="team", limit=100)
        assert "page=2 has more" in await peer.text("list_evals", limit=1)
        assert await peer.text("list_evals", kind="workflow") == "No such evals."
        assert f"timed-{era}" in await peer.text("list_evals", kind="team", since="today", until="now", limit=100)
        assert await peer.text("list_evals", until="yesterday") == "No such evals."
    async with httpx.AsyncClient(base_url=judged) as rest:
        query = {"agent_id": "tooler", "eval_types": "reliability", "limit": "100"}
        answer = (await rest.get("/eval-runs", params=query)).json()
    assert all(eval_type["id"] in mine for eval_type in answer["data"])
    assert len(mine) * 4 < len(json.dumps(answer))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"type": "beauty"}, "'type'"),
        ({"id": "nobody"}, "No component 'nobody'."),
        ({"kind": "team", "id": "nobody"}, "No team 'nobody'."),
        ({"db_id": "other"}, "There is no database 'other' for this."),
    ],
)
async def test_list_evals_refuses_invalid_arguments(
    connect: Connect, judged: str, arguments: dict[str, str], expected: str
) -> None:
    async with connect(judged, toolsets=("evals",)) as peer:
        assert expected in await peer.error("list_evals", **arguments)


async def test_eval_is_renamed(connect: Connect, judged: str, era: str) -> None:
    async with connect(judged, toolsets=("evals",)) as peer:
        eval_id = id_in(await run_reliability(peer, name=f"first-{era}"))
        assert await peer.text("rename_eval", id=eval_id, name=f"second-{era}") == "Renamed."
        assert f"name: second-{era}" in await peer.text("get_eval", id=eval_id)
    assert (await stored(judged, eval_id))["name"] == f"second-{era}"


async def test_delete_evals_deletes_all_or_none(connect: Connect, judged: str) -> None:
    async with connect(judged, toolsets=("evals",)) as peer:
        eval_id, two = [id_in(await run_reliability(peer)) for _ in range(2)]
        error = await peer.error("delete_evals", ids=[eval_id, "nope"])
        assert error == "Eval run with id 'nope' not found. Nothing was deleted. list_evals has the ids."
        assert eval_id in await peer.text("get_eval", id=eval_id)
        assert await peer.text("delete_evals", ids=[eval_id, two, eval_id]) == "Deleted 2 evals."
        assert "list_evals has the ids" in await peer.error("get_eval", id=eval_id)
    assert "not found" in (await stored(judged, two))["detail"]


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("get_eval", {"id": "nope"}, "Eval run with id 'nope' not found. list_evals has the ids."),
        ("get_eval", {"id": " "}, "The id is empty. list_evals has the ids."),
        ("rename_eval", {"id": "nope", "name": "x"}, "Eval run with id 'nope' not found. list_evals has the ids."),
        ("rename_eval", {"id": "nope", "name": " "}, "The name is empty. Give the new name."),
        ("delete_evals", {"ids": []}, "No ids are given. list_evals has the ids."),
        ("delete_evals", {"ids": ["a?b#c"]}, "Nothing was deleted."),
    ],
)
async def test_what_is_not_there_leads_to_what_is(
    connect: Connect, judged: str, tool: str, arguments: dict[str, Any], expected: str
) -> None:
    async with connect(judged, toolsets=("evals",)) as peer:
        assert expected in await peer.error(tool, **arguments)


async def test_list_evals_without_an_eval_says_how_to_make_one(connect: Connect) -> None:
    with running_agentos(build="tests._support.agentos.evaluated:build") as url:
        async with connect(url, toolsets=("evals",)) as peer:
            assert await peer.text("list_evals") == "No evals yet. run_eval makes one."
