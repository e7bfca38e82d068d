"""Starts a server as a client does and talks to it line by line: its tools, its AgentOS, and whatever goes wrong.

`install` tries what it wrote with it, and `doctor` every entry that it finds. The lines are read without the SDK, so
that what a server prints between its messages is seen, too.
"""

from __future__ import annotations

import contextlib
import json
import ntpath
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process
from mcp.client.stdio import get_default_environment

from agentos_mcp import __version__
from agentos_mcp.agentos.http_errors import display_url
from agentos_mcp.agentos.json_values import decode, mapping, text
from agentos_mcp.agentos.plain_text import as_name, one_line, shorten
from agentos_mcp.agentos.runs.run import KINDS, Kind
from agentos_mcp.install.client_entry import ResolvedCommand
from agentos_mcp.settings.instances import MAX_INSTANCES

PROBE_SECONDS = 20.0
"""For one start with its questions; ending the server takes up to four more."""

AGENTOS_META_KEY = "agentos-mcp/agentos"
"""In `_meta` of the result of `initialize`; written by `server/introduction.py` (importing that loads every tool)."""
_MAX_PROCESSES = 3
_END_SECONDS = 2.0
_MAX_BUFFER_BYTES = 32 * 1024 * 1024
_MAX_STRAY_LINES = 20
_MAX_STRAY_LINE = 500
_MAX_TOOLS = 10_000
_MAX_NAME = 300
"""Characters of what a server says of itself."""
_MAX_ERROR_BYTES = 16 * 1024
"""The end of its standard error, which is all that is kept of it, however much there is."""
_MAX_REPORTED_ERROR = 1000
_MAX_ERROR_LINES = 8
_ERRORS_END_SECONDS = 0.5
"""For the rest of its standard error, once the server has ended; what it started may hold the pipe open."""
_SERVER_INFO = ("agentos-mcp", "AgentOS")
"""Name and title of our server; other servers have the name alone."""
_ROOT_FOLDER = Path.cwd().anchor
"""Where desktop clients start their servers."""
_INITIALIZE = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "agentos-mcp-doctor", "version": __version__},
}


class ProbeProblem(StrEnum):
    """Why a server named no tools."""

    NOT_EXECUTABLE = "not executable"
    """The program, or the interpreter of its first line, does not exist or cannot be executed."""
    TIMEOUT = "timeout"
    """Time was up before it answered."""
    NO_SESSION = "no session"
    """It ended, or refused, before it named its tools."""


class AgentOSStatus(StrEnum):
    OK = "ok"
    SLOW = "slow"
    UNUSABLE = "unusable"


@dataclass(frozen=True)
class ReportedAgentOS:
    """The state of its AgentOS as our server reports it."""

    status: AgentOSStatus
    counts: Mapping[Kind, int] = field(default_factory=dict)
    """Components by kind; empty unless the status is OK."""
    error_type: str = ""
    """The name of a class in `agentos/errors.py`; empty unless the status is UNUSABLE."""
    error_message: str = ""
    name: str = ""
    """What it calls itself; empty unless the status is OK."""
    url: str = ""
    """Without credentials."""
    instance: str = ""
    """By what name the server knows it; empty where it has no other."""

    @property
    def label(self) -> str:
        """`its AgentOS`, `its AgentOS prod`."""
        return f"its AgentOS {self.instance}".rstrip()

    @property
    def needs_other_token(self) -> bool:
        return self.error_type == "Unauthorized" or self.is_forbidden

    @property
    def is_forbidden(self) -> bool:
        """Whether its token permits too little."""
        return self.error_type == "Forbidden"


@dataclass
class ProbeResult:
    """What a server did from its start to its end."""

    tools: tuple[str, ...] = ()
    problem: ProbeProblem | None = None
    """None where it named its tools."""
    seconds: float = 0.0
    """Until its tools were named, or time was up."""
    server_name: str = ""
    """What it calls itself; empty where it never said."""
    version: str = ""
    """Of agentos-mcp; empty for another program."""
    agentoses: tuple[ReportedAgentOS, ...] = ()
    """The AgentOS, or each of several; empty where the server reports none: it is older, or another program."""
    stray_lines: list[str] = field(default_factory=list)
    """Lines on its standard output that are not messages of the protocol."""
    error_lines: tuple[str, ...] = ()
    """The last lines on its standard error, not masked and not cut; or why it could not be started."""
    exit_code: int | None = None
    """Its exit code where it ended by itself before it named its tools; negative for a signal that ended it."""

    @property
    def last_error_line(self) -> str:
        """The last line with letters on its standard error, or why it could not be started."""
        # Tracebacks of exception groups are framed.
        lines = [stripped for line in self.error_lines if (stripped := line.strip(" \t|+-"))]
        return lines[-1].removeprefix("agentos-mcp: ") if lines else ""

    @property
    def is_foreign_server(self) -> bool:
        return bool(self.server_name) and not self.version

    @property
    def agentos(self) -> ReportedAgentOS | None:
        """The only or the first one."""
        return next(iter(self.agentoses), None)

    def agentos_that_is(self, status: AgentOSStatus) -> ReportedAgentOS | None:
        """The first AgentOS of this status; None where none is."""
        return next((agentos for agentos in self.agentoses if agentos.status is status), None)


