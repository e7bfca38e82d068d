"""The chat protocols, against an endpoint on loopback that speaks them; the tools are those of a live AgentOS."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import httpx
import pytest

from evals.chat_endpoints import AnthropicEndpoint, ChatEndpoint, EndpointError, OpenAIEndpoint
from evals.players import ChatPlayer
from evals.requests import Request
from evals.toolbox import Toolbox, ToolDescription
from evals.transcript import Transcript
from tests._support.chat_endpoint import EndpointReply, ScriptedChatEndpoint, json_reply, scripted_chat_endpoint
from tests._support.mcp_client import Connect

pytestmark = pytest.mark.anyio
ONE_ERA = True

REQUEST = Request("echo", "Let echo say hello.", best="run_agent", solution=(), checks=())
TOOLS = (ToolDescription("run_agent", "Run an agent.", {"type": "object", "properties": {}}),)


def openai_call(arguments: str, id: str = "call_1") -> EndpointReply:
    call = {"id": id, "type": "function", "function": {"name": "run_agent", "arguments": arguments}}
    return json_reply({"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [call]}}]})


def openai_answer(text: str) -> EndpointReply:
    return json_reply({"choices": [{"message": {"role": "assistant", "content": text}}]})


def anthropic_call(arguments: str, id: str = "toolu_1") -> EndpointReply:
    try:
        value: Any = json.loads(arguments)
    except ValueError:
        value = arguments
    blocks = [
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": id, "name": "run_agent", "input": value},
    ]
    return json_reply({"role": "assistant", "content": blocks, "stop_reason": "tool_use"})


def anthropic_answer(text: str) -> EndpointReply:
    return json_reply({"role": "assistant", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn"})


class Protocol:
    """One of the two protocols: how its endpoint is made, and what its replies look like."""

    def __init__(
        self,
        endpoint: Callable[[httpx.AsyncClient, str], ChatEndpoint],
        call: Callable[..., EndpointReply],
        answer: Callable[[str], EndpointReply],
    ) -> None:
        self.endpoint = endpoint
        self.call = call
        self.answer = answer


PROTOCOLS = {
    "openai": Protocol(
        lambda http, url: OpenAIEndpoint(http, "tiny", f"{url}/v1", "a-key", first_delay_seconds=0),
        openai_call,
        openai_answer,
    ),
    "anthropic": Protocol(
        lambda http, url: AnthropicEndpoint(http, "tiny", url, "a-key", first_delay_seconds=0),
        anthropic_call,
        anthropic_answer,
    ),
}
HELLO = json.dumps({"agent_id": "echo", "message": "hello"})


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> Protocol:
    return PROTOCOLS[request.param]


@pytest.fixture
async def toolbox(connect: Connect, sample_agentos: str) -> AsyncIterator[Toolbox]:
    async with connect(sample_agentos) as peer:
        yield Toolbox(peer.client, "What the server says of itself.", TOOLS)


async def play(
    protocol: Protocol, toolbox: Toolbox, replies: Sequence[EndpointReply], max_calls: int = 3
) -> tuple[Transcript, ScriptedChatEndpoint]:
    with scripted_chat_endpoint(replies) as endpoint:
        async with httpx.AsyncClient() as http:
            player = ChatPlayer(protocol.endpoint(http, endpoint.url), max_calls=max_calls)
            return await player.play(REQUEST, toolbox), endpoint


async def test_chat_player_calls_a_tool_and_answers(protocol: Protocol, toolbox: Toolbox) -> None:
    transcript, _ = await play(protocol, toolbox, [protocol.call(HELLO), protocol.answer("It said hello.")])
    assert transcript.first_tool == "run_agent"
    assert transcript.answer == "It said hello."
    assert not transcript.failure
    [call] = transcript.calls
    assert not call.is_error
    assert "echo: hello" in call.text


async def test_chat_player_answers_without_a_tool(protocol: Protocol, toolbox: Toolbox) -> None:
    transcript, _ = await play(protocol, toolbox, [protocol.answer("Hello.")])
    assert (transcript.first_tool, transcript.calls, transcript.answer) == ("", (), "Hello.")


async def test_openai_endpoint_is_sent_chat_completions(toolbox: Toolbox) -> None:
    _, endpoint = await play(PROTOCOLS["openai"], toolbox, [openai_call(HELLO), openai_answer("Done.")])
    first, second = endpoint.requests
    assert first.path == "/v1/chat/completions"
    assert first.headers["authorization"] == "Bearer a-key"
    assert first.body["model"] == "tiny"
    assert first.body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "run_agent",
                "description": "Run an agent.",
                "parameters": {"type": "object", "properties": {}},
            },
        }
    ]
    system, user = first.body["messages"]
    assert system["role"] == "system"
    assert "What the server says of itself." in system["content"]
    assert user == {"role": "user", "content": REQUEST.text}
    assistant_message, tool_message = second.body["messages"][2:]
    assert assistant_message["tool_calls"][0]["id"] == "call_1"
    assert (tool_message["role"], tool_message["tool_call_id"]) == ("tool", "call_1")
    assert "echo: hello" in tool_message["content"]


async def test_anthropic_endpoint_is_sent_messages(toolbox: Toolbox) -> None:
    _, endpoint = await play(PROTOCOLS["anthropic"], toolbox, [anthropic_call(HELLO), anthropic_answer("Done.")])
    first, second = endpoint.requests
    assert first.path == "/v1/messages"
    assert first.headers["x-api-key"] == "a-key"
    assert first.headers["anthropic-version"]
    assert first.body["max_tokens"] > 0
    assert "What the server says of itself." in first.body["system"]
    assert first.body["tools"] == [
        {"name": "run_agent", "description": "Run an agent.", "input_schema": {"type": "object", "properties": {}}}
    ]
    assert first.body["messages"] == [{"role": "user", "content": REQUEST.text}]
    assistant_message, results = second.body["messages"][1:]
    assert [block["type"] for block in assistant_message["content"]] == ["text", "tool_use"]
    [block] = results["content"]
    assert (results["role"], block["type"], block["tool_use_id"]) == ("user", "tool_result", "toolu_1")
    assert "echo: hello" in block["content"]
    assert block["is_error"] is False


@pytest.mark.parametrize("status", [429, 503, 529])
async def test_endpoint_that_is_busy_is_asked_again(protocol: Protocol, toolbox: Toolbox, status: int) -> None:
    busy = EndpointReply("{}", status, {"Retry-After": "0"})
    transcript, endpoint = await play(protocol, toolbox, [busy, busy, protocol.answer("At last.")])
    assert transcript.answer == "At last."
    assert len(endpoint.requests) == 3


async def test_endpoint_that_stays_busy_is_an_error(protocol: Protocol, toolbox: Toolbox) -> None:
    busy = EndpointReply("too many requests", 429, {"Retry-After": "0"})
    with pytest.raises(EndpointError, match=r"HTTP 429: too many requests"):
        await play(protocol, toolbox, [busy] * 9)


async def test_endpoint_that_refuses_is_asked_once(protocol: Protocol, toolbox: Toolbox) -> None:
    refused = EndpointReply("no such key", 401)
    with pytest.raises(EndpointError, match=r"HTTP 401: no such key"):
        await play(protocol, toolbox, [refused, protocol.answer("Never said.")])


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", '{"choices": []}', '{"choices": [{}]}', '{"content": [7]}'])
async def test_malformed_reply_leaves_the_request_unanswered(protocol: Protocol, toolbox: Toolbox, body: str) -> None:
    transcript, _ = await play(protocol, toolbox, [protocol.call(HELLO), EndpointReply(body)])
    assert transcript.failure.startswith("a reply")
    assert transcript.answer == ""
    assert [call.tool for call in transcript.calls] == ["run_agent"]


@pytest.mark.parametrize("arguments", ['{"agent_id": "echo', "[1]", '"text"'])
async def test_malformed_arguments_are_told_to_the_model(protocol: Protocol, toolbox: Toolbox, arguments: str) -> None:
    transcript, endpoint = await play(protocol, toolbox, [protocol.call(arguments), protocol.answer("Sorry.")])
    assert transcript.answer == "Sorry."
    assert [call.is_error for call in transcript.calls] == [True]
    assert "not a JSON object" in json.dumps(endpoint.requests[1].body["messages"][-1])


async def test_error_of_a_tool_is_told_to_the_model(protocol: Protocol, toolbox: Toolbox) -> None:
    nobody = json.dumps({"agent_id": "nobody-of-this-name", "message": "hello"})
    transcript, _ = await play(protocol, toolbox, [protocol.call(nobody), protocol.answer("There is none.")])
    assert [call.is_error for call in transcript.calls] == [True]
    assert not transcript.failure


async def test_chat_player_stops_at_the_limit_of_calls(protocol: Protocol, toolbox: Toolbox) -> None:
    transcript, _ = await play(protocol, toolbox, [protocol.call(HELLO, id=f"call_{n}") for n in range(5)], max_calls=3)
    assert transcript.failure == "no answer within 3 calls"
    assert len(transcript.calls) == 3
