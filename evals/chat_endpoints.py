"""Models behind HTTP, by the protocols that most endpoints speak: OpenAI's chat completions, Anthropic's messages."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import anyio
import httpx

from evals.toolbox import ToolDescription

OPENAI_URL = "https://api.openai.com/v1"
ANTHROPIC_URL = "https://api.anthropic.com"
_ANTHROPIC_VERSION = "2023-06-01"
_MAX_ANSWER_TOKENS = 4096
_TIMEOUT_SECONDS = 180.0
_ATTEMPTS = 5
_RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504, 529})
_MAX_DELAY_SECONDS = 60.0


class EndpointError(RuntimeError):
    """The endpoint cannot be used: no request would be answered. The message says why."""


class MalformedReply(RuntimeError):
    """A reply that the protocol does not allow: this request has no answer."""


@dataclass(frozen=True)
class ToolCall:
    id: str
    tool: str
    arguments: dict[str, Any] | None
    """None where the model wrote something that is not a JSON object."""


@dataclass(frozen=True)
class Reply:
    """What a model says: calls of tools, or its answer."""

    text: str
    tool_calls: tuple[ToolCall, ...]


@dataclass(frozen=True)
class ToolOutput:
    """What came of the call with this id."""

    id: str
    text: str
    is_error: bool


class Chat(Protocol):
    """One conversation with a model."""

    async def send(self, outputs: Sequence[ToolOutput]) -> Reply:
        """The next reply. `outputs` are those of all calls of the reply before.

        Raises EndpointError, MalformedReply.
        """
        ...


class ChatEndpoint(Protocol):
    @property
    def name(self) -> str: ...

    def start(self, system: str, tools: Sequence[ToolDescription], user_message: str) -> Chat:
        """A conversation that begins with this message of the user."""
        ...


@dataclass(frozen=True)
class _JsonPoster:
    """Posts JSON, again after a while where the endpoint is busy."""

    http: httpx.AsyncClient
    url: str
    headers: Mapping[str, str]
    first_delay_seconds: float

    async def post(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        delay = self.first_delay_seconds
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = await self.http.post(self.url, json=body, headers=self.headers, timeout=_TIMEOUT_SECONDS)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if response.is_success:
                    return _json_object(response.text)
                problem = f"HTTP {response.status_code}: {response.text[:500]}"
                if response.status_code not in _RETRIED_STATUSES:
                    break
                delay = _retry_after(response, delay)
            if attempt < _ATTEMPTS:
                await anyio.sleep(min(delay, _MAX_DELAY_SECONDS))
                delay *= 2
        raise EndpointError(f"{self.url} cannot be used. {problem}")


@dataclass(frozen=True)
class OpenAIEndpoint:
    """`base_url` ends with the version, as OpenAI's own does; an endpoint that wants no key gets none."""

    http: httpx.AsyncClient
    model: str
    base_url: str = OPENAI_URL
    api_key: str = ""
    first_delay_seconds: float = 1.0
    """How long to wait before the second attempt, where the endpoint does not say."""

    @property
    def name(self) -> str:
        return f"{self.model} (OpenAI chat completions)"

    def start(self, system: str, tools: Sequence[ToolDescription], user_message: str) -> Chat:
        headers = {"authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        poster = _JsonPoster(
            self.http, f"{self.base_url.rstrip('/')}/chat/completions", headers, self.first_delay_seconds
        )
        functions = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.schema)},
            }
            for tool in tools
        ]
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user_message}]
        return _OpenAIChat(poster, self.model, functions, messages)


class _OpenAIChat:
    def __init__(
        self, poster: _JsonPoster, model: str, functions: list[dict[str, Any]], messages: list[dict[str, Any]]
    ) -> None:
        self._poster = poster
        self._model = model
        self._functions = functions
        self._messages = messages

    async def send(self, outputs: Sequence[ToolOutput]) -> Reply:
        self._messages += [
            {"role": "tool", "tool_call_id": output.id, "content": output.text or "(empty)"} for output in outputs
        ]
        answer = await self._poster.post({"model": self._model, "messages": self._messages, "tools": self._functions})
        try:
            message = answer["choices"][0]["message"]
            tool_calls = message.get("tool_calls") or []
            parsed = tuple(
                ToolCall(str(call["id"]), str(call["function"]["name"]), _arguments(call["function"].get("arguments")))
                for call in tool_calls
            )
            text = str(message.get("content") or "")
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise MalformedReply(f"a reply without a message: {json.dumps(answer)[:200]}") from error
        reply = {"role": "assistant", "content": text or None} | ({"tool_calls": tool_calls} if tool_calls else {})
        self._messages.append(reply)
        return Reply(text, parsed)


@dataclass(frozen=True)
class AnthropicEndpoint:
    """`base_url` ends before the version, as Anthropic's own does."""

    http: httpx.AsyncClient
    model: str
    base_url: str = ANTHROPIC_URL
    api_key: str = ""
    first_delay_seconds: float = 1.0
    """How long to wait before the second attempt, where the endpoint does not say."""

    @property
    def name(self) -> str:
        return f"{self.model} (Anthropic messages)"

    def start(self, system: str, tools: Sequence[ToolDescription], user_message: str) -> Chat:
        headers = {"anthropic-version": _ANTHROPIC_VERSION} | ({"x-api-key": self.api_key} if self.api_key else {})
        poster = _JsonPoster(self.http, f"{self.base_url.rstrip('/')}/v1/messages", headers, self.first_delay_seconds)
        described = [
            {"name": tool.name, "description": tool.description, "input_schema": dict(tool.schema)} for tool in tools
        ]
        body = {"model": self.model, "max_tokens": _MAX_ANSWER_TOKENS, "system": system, "tools": described}
        return _AnthropicChat(poster, body, user_message)


class _AnthropicChat:
    def __init__(self, poster: _JsonPoster, body: dict[str, Any], user_message: str) -> None:
        self._poster = poster
        self._body = body
        self._messages: list[dict[str, Any]] = [{"role": "user", "content": user_message}]

    async def send(self, outputs: Sequence[ToolOutput]) -> Reply:
        if outputs:
            results = [
                {
                    "type": "tool_result",
                    "tool_use_id": output.id,
                    "content": output.text or "(empty)",
                    "is_error": output.is_error,
                }
                for output in outputs
            ]
            self._messages.append({"role": "user", "content": results})
        answer = await self._poster.post({**self._body, "messages": self._messages})
        try:
            blocks = list(answer["content"])
            calls = tuple(
                ToolCall(
                    str(block["id"]),
                    str(block["name"]),
                    dict(block["input"]) if isinstance(block.get("input"), dict) else None,
                )
                for block in blocks
                if block["type"] == "tool_use"
            )
            text = "\n".join(str(block["text"]) for block in blocks if block["type"] == "text")
        except (AttributeError, KeyError, TypeError) as error:
            raise MalformedReply(f"a reply without content: {json.dumps(answer)[:200]}") from error
        self._messages.append({"role": "assistant", "content": blocks})
        return Reply(text, calls)


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise MalformedReply(f"a reply that is not a JSON object: {text[:200]}")
    return value


def _arguments(text: Any) -> dict[str, Any] | None:
    """The arguments of a call, which OpenAI's protocol has as JSON in a text; none at all is no argument."""
    try:
        value = json.loads(text or "{}")
    except (TypeError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def _retry_after(response: httpx.Response, default: float) -> float:
    """The seconds for which the endpoint asks to be left alone."""
    try:
        return max(0.0, float(response.headers.get("retry-after", "")))
    except ValueError:
        return default
