"""A model whose every turn is played from a script, so that a real AgentOS runs without a provider."""

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
class Pause:
    """Think for `seconds` (scaled by the model's pace)."""

    seconds: float


@dataclass(frozen=True)
class Call:
    """Call the tool `name`."""

    name: str
    args: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fail:
    """Fail as a provider would."""

    message: str
    status_code: int = 502


Beat = str | Pause | Call | Fail
"""What a script plays: text to stream, a pause, a tool call, a provider's failure."""


@dataclass(frozen=True)
class Turn:
    """What a model sees when it is asked to speak."""

    messages: Sequence[Message]
    last_user: str
    tool_results: list[str]
    """What the tools called since the last user message answered."""
    calls: int
    """Model requests already made since the last user message."""
    tools: list[str]

    @classmethod
    def of(cls, messages: Sequence[Message], tools: Sequence[dict[str, Any]] | None) -> "Turn":
        """The turn that these messages and tools amount to."""
        users = [index for index, message in enumerate(messages) if message.role == "user"]
        since = messages[users[-1] + 1 :] if users else messages
        return cls(
            messages=messages,
            last_user=_text(messages[users[-1]]) if users else "",
            tool_results=[_text(message) for message in since if message.role == "tool"],
            calls=sum(message.role == "assistant" for message in since),
            tools=[str(tool.get("function", tool).get("name", "")) for tool in tools or ()],
        )

    def earlier_users(self) -> list[str]:
        """What the user said before, oldest first."""
        return [_text(message) for message in self.messages if message.role == "user"][:-1]


Script = Callable[[Turn], Iterable[Beat]]
"""Called once for each model request."""


def say(text: str, seconds: float = 0.0) -> Iterator[Beat]:
    """The beats that stream `text` word by word over `seconds` in all."""
    words = [word + " " for word in text.split(" ")]
    words[-1] = words[-1][:-1]
    for word in words:
        yield word
        if seconds:
            yield Pause(seconds / len(words))


def play(text: str) -> Script:
    """A script that says `text` whatever it is asked."""
    return lambda turn: say(text)


def _silence(turn: Turn) -> Iterator[Beat]:
    return say("")


@dataclass
class ScriptedModel(Model):
    """An agno model that plays `script`. It keeps nothing between requests, so any number may share it."""

    id: str = "scripted"
    name: str | None = "Scripted"
    provider: str | None = "agentos-mcp"
    script: Script = field(default=_silence)
    pace: float = 1.0
    """Multiplies every pause; 0 plays without pauses."""

    def invoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return _joined(self.invoke_stream(*args, **kwargs))

    async def ainvoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return _joined([delta async for delta in self.ainvoke_stream(*args, **kwargs)])

    def invoke_stream(
        self, messages: list[Message], *args: Any, tools: list[dict[str, Any]] | None = None, **kwargs: Any
    ) -> Iterator[ModelResponse]:
        for step in self._perform(messages, tools):
            if isinstance(step, Pause):
                time.sleep(step.seconds * self.pace)
            else:
                yield step

    async def ainvoke_stream(
        self, messages: list[Message], *args: Any, tools: list[dict[str, Any]] | None = None, **kwargs: Any
    ) -> AsyncIterator[ModelResponse]:
        for step in self._perform(messages, tools):
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds * self.pace)
            else:
                yield step

    def _perform(
        self, messages: Sequence[Message], tools: Sequence[dict[str, Any]] | None
    ) -> Iterator[ModelResponse | Pause]:
        """Plays one turn; pauses are left to the caller, who knows how to sleep."""
        spoken = 0
        for beat in self.script(Turn.of(messages, tools)):
            match beat:
                case str():
                    spoken += len(beat.split())
                    yield ModelResponse(role="assistant", content=beat)
                case Call(name, args):
                    arguments = json.dumps(args, ensure_ascii=False)
                    spoken += len(arguments.split())
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
                case Fail(message, status_code):
                    raise ModelProviderError(message, status_code, model_name=self.name, model_id=self.id)
                case Pause():
                    yield beat
        read = sum(len(_text(message).split()) for message in messages)
        yield ModelResponse(
            response_usage=MessageMetrics(input_tokens=read, output_tokens=spoken, total_tokens=read + spoken)
        )

    def _parse_provider_response(self, response: Any, **kwargs: Any) -> ModelResponse:
        return _as_response(response)

    def _parse_provider_response_delta(self, response: Any) -> ModelResponse:
        return _as_response(response)


def _as_response(response: Any) -> ModelResponse:
    if not isinstance(response, ModelResponse):
        raise TypeError(f"a scripted model speaks ModelResponse, not {type(response).__name__}")
    return response


def _joined(deltas: Iterable[ModelResponse]) -> ModelResponse:
    whole = ModelResponse(role="assistant")
    for delta in deltas:
        if delta.content is not None:
            whole.content = (whole.content or "") + delta.content
        whole.tool_calls.extend(delta.tool_calls)
        whole.response_usage = delta.response_usage or whole.response_usage
    return whole


def _text(message: Message) -> str:
    return message.get_content_string()
