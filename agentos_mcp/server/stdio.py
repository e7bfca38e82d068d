"""Serves one client over stdin and stdout: how it begins, and every way in which it ends."""

from __future__ import annotations

import contextlib
import os
import sys
from types import TracebackType
from typing import Any, Self

import anyio
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage

from agentos_mcp.agentos.broken_pipe import is_broken_pipe
from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.server.mcp_server import AgentOSServer
from agentos_mcp.server.sdk_compat import run_on_streams
from agentos_mcp.server.stop_signals import wait_for_stop_signal

_SIGNAL_GRACE_SECONDS = 0.15
"""How long messages are read on after a signal: a client that is interrupted signals first, and then cancels."""


async def serve_stdio(server: AgentOSServer) -> int:
    """Serve one client over stdin and stdout until it closes stdin; the exit code.

    A signal ends the process from here: the thread that reads stdin cannot be ended, so nothing
    that waits for it ever returns.
    """
    received_signals: list[int] = []
    try:
        async with anyio.create_task_group() as tasks:
            await tasks.start(_stop_on_signal, server, tasks.cancel_scope, received_signals)
            async with stdio_server() as (incoming, outgoing):
                try:
                    await run_on_streams(server, _IncomingMessages(incoming, server), outgoing)
                finally:
                    if received_signals:
                        exit_process(128 + received_signals[0])
            tasks.cancel_scope.cancel()
    except* AgentOSError as errors:
        cause: BaseException = errors
        while isinstance(cause, BaseExceptionGroup):
            cause = cause.exceptions[0]
        sys.stderr.write(strip_control_chars(f"agentos-mcp: {cause}\n"))
        exit_process(1)
    except* OSError as errors:
        if errors.split(_says_that_the_client_is_gone)[1] is not None:
            raise
        # The client is gone, and with it the other end of stdout.
        exit_process(0)
    return 0


def _says_that_the_client_is_gone(error: BaseException) -> bool:
    return isinstance(error, ConnectionResetError) or is_broken_pipe(error, sys.stdout)


async def _stop_on_signal(
    server: AgentOSServer,
    scope: anyio.CancelScope,
    received_signals: list[int],
    *,
    task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED,
) -> None:
    received_signals.append(await wait_for_stop_signal(task_status=task_status))
    with anyio.move_on_after(_SIGNAL_GRACE_SECONDS):
        await server.cancellations.wait_for_calls()
    server.begin_shutdown()
    scope.cancel()


def exit_process(code: int) -> None:
    """End the process at once, with what was written flushed: a reader thread may still hold stdin."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


class _IncomingMessages:
    """The client's messages; when they end, the server begins to shut down.

    A call that ends then ends because the client is gone; the SDK tells the call only that it is over.
    """

    def __init__(self, stream: Any, server: AgentOSServer) -> None:
        self._stream = stream
        self._server = server

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            message: SessionMessage | Exception = await self._stream.__anext__()
            return message
        except StopAsyncIteration:
            self._server.begin_shutdown()
            raise

    async def receive(self) -> SessionMessage | Exception:
        try:
            message: SessionMessage | Exception = await self._stream.receive()
            return message
        except anyio.EndOfStream:
            self._server.begin_shutdown()
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        is_handled: bool | None = await self._stream.__aexit__(kind, error, trace)
        return is_handled
