"""How the four kinds of model endpoints are spoken: what a request holds, and a streamed answer to it.

A dialect reads which tools a request offers and what came out of the calls made so far, and writes an answer that is
either one tool call or the last words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Json = dict[str, Any]

_CALL_ID = re.compile(r"call_(\d+)_")


@dataclass(frozen=True)
class OfferedTool:
    """A tool as a request offers it; `namespace` where the client groups its tools."""

    name: str
    namespace: str = ""


@dataclass(frozen=True)
class ToolCall:
    """A call of a tool, by the name that the server gives it."""

    tool: str
    arguments: Json


@dataclass(frozen=True)
class OfferedCall:
    """A call of a tool, by the name under which the client offers it."""

    tool: OfferedTool
    arguments: Json
    id: str
    """Tells the number of the call in the script, as `script_call_id` makes it."""


def script_call_id(number: int) -> str:
    """The id of the script's call of that number, from 0."""
    return f"call_{number}_scripted"


class Dialect(Protocol):
    """One way to speak with a model."""

    path: re.Pattern[str]
    """What the paths of its requests end with."""
    content_type: str

    def offered(self, body: Json) -> list[OfferedTool]:
        """The tools that a request offers."""

    def results(self, body: Json) -> dict[int, str]:
        """The text of each call's result, by the call's number."""

    def answer(self, body: Json, what: OfferedCall | str) -> str:
        """The body of the answer, streamed where the request asks for it."""


def _event(data: Json, name: str = "") -> str:
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"


def _text_of(content: Any) -> str:
    """The text in a result's content, however a dialect wraps it."""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return _text_of(content.get("text") or content.get("output") or content.get("content") or json.dumps(content))
    return "\n".join(_text_of(part) for part in content or ())


def _numbered(results: Iterator[tuple[str, Any]]) -> dict[int, str]:
    return {int(match[1]): _text_of(content) for id_, content in results if (match := _CALL_ID.match(id_))}


