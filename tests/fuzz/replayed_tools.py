"""Tools that read recorded answers of AgentOS, one of them changed, one call after the other, without waiting."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from agentos_mcp.agentos import http_errors
from agentos_mcp.agentos.observation import ObservedRequest
from agentos_mcp.tooling.context import Backend
from tests._support.recorded_answers import (
    Recording,
    Replay,
    Reply,
    mutated_reply,
    play,
    read_to_result,
    replaying,
)
from tests.fuzz.virtual_time import VirtualTimeLoop

_CALLS_PER_BACKEND = 200


class ReplayedTools:
    """Every tool that was recorded without a stream of events."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        self._recordings = [
            item
            for item in recordings
            if item.replies and not any("event-stream" in kind for _, (_, kind, _) in item.replies)
        ]
        self._runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self._calls: asyncio.Queue[tuple[Recording, Replay, asyncio.Future[None]]] = asyncio.Queue()
        self._server = self._runner.get_loop().create_task(self._serve())

    def changed_answer(self, dice: random.Random) -> tuple[int, bytes]:
        """Which answer is changed, and the answer: its status and its type on a line, then its body."""
        recording = dice.randrange(len(self._recordings))
        replies = self._recordings[recording].replies
        reply = dice.randrange(len(replies))
        status, kind, body = mutated_reply(replies[reply][1], dice)
        return recording * 1_000 + reply, f"{status} {kind}\n".encode() + body

    def read(self, case: int, answer: bytes) -> None:
        """Have the tool read its answers with this one in their place. Raises what must not happen."""
        recording = self._recordings[case // 1_000]
        replies = list(recording.replies)
        line, _, body = answer.partition(b"\n")
        status, _, kind = line.decode("utf-8", "replace").partition(" ")
        changed: Reply = (int(status) if status.isdigit() else 200, kind, body)
        replies[case % 1_000] = (replies[case % 1_000][0], changed)
        self._runner.run(self._read(recording, Replay(replies)))

    def close(self) -> None:
        self._server.cancel()
        with suppress(asyncio.CancelledError):
            self._runner.run(_wait_for(self._server))
        self._runner.close()

    async def _read(self, recording: Recording, replay: Replay) -> None:
        done = asyncio.get_running_loop().create_future()
        await self._calls.put((recording, replay, done))
        await done

    async def _serve(self) -> None:
        """Each backend is closed by the task that has opened it. One that still follows a run is not used again."""
        while True:
            async with replaying() as ctx:
                for _ in range(_CALLS_PER_BACKEND):
                    recording, replay, done = await self._calls.get()
                    play(ctx.backend, replay)
                    _answer_directly(ctx.backend, replay)
                    try:
                        await read_to_result(ctx, recording)
                    except Exception as error:
                        done.set_exception(error)
                    else:
                        done.set_result(None)
                    if ctx.backend.run_registry.is_following:
                        break


async def _wait_for(task: asyncio.Task[None]) -> None:
    await task


def _answer_directly(backend: Backend, replay: Replay) -> None:
    """Let a backend's requests be answered without HTTP, which takes most of the time of a call."""
    agent_os = backend.agent_os

    async def send_once(observation: ObservedRequest, path: str, **_: Any) -> Any:
        status, kind, body = replay.next(observation.method, unquote(path))
        with http_errors.translate_reading_errors(f"{observation.method} {path}"):
            if not 200 <= status < 300:
                raise http_errors.error_for_response(
                    observation.method,
                    path,
                    status=status,
                    headers={"content-type": kind},
                    body=body,
                    url=agent_os.display_url,
                    with_token=False,
                )
            return agent_os._document(body, kind, observation.method, path)

    agent_os._send_once = send_once  # type: ignore[method-assign]  # in place of the network
