"""Runs our commands in forks of a process that has imported the package already: a start costs a tenth.

For commands that end by themselves and have no terminal. Where the start, a signal or a terminal is the thing under
test, tests start a process of their own (`processes`, `pseudo_terminal`).

    python -m tests._support.command_server FD    serves the socket FD, a request at a time, until it is closed
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

_LARGEST_REQUEST = 1_000_000


@dataclass(frozen=True)
class Completed:
    """A command that has ended: its exit code as a shell has it, and what it wrote."""

    code: int
    out: bytes
    err: bytes


class CommandServer:
    """The process that forks, seen from the tests."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests._support.command_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        self._replies = self._socket.makefile("r")

    def close(self) -> None:
        self._replies.close()
        self._socket.close()
        self._process.wait()

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], stdin: bytes, timeout_seconds: float
    ) -> Completed:
        """`agentos-mcp ARGUMENTS`. Raises TimeoutError where it does not end in time; then it is ended."""
        request = json.dumps({"arguments": arguments, "environment": dict(environment), "folder": str(Path.cwd())})
        pipes = [os.pipe() for _ in range(3)]
        (stdin_theirs, stdin_ours), (out_ours, out_theirs), (err_ours, err_theirs) = pipes
        theirs = (stdin_theirs, out_theirs, err_theirs)
        socket.send_fds(self._socket, [f"{request}\n".encode()], theirs)
        pid = int(self._replies.readline())
        for descriptor in theirs:
            os.close(descriptor)
        timer = threading.Timer(timeout_seconds, os.kill, (pid, signal.SIGKILL))
        timer.start()
        written: dict[int, bytes] = {}
        readers = [threading.Thread(target=_read, args=(ours, written)) for ours in (out_ours, err_ours)]
        for reader in readers:
            reader.start()
        try:
            with os.fdopen(stdin_ours, "wb") as file:
                file.write(stdin)
        except BrokenPipeError:  # it does not read it
            pass
        for reader in readers:
            reader.join()
        code = int(self._replies.readline())
        timer.cancel()
        if code == 128 + signal.SIGKILL:
            raise TimeoutError(f"{arguments} did not end in {timeout_seconds} s: {written[err_ours].decode()}")
        return Completed(code, written[out_ours], written[err_ours])


@functools.cache
def command_server() -> CommandServer:
    """The one of this process."""
    server = CommandServer()
    atexit.register(server.close)
    return server


def _read(descriptor: int, written: dict[int, bytes]) -> None:
    with os.fdopen(descriptor, "rb") as file:
        written[descriptor] = file.read()


def _serve(connection: socket.socket) -> list[str] | None:
    """Fork for each request. Returns in the forks, with the arguments of their command; None at the end."""
    while True:
        data, descriptors, _, _ = socket.recv_fds(connection, _LARGEST_REQUEST, 3)
        while data and not data.endswith(b"\n"):
            data += connection.recv(_LARGEST_REQUEST)
        if not data:
            return None
        request = json.loads(data)
        if pid := os.fork():
            connection.sendall(f"{pid}\n".encode())
            for descriptor in descriptors:
                os.close(descriptor)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            connection.sendall(f"{code if code >= 0 else 128 - code}\n".encode())
            continue
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        connection.close()
        # Those that are there were made for other files.
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - they stay open
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - they stay open
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115 - they stay open
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        arguments: list[str] = request["arguments"]
        return arguments


def _main() -> NoReturn:
    import agentos_mcp
    from agentos_mcp.cli import main

    for module in pkgutil.walk_packages(agentos_mcp.__path__, "agentos_mcp."):
        if not module.name.startswith("agentos_mcp.demo") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    gc.freeze()  # the forks leave alone what they share
    arguments = _serve(socket.socket(fileno=int(sys.argv[1])))
    if arguments is None:
        sys.exit()
    sys.argv[1:] = arguments
    sys.exit(main())


if __name__ == "__main__":
    _main()
