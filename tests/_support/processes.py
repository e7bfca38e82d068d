"""Commands as processes of their own, with every line that they say kept; MCP over their raw pipes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import httpx
from mcp_types import jsonrpc_message_adapter

from agentos_mcp.server.http.settings import HTTP_OPTIONS, SECRET_VARIABLES
from agentos_mcp.settings import OPTIONS
from tests._support.fork_server import ForkedProcess, can_fork, fork_server


@dataclass(frozen=True)
class Forked:
    """`python -m MODULE` in a fork of a process with `preload` imported: for tests whose subject is not the start."""

    module: str
    preload: str = "package"


Command = tuple[str, ...] | Forked

MODULE = (sys.executable, "-m", "agentos_mcp")
FORK = Forked("agentos_mcp")
"""The same as MODULE in a tenth of the time."""
SCRIPT = (str(Path(sys.executable).with_name("agentos-mcp")),)
DOWN = "http://127.0.0.1:9"
"""Where no AgentOS is."""

PATIENCE = 30.0
"""Seconds after which something that has to come is taken to be missing."""
PROMPT = 5.0
"""Seconds in which a process has to end once it was told to. It takes less than 2; busy machines take more."""

_OURS = {variable for option in (*OPTIONS, *HTTP_OPTIONS) for variable in option.variables} | set(SECRET_VARIABLES)


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without our settings, and with what is given."""
    return {name: value for name, value in os.environ.items() if name not in _OURS} | dict(given or {})