class AnthropicMessages:
    """`POST /v1/messages`, as Claude Code speaks."""

    path = re.compile(r"/v1/messages$")
    content_type = "text/event-stream"

    def offered(self, body: Json) -> list[OfferedTool]:
        return [OfferedTool(tool["name"]) for tool in body.get("tools") or ()]

    def results(self, body: Json) -> dict[int, str]:
        blocks = (
            block
            for message in body["messages"]
            if isinstance(message["content"], list)
            for block in message["content"]
            if block["type"] == "tool_result"
        )
        return _numbered((block["tool_use_id"], block.get("content")) for block in blocks)

    def answer(self, body: Json, what: OfferedCall | str) -> str:
        block: Json
        if isinstance(what, str):
            block, delta, reason = {"type": "text", "text": ""}, {"type": "text_delta", "text": what}, "end_turn"
        else:
            block = {"type": "tool_use", "id": what.id, "name": what.tool.name, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(what.arguments)}
            reason = "tool_use"
        message = {
            "id": "msg_scripted",
            "type": "message",
            "role": "assistant",
            "model": body.get("model", "scripted"),
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        if not body.get("stream"):
            whole = {**block, "text": what} if isinstance(what, str) else {**block, "input": what.arguments}
            return json.dumps({**message, "content": [whole], "stop_reason": reason})
        events: list[Json] = [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {
                "type": "message_delta",
                "delta": {"stop_reason": reason, "stop_sequence": None},
                "usage": {"output_tokens": 1},
            },
            {"type": "message_stop"},
        ]
        return "".join(_event(event, event["type"]) for event in events)


class OpenAIResponses:
    """`POST /responses`, as Codex speaks."""

    path = re.compile(r"/responses$")
    content_type = "text/event-stream"

    def offered(self, body: Json) -> list[OfferedTool]:
        found: list[OfferedTool] = []
        for tool in body.get("tools") or ():
            if tool.get("type") == "namespace":
                found += [OfferedTool(inner["name"], tool["name"]) for inner in tool["tools"]]
            elif "name" in tool:
                found.append(OfferedTool(tool["name"]))
        return found

    def results(self, body: Json) -> dict[int, str]:
        items = (item for item in body["input"] if item.get("type") == "function_call_output")
        return _numbered((item["call_id"], item["output"]) for item in items)

    def answer(self, body: Json, what: OfferedCall | str) -> str:
        item: Json
        if isinstance(what, str):
            content = [{"type": "output_text", "text": what, "annotations": []}]
            item = {"type": "message", "id": "msg_scripted", "role": "assistant", "content": content}
        else:
            item = {
                "type": "function_call",
                "id": f"fc_{what.id}",
                "call_id": what.id,
                "name": what.tool.name,
                "arguments": json.dumps(what.arguments),
            }
            if what.tool.namespace:
                item["namespace"] = what.tool.namespace
        usage = {
            "input_tokens": 1,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 1,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 2,
        }
        response = {"id": "resp_scripted", "object": "response", "status": "in_progress", "output": []}
        completed = {**response, "status": "completed", "output": [item], "usage": usage}
        events: list[Json] = [
            {"type": "response.created", "response": response},
            {"type": "response.output_item.added", "output_index": 0, "item": item},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": completed},
        ]
        return "".join(_event(event, event["type"]) for event in events)


class OpenAIChat:
    """`POST /chat/completions`, as opencode speaks with OpenAI-compatible providers."""

    path = re.compile(r"/chat/completions$")
    content_type = "text/event-stream"

    def offered(self, body: Json) -> list[OfferedTool]:
        return [OfferedTool(tool["function"]["name"]) for tool in body.get("tools") or ()]

    def results(self, body: Json) -> dict[int, str]:
        messages = (message for message in body["messages"] if message["role"] == "tool")
        return _numbered((message["tool_call_id"], message["content"]) for message in messages)

    def answer(self, body: Json, what: OfferedCall | str) -> str:
        delta: Json
        if isinstance(what, str):
            delta, reason = {"role": "assistant", "content": what}, "stop"
        else:
            function = {"name": what.tool.name, "arguments": json.dumps(what.arguments)}
            call = {"index": 0, "id": what.id, "type": "function", "function": function}
            delta, reason = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
        base = {"id": "chatcmpl-scripted", "created": 0, "model": body.get("model", "scripted")}
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        if not body.get("stream"):
            choice = {"index": 0, "message": delta, "finish_reason": reason}
            return json.dumps({**base, "object": "chat.completion", "choices": [choice], "usage": usage})
        chunks: list[Json] = [
            {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
            {"choices": [], "usage": usage},
        ]
        return (
            "".join(_event({**base, "object": "chat.completion.chunk", **chunk}) for chunk in chunks)
            + "data: [DONE]\n\n"
        )


class GeminiGenerateContent:
    """`POST /models/MODEL:streamGenerateContent`, as Gemini CLI speaks."""

    path = re.compile(r":(streamG|g)enerateContent$")
    content_type = "text/event-stream"

    def offered(self, body: Json) -> list[OfferedTool]:
        return [
            OfferedTool(declaration["name"])
            for tool in body.get("tools") or ()
            for declaration in tool.get("functionDeclarations") or ()
        ]

    def results(self, body: Json) -> dict[int, str]:
        answers = [
            part["functionResponse"]
            for content in body["contents"]
            for part in content.get("parts") or ()
            if "functionResponse" in part
        ]
        # Ids need not come back; answers stand in the order of their calls.
        return {number: _text_of(answer["response"]) for number, answer in enumerate(answers)}

    def answer(self, body: Json, what: OfferedCall | str) -> str:
        part: Json
        if isinstance(what, str):
            part = {"text": what}
        else:
            part = {"functionCall": {"name": what.tool.name, "args": what.arguments}}
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        return _event({"candidates": [candidate], "usageMetadata": usage, "modelVersion": "scripted"})


DIALECTS: tuple[Dialect, ...] = (AnthropicMessages(), OpenAIResponses(), OpenAIChat(), GeminiGenerateContent())