class ServerProber:
    """Starts each server once, however many clients have it, and few at the same time."""

    def __init__(self, seconds: float = PROBE_SECONDS, environment: Mapping[str, str] | None = None) -> None:
        self._seconds = seconds
        self._environment = get_default_environment() if environment is None else environment
        self._limiter = anyio.CapacityLimiter(_MAX_PROCESSES)
        self._locks: dict[tuple[object, ...], anyio.Lock] = {}
        self._results: dict[tuple[object, ...], ProbeResult] = {}

    async def probe(self, command: ResolvedCommand, path: str) -> ProbeResult:
        """Start it with this PATH and the variables that clients give every server."""
        key = (*command.key, path)
        async with self._locks.setdefault(key, anyio.Lock()):
            if key not in self._results:
                environment = {**self._environment, "PATH": path, **command.environment}
                async with self._limiter:
                    self._results[key] = await probe_server(command.command_line, environment, self._seconds)
            return self._results[key]


async def probe_server(
    command_line: Sequence[str], environment: Mapping[str, str], seconds: float = PROBE_SECONDS
) -> ProbeResult:
    """Start a server, ask it for its tools, end it."""
    result = ProbeResult(problem=ProbeProblem.NO_SESSION)
    try:
        process = await anyio.open_process(
            list(command_line),
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd=_ROOT_FOLDER,
            start_new_session=sys.platform != "win32",
        )
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        return ProbeResult(problem=ProbeProblem.NOT_EXECUTABLE, error_lines=(reason,))
    except ValueError:  # a null byte
        return ProbeResult(problem=ProbeProblem.NOT_EXECUTABLE, error_lines=("its command line is invalid",))
    errors = _ErrorOutput(process)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(errors.read)
        try:
            with anyio.move_on_after(seconds) as timeout:
                await _Conversation(process, result).run()
            if timeout.cancelled_caught and result.problem:
                result.problem, result.seconds = ProbeProblem.TIMEOUT, seconds
            elif result.problem:
                result.exit_code = await _exit_code(process)
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process)
                with anyio.move_on_after(_ERRORS_END_SECONDS):
                    await errors.ended.wait()
                await process.aclose()
        tasks.cancel_scope.cancel()
    result.error_lines = errors.last_lines()
    return result


async def _exit_code(process: Process) -> int | None:
    """Of a server that ended, or ends now; None for one that goes on."""
    with anyio.move_on_after(_END_SECONDS):
        await process.wait()
    return process.returncode