def run(
    *arguments: str, command: tuple[str, ...] = MODULE, given: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself; it has no terminal."""
    return subprocess.run(
        [*command, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        env=environment(given),
        timeout=PATIENCE,
    )


class _Lines:
    """What a stream says, line by line, read by a thread so that its writer never waits."""

    def __init__(self, stream: IO[str]) -> None:
        self.said: list[str] = []
        self._stream = stream
        self._news = threading.Condition()
        self._over = False
        self._abandoned = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._stream:
            with self._news:
                self.said.append(line.rstrip("\n"))
                self._news.notify_all()
            if self._abandoned:
                break
        with self._news:
            self._over = True
            self._news.notify_all()

    def wait_for(self, wanted: Callable[[str], bool], within: float) -> str:
        """The first line that is wanted. Raises AssertionError where the stream ends, or time is up, without it."""
        deadline, seen = time.monotonic() + within, 0
        with self._news:
            while True:
                for line in self.said[seen:]:
                    if wanted(line):
                        return line
                seen = len(self.said)
                missing = deadline - time.monotonic()
                assert not self._over, f"it ended without that line: {self.said}"
                assert missing > 0, f"that line did not come in {within} s: {self.said}"
                self._news.wait(missing)

    def abandon(self) -> None:
        """Close the stream as soon as one more line has come: a read that waits can't be ended."""
        self._abandoned = True
        self.close()

    def close(self) -> None:
        """Close the stream at its end."""
        self._reader.join(timeout=PATIENCE)
        self._stream.close()


def python_command(command: Forked) -> tuple[str, ...]:
    """What starts the same anew."""
    return (sys.executable, "-m", command.module)


def started_by(command: Command) -> tuple[str, ...]:
    """The words by which another program starts a command."""
    if not isinstance(command, Forked):
        return command
    return (str(fork_server(command.preload).program(command.module)),) if can_fork(None) else python_command(command)


_Started = tuple[subprocess.Popen[str] | ForkedProcess, IO[str], IO[str], IO[str]]
"""A process, and our ends of its stdin, stdout and stderr."""


def _begun(command: Command, arguments: Sequence[str], variables: Mapping[str, str]) -> _Started:
    """A process from its very start."""
    words = python_command(command) if isinstance(command, Forked) else command
    child = subprocess.Popen(
        [*words, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        env=dict(variables),
        start_new_session=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    return child, child.stdin, child.stdout, child.stderr


def _forked(command: Forked, arguments: Sequence[str], variables: Mapping[str, str]) -> _Started:
    pipes = [os.pipe() for _ in range(3)]
    (stdin_theirs, stdin), (out, out_theirs), (err, err_theirs) = pipes
    theirs = (stdin_theirs, out_theirs, err_theirs)
    child = fork_server(command.preload).start(command.module, arguments, variables, theirs)
    for descriptor in theirs:
        os.close(descriptor)
    return (
        child,
        os.fdopen(stdin, "w", encoding="utf-8", errors="replace"),
        os.fdopen(out, encoding="utf-8", errors="replace"),
        os.fdopen(err, encoding="utf-8", errors="replace"),
    )


class Process:
    """A running command. Leaving its context ends it, whatever it does."""

    _ends_by_signal = False
    """Closed stdin means nothing to it."""

    def __init__(self, *arguments: str, command: Command = MODULE, given: Mapping[str, str] | None = None) -> None:
        if isinstance(command, Forked) and can_fork(given):
            self._child, self._stdin, out, err = _forked(command, arguments, environment(given))
        else:
            self._child, self._stdin, out, err = _begun(command, arguments, environment(given))
        self.out = _Lines(out)
        self.err = _Lines(err)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close_stdin()
        if self._ends_by_signal:
            self._child.terminate()
        for insist in (self._child.terminate, self._child.kill):
            try:
                self._child.wait(timeout=PROMPT)
            except subprocess.TimeoutExpired:
                insist()
        self._child.wait()
        self.out.close()
        self.err.close()

    @property
    def pid(self) -> int:
        return self._child.pid

    def close_stdin(self) -> None:
        with contextlib.suppress(BrokenPipeError):  # it may be gone already
            self._stdin.close()

    def die_as_a_client_does(self) -> None:
        """Close both of its pipes, while it goes on talking: what it says then arrives nowhere."""
        self.out.abandon()
        self.close_stdin()

    def signal(self, number: signal.Signals) -> None:
        self._child.send_signal(number)

    def interrupt_as_a_terminal_does(self) -> None:
        """Ctrl-C reaches every process of the terminal's foreground group."""
        os.killpg(self._child.pid, signal.SIGINT)

    def exit_code(self, within: float = PROMPT) -> int:
        """The exit code of a process that is about to end, as a shell has it."""
        try:
            code = self._child.wait(timeout=within)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it did not end in {within} s: {self.err.said}") from None
        return code if code >= 0 else 128 - code

    @property
    def everything(self) -> str:
        """All that it said on stderr, once it has ended."""
        self.err.close()
        return "\n".join(self.err.said)


class RawServer(Process):
    """`agentos-mcp serve` over its pipes, in the handshake era, one JSON-RPC message a line."""

    def __init__(self, *arguments: str, command: Command = MODULE, given: Mapping[str, str] | None = None) -> None:
        super().__init__(*arguments, command=command, given=given)
        self._requests = 0

    def write(self, line: str) -> None:
        self._stdin.write(line + "\n")
        self._stdin.flush()

    def notify(self, method: str, **params: Any) -> None:
        self.write(json.dumps({"jsonrpc": "2.0", "method": method, "params": params}))

    def ask(self, method: str, **params: Any) -> int:
        """Send a request; its id."""
        self._requests += 1
        self.write(json.dumps({"jsonrpc": "2.0", "id": self._requests, "method": method, "params": params}))
        return self._requests

    def answer(self, request: int) -> dict[str, Any]:
        """The message that answers a request: with a result, or with an error."""
        return self._message(lambda message: message.get("id") == request and "method" not in message)

    def result(self, method: str, **params: Any) -> dict[str, Any]:
        answer = self.answer(self.ask(method, **params))
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def shake_hands(self, version: str = "2025-06-18", client_name: str = "raw") -> dict[str, Any]:
        result = self.result(
            "initialize", protocolVersion=version, capabilities={}, clientInfo={"name": client_name, "version": "1"}
        )
        self.notify("notifications/initialized")
        return result

    def tool_names(self) -> list[str]:
        return [tool["name"] for tool in self.result("tools/list")["tools"]]

    def call(self, tool: str, /, **arguments: Any) -> tuple[str, bool]:
        """A finished call: its text, and whether it is an error."""
        result = self.result("tools/call", name=tool, arguments=arguments)
        return "\n".join(block["text"] for block in result["content"]), bool(result.get("isError"))

    def begin(self, tool: str, /, **arguments: Any) -> int:
        """Call a tool and wait until its run is seen to be going; the call's id."""
        token = f"progress-{self._requests}"
        request = self.ask("tools/call", name=tool, arguments=arguments, _meta={"progressToken": token})
        self._message(
            lambda message: (
                message.get("method") == "notifications/progress" and message["params"]["progressToken"] == token
            )
        )
        return request

    def messages(self) -> list[dict[str, Any]]:
        """Everything on stdout so far; every line has to be a JSON-RPC message."""
        for line in self.out.said:
            jsonrpc_message_adapter.validate_json(line, by_name=False)
        return [json.loads(line) for line in self.out.said]

    def _message(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out.wait_for(lambda line: wanted(json.loads(line)), PATIENCE))
        return found


class ListeningProcess(Process):
    """A process that says "Serving MCP at URL" on stderr, serving there."""

    _ends_by_signal = True
    _ADDRESS = re.compile(r"Serving MCP at (http://127\.0\.0\.1:\d+/mcp)$")

    def __init__(self, *arguments: str, command: Command, given: Mapping[str, str] | None = None) -> None:
        super().__init__(*arguments, command=command, given=given)
        try:
            line = self.err.wait_for(lambda line: bool(self._ADDRESS.search(line)), PATIENCE)
            self.url = self._ADDRESS.search(line)[1]  # type: ignore[index]  # the line was waited for by this pattern
            wait_until_it_answers(self.url)
        except BaseException:
            self.__exit__(None, None, None)
            raise


class HttpServer(ListeningProcess):
    """`agentos-mcp serve --http` on a free port, serving."""

    def __init__(self, *arguments: str, command: Command = MODULE, given: Mapping[str, str] | None = None) -> None:
        super().__init__("serve", "--http", "--port", "0", *arguments, command=command, given=given)


def wait_until_it_answers(url: str) -> None:
    """Its socket is open before it serves, so that a connection waits rather than fails."""
    httpx.get(url, timeout=PATIENCE)


def is_gone(url: str) -> bool:
    """Whether nothing listens there any more."""
    try:
        httpx.get(url, timeout=PROMPT)
    except httpx.ConnectError:
        return True
    return False
