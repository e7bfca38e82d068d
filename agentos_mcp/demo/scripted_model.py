"""A model that answers from a script, so that a real AgentOS runs without a model provider."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from agno.exceptions import ModelProviderError
from agno.metrics import MessageMetrics
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse


@dataclass(frozen=True)
class Delay:
    """Wait, multiplied by the model's pace."""

    seconds: float


@dataclass(frozen=True)
class ToolCall:
    """Call a tool."""

    name: str
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ProviderFailure:
    """Fail as a model provider does."""

    message: str
    status_code: int = 502


ModelOutput = str | Delay | ToolCall | ProviderFailure
"""What a script yields: text to stream, a delay, a tool call, or a provider's failure."""


@dataclass(frozen=True)
class Turn:
    """One request to a model, as its script sees it."""

    messages: Sequence[Message]
    user_message: str
    """The last message of the user."""
    tool_results: list[str]
    """The results of the tools called since the user's last message."""
    requests_made: int
    """Model requests since the user's last message, before this one."""
    tools: list[str]

    @classmethod
    def of(cls, messages: Sequence[Message], tools: Sequence[dict[str, Any]] | None) -> "Turn":
        """The turn of a request with these messages and tools."""
        user_indexes = [index for index, message in enumerate(messages) if message.role == "user"]
        since_user = messages[user_indexes[-1] + 1 :] if user_indexes else messages
        return cls(
            messages=messages,
            user_message=_text(messages[user_indexes[-1]]) if user_indexes else "",
            tool_results=[_text(message) for message in since_user if message.role == "tool"],
            requests_made=sum(message.role == "assistant" for message in since_user),
            tools=[str(tool.get("function", tool).get("name", "")) for tool in tools or ()],
        )

    def earlier_user_messages(self) -> list[str]:
        """The messages of the user before the last one, oldest first."""
        return [_text(message) for message in self.messages if message.role == "user"][:-1]


Script = Callable[[Turn], Iterable[ModelOutput]]
"""Called once for each model request."""


def stream_words(text: str, seconds: float = 0.0) -> Iterator[ModelOutput]:
    """The outputs that stream `text` word by word over `seconds`."""
    words = [word + " " for word in text.split(" ")]
    words[-1] = words[-1][:-1]
    for word in words:
        yield word
        if seconds:
            yield Delay(seconds / len(words))


def fixed_reply(text: str) -> Script:
    """A script that always answers with `text`."""
    return lambda turn: stream_words(text)


def _empty_reply(turn: Turn) -> Iterator[ModelOutput]:
    return stream_words("")


@dataclass
class ScriptedModel(Model):
    """An agno model that answers from `script`. It has no state, so that agents can share it."""

    id: str = "scripted"
    name: str | None = "Scripted"
    provider: str | None = "agentos-mcp"
    script: Script = field(default=_empty_reply)
    pace: float = 1.0
    """Multiplies every delay; 0 for none."""

    def invoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return _join(self.invoke_stream(*args, **kwargs))

    async def ainvoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return _join([delta async for delta in self.ainvoke_stream(*args, **kwargs)])

    def invoke_stream(
        self, messages: list[Message], *args: Any, tools: list[dict[str, Any]] | None = None, **kwargs: Any
    ) -> Iterator[ModelResponse]:
        for output in self._outputs(messages, tools):
            if isinstance(output, Delay):
                time.sleep(output.seconds * self.pace)
            else:
                yield output

    async def ainvoke_stream(
        self, messages: list[Message], *args: Any, tools: list[dict[str, Any]] | None = None, **kwargs: Any
    ) -> AsyncIterator[ModelResponse]:
        for output in self._outputs(messages, tools):
            if isinstance(output, Delay):
                await asyncio.sleep(output.seconds * self.pace)
            else:
                yield output

    def _outputs(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] | None
    ) -> Iterator[ModelResponse | Delay]:
        """The outputs of one turn; the caller waits for the delays, which differs between sync and async."""
        output_words = 0
        for output in self.script(Turn.of(messages, tools)):
            match output:
                case str():
                    output_words += len(output.split())
                    yield ModelResponse(role="assistant", content=output)
                case ToolCall(name, args):
                    arguments = json.dumps(args, ensure_ascii=False)
                    output_words += len(arguments.split())
                    yield ModelResponse(
                        role="assistant",
                        tool_calls=[
                            {
                                "id": f"call_{uuid4().hex[:12]}",
                                "type": "function",
                                "function": {"name": name, "arguments": arguments},
                            }
                        ],
                    )
                case ProviderFailure(message, status_code):
                    raise ModelProviderError(message, status_code, model_name=self.name, model_id=self.id)
                case Delay():
                    yield output
        input_words = sum(len(_text(message).split()) for message in messages)
        yield ModelResponse(
            response_usage=MessageMetrics(
                input_tokens=input_words, output_tokens=output_words, total_tokens=input_words + output_words
            )
        )

    def _parse_provider_response(self, response: Any, **kwargs: Any) -> ModelResponse:
        return _check_response(response)

    def _parse_provider_response_delta(self, response: Any) -> ModelResponse:
        return _check_response(response)


def _check_response(response: Any) -> ModelResponse:
    if not isinstance(response, ModelResponse):
        raise TypeError(f"a scripted model yields ModelResponse, not {type(response).__name__}")
    return response


def _join(deltas: Iterable[ModelResponse]) -> ModelResponse:
    joined = ModelResponse(role="assistant")
    for delta in deltas:
        if delta.content is not None:
            joined.content = (joined.content or "") + delta.content
        joined.tool_calls.extend(delta.tool_calls)
        joined.response_usage = delta.response_usage or joined.response_usage
    return joined


def _text(message: Message) -> str:
    return message.get_content_string()
