"""Who plays a request: a model behind a chat endpoint, or a script that needs none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from evals.chat_endpoints import ChatEndpoint, MalformedReply, ToolOutput
from evals.eval_agentos import USER
from evals.requests import FromResults, Request
from evals.retrieval import ToolIndex
from evals.toolbox import Toolbox
from evals.transcript import CallRecord, Transcript

MAX_CALLS = 12
"""After so many calls a request counts as not answered."""


class Player(Protocol):
    @property
    def name(self) -> str:
        """What plays, as the report says it."""
        ...

    async def play(self, request: Request, toolbox: Toolbox) -> Transcript:
        """Do what the request asks for, with these tools."""
        ...


class ScriptedPlayer:
    """Picks the first tool by its words, then makes the calls of the request's solution, whatever it picked.

    `component_kinds` has the kind of each component of the AgentOS by its id.
    """

    name = "scripted retrieval"

    def __init__(self, component_kinds: Mapping[str, str]) -> None:
        self._component_kinds = component_kinds
        self._indexes: dict[tuple[str, ...], ToolIndex] = {}

    async def play(self, request: Request, toolbox: Toolbox) -> Transcript:
        ranking = tuple(self._index(toolbox).rank(request.text, self._component_kinds))
        calls: list[CallRecord] = []
        failure = ""
        for step in request.solution:
            try:
                arguments = fill_in(step.arguments, [call.text for call in calls])
            except LookupError as error:
                failure = f"{step.tool}: {error.args[0]}"
                break
            calls.append(await toolbox.call(step.tool, arguments))
        answer = "\n".join(call.text for call in calls)
        return Transcript(ranking[0], tuple(calls), answer, failure, ranking)

    def _index(self, toolbox: Toolbox) -> ToolIndex:
        names = tuple(tool.name for tool in toolbox.tools)
        if names not in self._indexes:
            self._indexes[names] = ToolIndex(toolbox.tools)
        return self._indexes[names]


def fill_in(value: Any, results: Sequence[str]) -> Any:
    """The value with what the results hold in place of each FromResults. Raises LookupError where they do not."""
    match value:
        case FromResults(pattern):
            for text in reversed(results):
                if match := re.search(pattern, text):
                    return match[1]
            raise LookupError(f"no result so far has {pattern}")
        case dict():
            return {fill_in(key, results): fill_in(inner, results) for key, inner in value.items()}
        case list():
            return [fill_in(inner, results) for inner in value]
    return value


class ChatPlayer:
    """A model that sees what an MCP client would show it: the server's instructions and its tools."""

    def __init__(self, endpoint: ChatEndpoint, *, max_calls: int = MAX_CALLS) -> None:
        self._endpoint = endpoint
        self._max_calls = max_calls

    @property
    def name(self) -> str:
        return self._endpoint.name

    async def play(self, request: Request, toolbox: Toolbox) -> Transcript:
        system = f"{toolbox.instructions}\n\nYou are an assistant with these tools. The user's id is {USER}."
        chat = self._endpoint.start(system, toolbox.tools, request.text)
        calls: list[CallRecord] = []
        outputs: list[ToolOutput] = []
        try:
            while True:
                reply = await chat.send(outputs)
                if not reply.tool_calls:
                    return Transcript(_first_tool(calls), tuple(calls), reply.text)
                if len(calls) + len(reply.tool_calls) > self._max_calls:
                    failure = f"no answer within {self._max_calls} calls"
                    return Transcript(_first_tool(calls), tuple(calls), reply.text, failure)
                outputs = []
                for tool_call in reply.tool_calls:
                    if tool_call.arguments is None:
                        record = CallRecord(tool_call.tool, {}, "The arguments are not a JSON object.", is_error=True)
                    else:
                        record = await toolbox.call(tool_call.tool, tool_call.arguments)
                    calls.append(record)
                    outputs.append(ToolOutput(tool_call.id, record.text, record.is_error))
        except MalformedReply as error:
            return Transcript(_first_tool(calls), tuple(calls), "", str(error))


def _first_tool(calls: Sequence[CallRecord]) -> str:
    return calls[0].tool if calls else ""
