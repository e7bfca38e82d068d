"""What a client carries between the rounds of a question: forged, moved elsewhere or replayed, it does nothing."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp.client.client import Client
from mcp.server.request_state import AESGCMRequestStateCodec, _request_identity
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, ElicitResult, InputRequiredResult, InputResponses

from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.server.build import build_server, request_state_security
from agentos_mcp.settings import Settings, SettingsError, Token
from agentos_mcp.settings.options import load
from agentos_mcp.tooling import elicitation
from tests._support.mcp_client import connector, reference, words
from tests._support.paused_runs import done, waiting

pytestmark = pytest.mark.anyio

SECRET = "a secret of the tests, known to them alone: 1f2e3d"


@pytest.fixture
def tag() -> str:
    return f"tag-{uuid.uuid4().hex[:10]}"


class RoundClient:
    """A modern client that sees and sends each round of a call itself."""

    def __init__(self, client: Client) -> None:
        self._session = client.session

    async def ask(self, tool: str, /, **arguments: Any) -> InputRequiredResult:
        """The first round, which has to be a question."""
        question = await self.answer(tool, arguments)
        assert isinstance(question, InputRequiredResult), words(question)
        assert question.request_state
        return question

    async def answer(
        self, tool: str, arguments: Mapping[str, Any], state: str | None = None, responses: InputResponses | None = None
    ) -> CallToolResult | InputRequiredResult:
        return await self._session.call_tool(
            tool, dict(arguments), input_responses=responses, request_state=state, allow_input_required=True
        )

    async def refused(
        self, tool: str, arguments: Mapping[str, Any], state: str | None, responses: InputResponses | None
    ) -> str:
        """The words of a round that has to fail."""
        try:
            result = await self.answer(tool, arguments, state, responses)
        except MCPError as refusal:
            return refusal.error.message
        assert isinstance(result, CallToolResult)
        assert result.is_error, words(result)
        return words(result)


@asynccontextmanager
async def round_client(url: str, **settings: Any) -> AsyncIterator[RoundClient]:
    async with Client(build_server(Settings(url=url, **settings)), elicitation_callback=refuse_elicitation) as client:
        yield RoundClient(client)


async def refuse_elicitation(context: object, params: Any) -> ElicitResult:
    raise AssertionError("each round is made by hand here")


def accept(question: InputRequiredResult, field: str = "approve") -> InputResponses:
    return {key: ElicitResult(action="accept", content={field: True}) for key in question.input_requests or {}}


async def paused(url: str, tag: str, agent: str = "deployer", user: str = "") -> tuple[str, InputResponses]:
    """The reference of a run that somebody else has started, and the answers that would approve it."""
    async with connector("auto")(url) as peer:
        run = reference(await peer.text("run_agent", agent_id=agent, message=f"do it, {tag}", user_id=user))
    questions = await waiting(url, RunRef.parse(run))
    return run, {question.key: ElicitResult(action="accept", content={"approve": True}) for question in questions}


def sealed(
    key: bytes, tool: str, arguments: Mapping[str, Any], round_state: Mapping[str, Any], *, audience: str | None
) -> str:
    """A state as the SDK seals it, by whoever has the key."""
    target, digest = _request_identity("tools/call", {"name": tool, "arguments": dict(arguments)})
    now = time.time()
    claims = {"v": 1, "iat": now, "exp": now + 600, "m": "tools/call", "t": target, "a": digest}
    claims |= {"s": json.dumps(round_state), "aud": audience}
    return AESGCMRequestStateCodec([key]).seal(json.dumps(claims).encode())


def round_state_of(run: str, responses: InputResponses) -> dict[str, Any]:
    return {"run": run, "asked": list(responses), "at": time.time() - 10, "progress": 0.0}


# Forged


@pytest.mark.parametrize("token", ["", "a-token-of-agentos"])
async def test_state_sealed_with_a_guessable_key_approves_nothing(
    pausing: str, ledger: Path, tag: str, token: str
) -> None:
    run, responses = await paused(pausing, tag)
    guessed_key = hashlib.sha256(f"agentos-mcp\0{pausing}\0{token}".encode()).digest()
    arguments = {"agent_id": "deployer", "message": "anything"}
    settings = Settings(url=pausing, token=Token(token))
    for audience in ("agentos-mcp", request_state_security(settings).audience):
        forged = sealed(guessed_key, "run_agent", arguments, round_state_of(run, responses), audience=audience)
        async with round_client(pausing, tools=("run_agent",), token=Token(token)) as client:
            message = await client.refused("run_agent", arguments, forged, responses)
        assert message.startswith("Nothing was done: the answer belongs to no question")
    assert done(ledger, "deploy", tag) == 0


async def test_state_that_is_invented_or_changed_does_nothing(pausing: str, ledger: Path, tag: str) -> None:
    arguments = {"agent_id": "deployer", "message": f"do it, {tag}"}
    async with round_client(pausing) as client:
        question = await client.ask("run_agent", **arguments)
        valid_state = question.request_state or ""
        middle = len(valid_state) // 2
        swapped = valid_state[:middle] + ("A" if valid_state[middle] != "A" else "B") + valid_state[middle + 1 :]
        for state in (
            "{}",
            json.dumps({"run": "x"}),
            "v1.",
            "v1.AAAA",
            valid_state[:-4],
            valid_state + "AAAA",
            swapped,
            "x" * 100_000,
        ):
            message = await client.refused("run_agent", arguments, state, accept(question))
            assert "list_runs(status='paused') finds it" in message
        assert done(ledger, "deploy", tag) == 0
        result = await client.answer("run_agent", arguments, valid_state, accept(question))
        assert isinstance(result, CallToolResult)
        assert not result.is_error
    assert done(ledger, "deploy", tag) == 1


# Moved elsewhere


async def test_state_is_accepted_only_by_the_call_that_asked(pausing: str, ledger: Path, tag: str) -> None:
    arguments = {"agent_id": "deployer", "message": f"do it, {tag}"}
    async with round_client(pausing, expose=(("agents", "deployer"),)) as client:
        question = await client.ask("run_agent", **arguments)
        for tool, other_arguments in (
            ("run_agent", arguments | {"message": "something else"}),
            ("run_agent", arguments | {"agent_id": "twice"}),
            ("run_team", {"team_id": "boss", "message": f"do it, {tag}"}),
            ("deployer", {"message": f"do it, {tag}"}),
            ("cancel_run", {"run": "agent/deployer/a/b"}),
            ("continue_run", {"run": "agent/deployer/a/b"}),
        ):
            message = await client.refused(tool, other_arguments, question.request_state, accept(question))
            assert message.startswith("Nothing was done"), message
    assert done(ledger, "deploy", tag) == 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {}),
        ({"state_secret": Token(SECRET)}, {"state_secret": Token(SECRET + "!")}),
        ({"state_secret": Token(SECRET)}, {"state_secret": Token(SECRET), "user_id": "bob"}),
        ({"state_secret": Token(SECRET), "user_id": "alice"}, {"state_secret": Token(SECRET), "user_id": "bob"}),
        ({"state_secret": Token(SECRET), "user_id": "alice"}, {"state_secret": Token(SECRET)}),
    ],
    ids=["no secret", "another secret", "a server for one user", "a server for another user", "a server for all"],
)
async def test_state_of_another_server_does_nothing(
    pausing: str, ledger: Path, tag: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    arguments = {"agent_id": "deployer", "message": f"do it, {tag}"}
    async with round_client(pausing, **first) as client:
        question = await client.ask("run_agent", **arguments)
    async with round_client(pausing, **second) as another:
        message = await another.refused("run_agent", arguments, question.request_state, accept(question))
    assert "--state-secret-file keeps questions across restarts" in message
    assert "continue_run(run) answers it" in message
    assert done(ledger, "deploy", tag) == 0


async def test_replica_with_the_same_secret_accepts_the_answer(pausing: str, ledger: Path, tag: str) -> None:
    arguments = {"agent_id": "deployer", "message": f"do it, {tag}"}
    async with round_client(pausing, state_secret=Token(SECRET)) as client:
        question = await client.ask("run_agent", **arguments)
    async with round_client(pausing, state_secret=Token(SECRET)) as another:
        result = await another.answer("run_agent", arguments, question.request_state, accept(question))
    assert isinstance(result, CallToolResult)
    assert not result.is_error
    assert done(ledger, "deploy", tag) == 1


# Even with the key a state allows no more than a call would


async def test_state_does_not_reach_the_run_of_another_component(pausing: str, ledger: Path, tag: str) -> None:
    run, responses = await paused(pausing, tag)
    audience = request_state_security(Settings(url=pausing)).audience
    async with round_client(pausing, state_secret=Token(SECRET), expose=(("agents", "twice"),)) as client:
        for tool, arguments in (
            ("run_agent", {"agent_id": "twice", "message": "x"}),
            ("run_team", {"team_id": "boss", "message": "x"}),
            ("twice", {"message": "x"}),
            ("continue_run", {"run": "agent/deployer/another/run"}),
        ):
            state = sealed(SECRET.encode(), tool, arguments, round_state_of(run, responses), audience=audience)
            message = await client.refused(tool, arguments, state, responses)
            assert "the answer is to a question of another run" in message
    assert done(ledger, "deploy", tag) == 0


async def test_state_does_not_reach_the_run_of_another_user(pausing: str, ledger: Path, tag: str) -> None:
    run, responses = await paused(pausing, tag, user="alice")
    arguments = {"agent_id": "deployer", "message": "x"}
    audience = request_state_security(Settings(url=pausing, user_id="bob")).audience
    state = sealed(SECRET.encode(), "run_agent", arguments, round_state_of(run, responses), audience=audience)
    async with round_client(pausing, state_secret=Token(SECRET), user_id="bob") as client:
        assert "There is no run" in await client.refused("run_agent", arguments, state, responses)
    assert done(ledger, "deploy", tag) == 0


# Replayed


async def test_replayed_answer_executes_nothing_again(pausing: str, ledger: Path, tag: str) -> None:
    arguments = {"agent_id": "deployer", "message": f"do it, {tag}"}
    async with round_client(pausing) as client:
        question = await client.ask("run_agent", **arguments)
        for _ in range(3):
            result = await client.answer("run_agent", arguments, question.request_state, accept(question))
            assert isinstance(result, CallToolResult)
            assert "deployed" in words(result)
    assert done(ledger, "deploy", tag) == 1


async def test_replayed_answer_approves_no_later_pause(pausing: str, ledger: Path, tag: str) -> None:
    arguments = {"agent_id": "twice", "message": f"do it, {tag}"}
    async with round_client(pausing) as client:
        question = await client.ask("run_agent", **arguments)
        second = await client.answer("run_agent", arguments, question.request_state, accept(question))
        assert isinstance(second, InputRequiredResult)
        message = await client.refused(
            "run_agent", arguments, question.request_state, {**accept(question), **accept(second)}
        )
        assert message.startswith("Nothing was sent: the answer is to an earlier question of this run.")
        assert done(ledger, "deploy", tag) == 1


async def test_replayed_confirmation_deletes_nothing_else(pausing: str, tag: str) -> None:
    schedule = {"name": tag, "cron_expr": "0 9 1 1 *", "endpoint": "/agents/deployer/runs", "payload": {"message": "x"}}
    arguments = {"schedule": tag}
    async with (
        httpx.AsyncClient(base_url=pausing, timeout=30) as rest,
        round_client(pausing, toolsets=("all",)) as client,
    ):
        await rest.post("/schedules", json=schedule)
        question = await client.ask("delete_schedule", **arguments)
        answers = accept(question, "confirm")
        await client.answer("delete_schedule", arguments, question.request_state, answers)
        schedule_row_again = (await rest.post("/schedules", json=schedule)).json()
        message = await client.refused("delete_schedule", arguments, question.request_state, answers)
        assert "The person agreed to this once" in message
        assert (await rest.get(f"/schedules/{schedule_row_again['id']}")).status_code == 200


async def test_expired_confirmation_is_asked_for_again(pausing: str, tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = {"name": tag, "cron_expr": "0 9 1 1 *", "endpoint": "/agents/deployer/runs", "payload": {"message": "x"}}
    async with (
        httpx.AsyncClient(base_url=pausing, timeout=30) as rest,
        round_client(pausing, toolsets=("all",)) as client,
    ):
        schedule_row = (await rest.post("/schedules", json=schedule)).json()
        question = await client.ask("delete_schedule", schedule=tag)
        monkeypatch.setattr(elicitation, "MAX_CONSENT_SECONDS", -1.0)
        answered = await client.answer(
            "delete_schedule", {"schedule": tag}, question.request_state, accept(question, "confirm")
        )
        assert isinstance(answered, InputRequiredResult)
        assert (await rest.get(f"/schedules/{schedule_row['id']}")).status_code == 200


# The secret


def test_weak_secret_is_refused_with_how_to_make_a_strong_one(tmp_path: Path) -> None:
    for weak in ("", "short", "a" * 64, "ab" * 40):
        file = tmp_path / "secret"
        file.write_text(weak)
        with pytest.raises(SettingsError, match=r"secrets\.token_hex") as refusal:
            load({"state_secret": str(file)}, {})
        assert not weak or weak not in str(refusal.value)


def test_secret_is_read_from_its_file_and_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    settings = load({}, {"AGENTOS_MCP_STATE_SECRET_FILE": str(file)})
    assert settings.state_secret is not None
    assert settings.state_secret() == SECRET
    assert SECRET not in repr(settings)
