"""Runs through MCP, in both protocol eras, against a live AgentOS."""

from __future__ import annotations

import json
import re
from itertools import pairwise

import anyio
import httpx
import pytest

from agentos_mcp.runs.result import RULE
from tests._support.fault_proxy import proxy_to
from tests._support.http_answers import http_json
from tests._support.mcp_client import Connect, ProgressRecorder, reference, words
from tests._support.stored_runs import ends_as
from tests._support.stores import Store, start_elsewhere
from tests.conftest import KEY

pytestmark = pytest.mark.anyio


@pytest.fixture
def sample_agentos(store: Store) -> str:
    return store.sample_agentos


async def test_workflow_is_found_by_name_and_its_steps_are_seen(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        result, text = await peer.watch("run_workflow", workflow_id="my slow steps", message="go")
    assert result.startswith("i j k l m n o p\n--- agentos-mcp\ncompleted · ")
    assert reference(result).startswith("workflow/slow-steps/")
    assert any(message.startswith("1/2 one") for message in text.messages)
    assert any(message.startswith("2/2 two") for message in text.messages)
    values = [value for value, _, _ in text.heard]
    assert all(later > earlier for earlier, later in pairwise(values))
    assert {total for _, total, _ in text.heard} == {2.0}
    assert values[-1] == 2.0


async def test_call_without_a_progress_token_gets_no_progress(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert (await peer.text("run_agent", agent_id="Echo", message="hi")).startswith("echo: hi\n")


async def test_tool_call_is_seen_while_it_runs(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        _, result = await peer.watch("run_team", team_id="pair", message="write")
    assert "calling delegate_task_to_member" in " ".join(result.messages) or "Team Writer" in " ".join(result.messages)


async def test_run_arguments_are_all_passed_on(connect: Connect, sample_agentos: str, rest: httpx.AsyncClient) -> None:
    async with connect(sample_agentos) as peer:
        result = await peer.text(
            "run_agent",
            agent_id="echo",
            message="hi",
            session_id="kept-session",
            user_id="ann",
            session_state={"mood": "good"},
            dependencies={"robot": "Anna"},
            metadata={"why": "test"},
            knowledge_filters={"kind": "bird"},
        )
    _, _, session, run = reference(result).split("/")
    stored = (await rest.get(f"/agents/echo/runs/{run}", params={"session_id": session})).json()
    assert session == "kept-session"
    assert stored["session_state"]["mood"] == "good"
    assert stored["metadata"]["why"] == "test"
    sessions = (await rest.get("/sessions", params={"type": "agent", "user_id": "ann"})).json()
    assert [one["session_id"] for one in sessions["data"]] == ["kept-session"]


async def test_json_argument_given_as_text_is_read(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient
) -> None:
    async with connect(sample_agentos) as peer:
        result = await peer.text("run_agent", agent_id="echo", message='{"a": 1}', metadata='{"why": "text"}')
    assert result.startswith('echo: {"a": 1}')
    _, _, session, run = reference(result).split("/")
    stored = (await rest.get(f"/agents/echo/runs/{run}", params={"session_id": session})).json()
    assert stored["metadata"]["why"] == "text"


@pytest.mark.parametrize("name", ["session_state", "dependencies", "metadata", "knowledge_filters"])
@pytest.mark.parametrize("value", ["{bad json", "[1", "5"])
async def test_json_argument_that_is_invalid_is_refused_before_it_is_sent(
    connect: Connect, sample_agentos: str, name: str, value: str
) -> None:
    async with connect(sample_agentos) as peer:
        error = await peer.error("run_agent", agent_id="echo", message="hi", **{name: value})
    assert f"'{name}'" in error
    assert "JSON object" in error


async def test_argument_that_does_not_exist_is_refused_with_those_that_do(
    connect: Connect, sample_agentos: str
) -> None:
    async with connect(sample_agentos) as peer:
        error = await peer.error("run_workflow", workflow_id="three-steps", message="x", topic="tea")
    assert error.startswith("run_workflow has no argument 'topic'. run_workflow takes workflow_id (required), message")


async def test_missing_argument_is_named(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert (await peer.error("run_agent", agent_id="echo")).startswith("'message' is missing.")


@pytest.mark.parametrize("message", ["", "  "])
async def test_empty_message_is_refused(connect: Connect, sample_agentos: str, message: str) -> None:
    async with connect(sample_agentos) as peer:
        assert "The message is empty" in await peer.error("run_agent", agent_id="echo", message=message)


async def test_unknown_component_says_what_was_meant(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert "use run_workflow" in await peer.error("run_agent", agent_id="three-steps", message="x")
        assert "could be 2 agents" in await peer.error("run_agent", agent_id="twin agent", message="x")


async def test_tool_that_does_not_exist_names_one_like_it(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert "Did you mean run_workflow?" in await peer.error("run_workflows")


async def test_failing_model_is_an_error_with_its_words(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        error = await peer.error("run_agent", agent_id="broken", message="x")
    assert "failed: the provider is out of tokens" in error
    assert "run: agent/broken/" in error


async def test_workflow_with_a_failing_step_names_it(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        text = await peer.text("run_workflow", workflow_id="skips-failure", message="x")
        assert "completed, but 1 of 2 steps failed" in text
        assert "failed step bad:" in text
        assert "failed in step bad" in await peer.error("run_workflow", workflow_id="fails", message="x")


async def test_paused_run_says_that_it_waits(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert "paused: it waits for" in await peer.text("run_agent", agent_id="confirmer", message="x")


async def test_factory_takes_its_input_and_refuses_a_bad_one(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        answer = await peer.text("run_workflow", workflow_id="launch", message="x", factory_input={"product": "tea"})
        assert answer.startswith("launching tea for everyone")
        assert "product" in await peer.error("run_workflow", workflow_id="launch", message="x", factory_input={"a": 1})


@pytest.mark.parametrize("id", ["a?b#c", "100%", "日本", "..", "a b&c=d"])
async def test_hostile_id_runs_its_own_agent_and_its_reference_works(
    connect: Connect, sample_agentos: str, id: str
) -> None:
    async with connect(sample_agentos) as peer:
        result = await peer.text("run_agent", agent_id=id, message="x")
        assert result.startswith("echo: x")
        assert (await peer.text("get_run", run=reference(result))).startswith("echo: x")


async def test_long_answer_is_read_piece_by_piece(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, result_tokens=500) as peer:
        first = await peer.text("run_agent", agent_id="big", message="5")
        assert f"\n{RULE}\n2,999 more characters: get_run with offset=2000\n" in first
        second = await peer.text("get_run", run=reference(first), offset=2000)
        assert "get_run with offset=4000" in second
        last = await peer.text("get_run", run=reference(first), offset=4000)
        assert "more characters" not in last


@pytest.mark.without_queue(reason="slow, and what is shown of an answer is the same")
@pytest.mark.parametrize("structured_output", [False, True], ids=["text", "data"])
@pytest.mark.parametrize("letter", ["x", "茶"])
async def test_run_result_keeps_within_what_codex_shows_its_model_and_their_pieces_are_the_whole(
    connect: Connect, sample_agentos: str, letter: str, structured_output: bool
) -> None:
    async with connect(sample_agentos, result_tokens=50_000) as peer:
        first = await peer.text("run_agent", agent_id="big", message=f"24 {letter}")
    whole = first.partition(f"\n{RULE}\n")[0]
    pieces: list[str] = []
    async with connect(
        sample_agentos, client_name="codex-mcp-client", structured_output=structured_output, result_tokens=50_000
    ) as peer:
        offset = 0
        while True:
            result = await peer.call("get_run", run=reference(first), offset=offset)
            assert len(words(result).encode()) <= 10_000
            assert len(json.dumps(result.structured_content, ensure_ascii=False).encode()) <= 10_000
            piece, _, about = words(result).partition(f"\n{RULE}\n")
            if structured_output:
                assert result.structured_content is not None
                piece, about = result.structured_content["answer"], " ".join(result.structured_content["facts"])
            pieces.append(piece)
            if (more := re.search(r"get_run with offset=(\d+)", about)) is None:
                break
            offset = int(more[1])
    assert len(pieces) > 2
    assert "".join(pieces) == whole


async def test_get_run_follows_a_run_that_is_still_running(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient
) -> None:
    async with connect(sample_agentos) as peer:
        ref = await start_elsewhere(rest, "agent", "slow", "20 1", "s-follow")
        answer = await peer.text("get_run", run=str(ref))
    assert answer.startswith("w0 w1")


async def test_get_run_says_what_a_reference_is(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert "is not a run reference" in await peer.error("get_run", run="my last run")
        assert "Run not found" in await peer.error("get_run", run="agent/echo/no/no")


async def test_cancelled_call_cancels_the_run_on_agentos(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    session = f"cancelled-{era}"
    heard = anyio.Event()

    class Listening(ProgressRecorder):
        async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
            heard.set()

    async with connect(sample_agentos) as peer, anyio.create_task_group() as tasks:

        async def call() -> None:
            await peer.listen(Listening(), "run_agent", agent_id="slow", message="200 20", session_id=session)

        tasks.start_soon(call)
        await heard.wait()
        tasks.cancel_scope.cancel()
    assert await ends_as(rest, "agents/slow", session) == "CANCELLED"


async def test_cancel_run_ends_the_run_and_says_so(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    async with connect(sample_agentos) as peer:
        run = await start_and_leave(rest, "agents/slow", "200 20", session_id=f"c-{era}", run_id=f"c-{era}")
        text = await peer.text("cancel_run", run=f"agent/slow/c-{era}/{run}")
        assert text == f"Cancelled.\nrun: agent/slow/c-{era}/{run}"
        assert await ends_as(rest, "agents/slow", f"c-{era}") == "CANCELLED"
        ended = await peer.text("cancel_run", run=f"agent/slow/c-{era}/{run}")
        assert ended.startswith("Nothing to cancel: agent slow was cancelled")


async def test_cancel_run_ends_a_run_that_agentos_has_begun_and_not_stored_yet(
    connect: Connect, sample_agentos: str
) -> None:
    unstored = [http_json({"detail": "Run not found"}, 404)]

    def answer(line: bytes) -> bytes | None:
        return unstored.pop() if unstored and line.startswith(b"GET /agents/slow/runs/") else None

    async with proxy_to(sample_agentos) as proxy, connect(proxy.url) as peer:
        run = reference(await peer.text("run_agent", agent_id="slow", message="200 20", wait=0))
        proxy.answer = answer
        assert await peer.text("cancel_run", run=run) == f"Cancelled.\nrun: {run}"
    assert not unstored


async def test_cancel_run_of_an_ended_run_says_what_it_was_and_when_it_ended(
    connect: Connect, sample_agentos: str
) -> None:
    async with connect(sample_agentos) as peer:
        run = reference(await peer.text("run_agent", agent_id="echo", message="many words"))
        text = await peer.text("cancel_run", run=run)
    assert re.fullmatch(
        rf"Nothing to cancel: agent echo completed at 20\d\d-\d\d-\d\d \d\d:\d\d UTC\.\nrun: {run}", text
    )


async def test_words_of_a_running_run_are_marked_as_a_preview(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, structured_output=True) as peer:
        started = await peer.call("run_agent", agent_id="slow", message="60 6", wait=1.5)
        again = await peer.call("get_run", run=reference(words(started)), wait=0.5)
        await peer.text("cancel_run", run=reference(words(started)))
    for result in (started, again):
        first, preview, *_ = words(result).splitlines()
        assert first == "Still running: working"
        assert re.fullmatch(r'So far \(a preview, not the answer\): "…(w\d+ )*w?\d*…"', preview)
        assert result.structured_content
        assert "answer" not in result.structured_content
        assert "w1" in result.structured_content["so_far"]


async def test_cancel_run_says_that_a_call_in_progress_is_waited_out(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos_mcp.tools.runs._CANCEL_WAIT_SECONDS", 0.3)
    async with connect(sample_agentos) as peer:
        ref = await start_elsewhere(rest, "agent", "thinker", "3", f"w-{era}")
        text = await peer.text("cancel_run", run=str(ref))
    assert text.startswith("Cancelling: it stops when")


async def test_cancel_run_of_a_paused_run_says_when_it_takes_effect(
    connect: Connect, store: Store, sample_agentos: str
) -> None:
    async with connect(sample_agentos) as peer:
        paused = await peer.text("run_agent", agent_id="confirmer", message="x")
        text = await peer.text("cancel_run", run=reference(paused))
    assert ("Cancelled.\n" if store.queued else "as soon as it is continued") in text  # a queue does it at once


async def test_cancel_run_of_an_unknown_run_is_an_error(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert "Run not found" in await peer.error("cancel_run", run="agent/slow/none/none")


async def test_agentos_that_is_down_says_what_to_do(connect: Connect) -> None:
    async with connect("http://127.0.0.1:9") as peer:
        error = await peer.error("run_agent", agent_id="echo", message="x")
    assert "No AgentOS answers at http://127.0.0.1:9. Start it, or set AGENTOS_URL" in error


async def test_wrong_token_says_so_and_a_right_one_works(connect: Connect, locked_agentos: str) -> None:
    from agentos_mcp.settings import Token

    async with connect(locked_agentos, token=Token("wrong")) as peer:
        assert "refuses the token" in await peer.error("run_agent", agent_id="echo", message="x")
    async with connect(locked_agentos) as peer:
        assert "--token-file PATH" in await peer.error("list_agents")
    async with connect(locked_agentos, token=Token(KEY)) as peer:
        assert (await peer.text("run_agent", agent_id="echo", message="x")).startswith("echo: x")


async def test_run_without_a_database_works_and_says_what_that_means(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos) as peer:
        text = await peer.text("run_agent", agent_id="echo", message="x")
    assert text.startswith("echo: x\n--- agentos-mcp\ncompleted")
    assert "it has no database" in text


async def start_and_leave(rest: httpx.AsyncClient, component: str, message: str, **ids: str) -> str:
    """Start a background run as another client would, and hang up once its stream has named it; its id."""
    form = {"message": message, "background": "true", "stream": "true", **ids}
    async with rest.stream("POST", f"/{component}/runs", data=form) as response:
        async for line in response.aiter_lines():
            if line.startswith("data:"):
                return str(json.loads(line[5:])["run_id"])
    raise AssertionError("the stream named no run")


async def test_completed_run_tells_which_tool_call_failed_and_what_explains_it(
    connect: Connect, sample_agentos: str
) -> None:
    async with connect(sample_agentos) as peer:
        text = await peer.text("run_agent", agent_id="toolfail", message="try")
        run = reference(text)
        again = await peer.text("get_run", run=run)
    for told in (text, again):
        _, _, facts = told.partition("--- agentos-mcp\n")
        assert re.fullmatch(
            r"completed, but 1 tool call failed.*\nfailed tool explode: boom: bad day\n"
            rf"explain_run.* says why\.\nFor the user, as a page: `agentos-mcp view .*`\nrun: {run}",
            facts,
        )