class _ErrorOutput:
    """A server's standard error: read to its end, since a full pipe would stop the server, and its last lines kept."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._tail = bytearray()
        self._is_cut = False
        self.ended = anyio.Event()

    async def read(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - it is a pipe; mypy can't know
        try:
            with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                while True:
                    self._tail += await self._process.stderr.receive(65536)
                    self._is_cut = self._is_cut or len(self._tail) > _MAX_ERROR_BYTES
                    del self._tail[:-_MAX_ERROR_BYTES]
        finally:
            self.ended.set()

    def last_lines(self) -> tuple[str, ...]:
        """The last lines that are not empty, not cut: half a secret could no longer be masked."""
        tail = bytes(self._tail)
        if self._is_cut:
            # The beginning is the rest of a line, and may be half a secret.
            after_line = tail.partition(b"\n")[2]
            tail = after_line if after_line.strip() else tail.partition(b" ")[2]
        lines = [line for line in tail.decode("utf-8", "replace").splitlines() if line.strip()]
        return tuple(line.rstrip() for line in lines[-_MAX_ERROR_LINES:])


class _Conversation:
    """Line by line over the server's pipes."""

    def __init__(self, process: Process, result: ProbeResult) -> None:
        self._process = process
        self._result = result
        self._started_at = time.monotonic()
        self._buffer = bytearray()

    async def run(self) -> None:
        """Until the server has named its tools and its standard output ended, or it ends before."""
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await self._list_tools()
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe; mypy can't know
        with contextlib.suppress(OSError, anyio.BrokenResourceError):
            await self._process.stdin.aclose()
        with anyio.move_on_after(_END_SECONDS):  # what it started may hold its pipe open
            while (line := await self._read_line()) is not None:
                self._parse(line)

    async def _list_tools(self) -> None:
        initialized = await self._request(1, "initialize", _INITIALIZE)
        if initialized is None:
            return
        self._read_initialize_result(initialized)
        await self._send({"method": "notifications/initialized"})
        listed = await self._request(2, "tools/list", {})
        if listed is None:
            return
        tools = listed.get("tools")
        entries = tools[:_MAX_TOOLS] if isinstance(tools, list) else []
        self._result.tools = tuple(
            shorten(str(tool.get("name")), _MAX_NAME) for tool in entries if isinstance(tool, dict)
        )
        self._result.problem = None
        self._result.seconds = time.monotonic() - self._started_at

    def _read_initialize_result(self, initialized: Mapping[str, Any]) -> None:
        server_info = mapping(initialized.get("serverInfo"))
        self._result.server_name = one_line(str(server_info.get("name") or "nothing"), max_length=_MAX_NAME)
        if (server_info.get("name"), server_info.get("title")) == _SERVER_INFO:
            self._result.version = one_line(str(server_info.get("version") or "unknown"), max_length=_MAX_NAME)
            self._result.agentoses = read_reported_agentoses(mapping(initialized.get("_meta")).get(AGENTOS_META_KEY))

    async def _request(self, request_id: int, method: str, params: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The result; None where the server ends, or answers with an error."""
        await self._send({"id": request_id, "method": method, "params": params})
        while (line := await self._read_line()) is not None:
            message = self._parse(line)
            if message.get("id") == request_id and "method" not in message:
                result = message.get("result")
                return result if isinstance(result, dict) else None
        return None

    async def _send(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe; mypy can't know
        await self._process.stdin.send(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    async def _read_line(self) -> str | None:
        """The next line that is not empty; None at the end."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe; mypy can't know
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                if line.strip():
                    return line.decode("utf-8", "replace")
                continue
            try:
                self._buffer += await self._process.stdout.receive(65536)
            except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
                self._buffer.clear()
                return line.decode("utf-8", "replace") if line.strip() else None
            if len(self._buffer) > _MAX_BUFFER_BYTES:
                self._buffer.clear()

    def _parse(self, line: str) -> Mapping[str, Any]:
        """The message on a line; {} for anything else, which is kept as a stray line."""
        try:
            message = decode(line)
        except ValueError:
            message = None
        if isinstance(message, dict) and message.get("jsonrpc") == "2.0":
            return message
        if len(self._result.stray_lines) < _MAX_STRAY_LINES:
            self._result.stray_lines.append(shorten(line.strip(), _MAX_STRAY_LINE))
        return {}


def read_reported_agentoses(meta: object) -> tuple[ReportedAgentOS, ...]:
    """What a server of ours reports under AGENTOS_META_KEY: its AgentOS, or each of several."""
    state = mapping(meta)
    instances = list(mapping(state.get("instances")).items())[:MAX_INSTANCES] or [("", state)]
    reported = (_reported_agentos(mapping(own_state), name) for name, own_state in instances)
    return tuple(agentos for agentos in reported if agentos is not None)


def _reported_agentos(state: Mapping[str, Any], instance: str) -> ReportedAgentOS | None:
    try:
        status = AgentOSStatus(text(state.get("status")))
    except ValueError:
        return None
    components, error = mapping(state.get("components")), mapping(state.get("error"))
    counts = {kind: count for kind in KINDS if isinstance(count := components.get(f"{kind}s"), int)}
    message = one_line(text(error.get("message")), max_length=_MAX_REPORTED_ERROR)
    error_type = one_line(text(error.get("type")), max_length=_MAX_NAME)
    url = text(state.get("url"))
    return ReportedAgentOS(
        status,
        counts,
        error_type,
        message,
        as_name(text(state.get("name"))),
        display_url(one_line(url, max_length=_MAX_NAME)) if url else "",
        as_name(instance) if instance else "",
    )


async def _end(process: Process) -> None:
    """End the process, with all that it started."""
    with anyio.move_on_after(_END_SECONDS):
        if process.stdin is not None:
            with contextlib.suppress(OSError, anyio.BrokenResourceError):
                await process.stdin.aclose()
        await process.wait()
    for is_asked in (True, False):
        if process.returncode is None:
            with contextlib.suppress(OSError), anyio.move_on_after(_END_SECONDS / 2):
                await _kill_with_children(process, is_asked=is_asked)
                await process.wait()


async def _kill_with_children(process: Process, *, is_asked: bool) -> None:
    """End a process and those that it started, such as what `uvx` runs; where it `is_asked`, it may clean up first.

    On Windows no process can be asked, and only a program of the system knows its children.
    """
    if sys.platform == "win32":
        taskkill = ntpath.join(os.environ.get("SYSTEMROOT", r"C:\Windows"), "System32", "taskkill.exe")
        try:
            await anyio.run_process([taskkill, "/F", "/T", "/PID", str(process.pid)], check=False)
        except OSError:
            process.kill()
    else:
        os.killpg(process.pid, signal.SIGTERM if is_asked else signal.SIGKILL)
