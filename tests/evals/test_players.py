"""The players on the AgentOS of the evals, which is started once: a script, a model on loopback, and nobody at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import httpx
import pytest

from evals.__main__ import main
from evals.chat_endpoints import OpenAIEndpoint
from evals.checks import AgentOSReader, Outcome
from evals.players import ChatPlayer, ScriptedPlayer, fill_in
from evals.report import Report, make_report
from evals.requests import REQUESTS, FromResults
from evals.runner import play_requests, run_eval_agentos
from evals.transcript import Transcript
from tests._support.chat_endpoint import EndpointReply, ScriptedChatEndpoint, json_reply, scripted_chat_endpoint
from tests._support.running_agentos import running_agentos


@dataclass(frozen=True)
class PlayedEvals:
    problems_before: Mapping[str, list[str]]
    """What is wrong with each request's outcome before anybody did anything."""
    scripted: Report
    chat: Report
    chat_requests: ScriptedChatEndpoint


REPLIES = (
    json_reply(
        {
            "choices": [
                {
                    "message": {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [
                            {
                                "id": "call_1",
                                "type": "function",
                                "function": {
                                    "name": "list_knowledge",
                                    "arguments": json.dumps({"knowledge_id": "HR Handbook"}),
                                },
                            }
                        ],
                    }
                }
            ]
        }
    ),
    json_reply({"choices": [{"message": {"content": "Vacation, Parental leave and Expenses."}}]}),
)


async def play_everything(endpoint: ScriptedChatEndpoint) -> PlayedEvals:
    documents = [request for request in REQUESTS if request.id == "documents"]
    async with run_eval_agentos(running_agentos) as agentos, httpx.AsyncClient() as http:
        nothing = Outcome(Transcript("", (), ""), AgentOSReader(agentos.http), may_settle=False)
        problems_before = {
            request.id: [problem for check in request.checks if (problem := await check(nothing))]
            for request in REQUESTS
        }
        chat = ChatPlayer(OpenAIEndpoint(http, "tiny", endpoint.url))
        chat_played_requests = await play_requests(agentos, chat, documents)
        scripted = ScriptedPlayer(await agentos.component_kinds())
        scripted_requests = await play_requests(agentos, scripted, REQUESTS)
    return PlayedEvals(
        problems_before,
        make_report(scripted.name, "scripted", scripted_requests),
        make_report(chat.name, "chat", chat_played_requests),
        endpoint,
    )


@pytest.fixture(scope="module")
def played_evals() -> PlayedEvals:
    with scripted_chat_endpoint(REPLIES) as endpoint:
        return anyio.run(play_everything, endpoint)


def test_checks_find_something_wrong_where_nothing_was_done(played_evals: PlayedEvals) -> None:
    assert not [name for name, problems in played_evals.problems_before.items() if not problems]


def test_scripted_player_gets_every_outcome_right(played_evals: PlayedEvals) -> None:
    assert {row.id: row.problems for row in played_evals.scripted.rows if not row.right} == {}
    assert len(played_evals.scripted.rows) == 43


def test_scripted_player_keeps_the_bars(played_evals: PlayedEvals) -> None:
    assert played_evals.scripted.missed_bars() == []


def test_scripted_player_meets_no_error_but_where_a_name_fits_two(played_evals: PlayedEvals) -> None:
    assert [row.id for row in played_evals.scripted.rows if row.errors] == ["near-names"]


def test_report_counts_calls_and_tokens(played_evals: PlayedEvals) -> None:
    rows = {row.id: row for row in played_evals.scripted.rows}
    assert rows["docs"].calls == 1
    assert rows["approve"].calls == 3
    assert all(row.result_tokens > 3 for row in rows.values())
    assert rows["docs"].first_tool_is == "best"
    assert rows["docs"].acceptable_rank == 1


def test_chat_player_answers_by_the_tools_of_the_server(played_evals: PlayedEvals) -> None:
    [row] = played_evals.chat.rows
    assert (row.first_tool, row.first_tool_is, row.calls, row.errors) == ("list_knowledge", "best", 1, 0)
    assert row.right
    first, second = (request.body["messages"] for request in played_evals.chat_requests.requests)
    assert "This AgentOS" in first[0]["content"]
    assert "Parental leave" in second[-1]["content"]


@pytest.fixture
def forked_agentos(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command's AgentOS is a fork of a process that has imported agno."""
    monkeypatch.setattr("evals.__main__.run_eval_agentos", partial(run_eval_agentos, running_agentos))


@pytest.mark.usefixtures("forked_agentos")
def test_evals_command_plays_chosen_requests_and_writes_json(tmp_path: Path) -> None:
    output = tmp_path / "report.json"
    assert main(["agents", "docs", "--player", "scripted", "--output", str(output)]) == 0
    report = json.loads(output.read_text(encoding="utf-8"))
    assert [row["id"] for row in report["requests"]] == ["agents", "docs"]
    assert report["total"]["outcome_right"] == 2


@pytest.mark.usefixtures("forked_agentos")
def test_evals_command_says_why_an_endpoint_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with scripted_chat_endpoint([EndpointReply("no such key", 401)]) as endpoint:
        for name, value in {
            "EVALS_MODEL": "tiny",
            "ANTHROPIC_BASE_URL": endpoint.url,
            "ANTHROPIC_API_KEY": "a-key",
        }.items():
            monkeypatch.setenv(name, value)
        assert main(["agents", "--player", "anthropic"]) == 2
    complaint = f"{endpoint.url}/v1/messages cannot be used. HTTP 401: no such key"
    assert capsys.readouterr().err.strip() == complaint


def test_fill_in_takes_the_latest_result_that_matches() -> None:
    value = {FromResults(r"(key-\d)"): [FromResults(r"id=(\w+)"), 7]}
    assert fill_in(value, ["id=old key-1", "id=new"]) == {"key-1": ["new", 7]}


def test_fill_in_says_what_no_result_has() -> None:
    with pytest.raises(LookupError, match="key-"):
        fill_in(FromResults(r"(key-\d)"), ["nothing"])
