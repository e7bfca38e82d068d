"""Runs modules in forks of a process that has imported what they need already: a start costs a tenth.

For processes whose start is not the thing under test: tests of the start itself have Python begin anew.

    python -m tests._support.fork_server FD PRELOAD    serves the listening socket FD until its stdin is closed
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import importlib
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests._support.fork_requests import receive_number, receive_request, send_number, send_request
from tests._support.process_use import shared

_ROOT = Path(__file__).parents[2]


class ForkedProcess:
    """A fork that runs a module: what tests use of `subprocess.Popen`."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.pid = pid
        self._connection = connection
        self._code: int | None = None
        self._waits = threading.Lock()

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative for a signal's. Raises subprocess.TimeoutExpired."""
        with self._waits:
            if self._code is None:
                self._connection.settimeout(timeout)
                try:
                    self._code = receive_number(self._connection)
                except (TimeoutError, BlockingIOError):
                    raise subprocess.TimeoutExpired("a fork", timeout or 0) from None
                self._connection.close()
            return self._code

    def poll(self) -> int | None:
        """Its exit code where it has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(timeout=0)
        return None

    def send_signal(self, number: int) -> None:
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and nobody waited for it
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that forks, seen from the tests."""

    def __init__(self, preload: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="forks-")
        self._address = str(Path(self._folder.name) / "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(self._address)
            listener.listen(64)
            with shared():
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests._support.fork_server", str(listener.fileno()), preload],
                    stdin=subprocess.PIPE,
                    pass_fds=(listener.fileno(),),
                    cwd=_ROOT,
                )

    def close(self) -> None:
        """End the process; what it forked goes on."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()

    def start(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], descriptors: Sequence[int]
    ) -> ForkedProcess:
        """`python -m MODULE ARGUMENTS` with this stdin, stdout and stderr, in a session of its own."""
        return ForkedProcess(*send_request(self._address, module, arguments, environment, descriptors))

    def run(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], stdin: bytes, timeout: float
    ) -> subprocess.CompletedProcess[bytes]:
        """As `subprocess.run`, for what ends by itself."""
        (stdin_theirs, stdin_ours), (out_ours, out_theirs), (err_ours, err_theirs) = (os.pipe() for _ in range(3))
        theirs = (stdin_theirs, out_theirs, err_theirs)
        child = self.start(module, arguments, environment, theirs)
        for descriptor in theirs:
            os.close(descriptor)
        timer = threading.Timer(timeout, child.kill)
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
        code = child.wait()
        timer.cancel()
        if code == -signal.SIGKILL:
            raise subprocess.TimeoutExpired([module, *arguments], timeout, written[out_ours], written[err_ours])
        return subprocess.CompletedProcess([module, *arguments], code, written[out_ours], written[err_ours])

    def program(self, module: str) -> Path:
        """A program that does what `python -m MODULE` does, for others to start."""
        file = Path(self._folder.name) / module
        if file.exists():
            return file
        support = str(Path(__file__).parent)
        file.write_text(
            f"#!{sys.executable} -IS\n"
            "import sys\n"
            f"sys.path.append({support!r})\n"
            "from fork_requests import stand_in\n"
            f"stand_in({self._address!r}, {module!r})\n",
            encoding="utf-8",
        )
        file.chmod(0o755)
        return file


def can_fork(variables: Mapping[str, str] | None) -> bool:
    """Whether a fork is the same as a start with these variables: not where they are for Python itself."""
    return hasattr(os, "fork") and not any(name.startswith("PYTHON") for name in variables or ())


def _read(descriptor: int, written: dict[int, bytes]) -> None:
    with os.fdopen(descriptor, "rb") as file:
        written[descriptor] = file.read()


@functools.cache
def fork_server(preload: str) -> ForkServer:
    """The one of this process with these modules: a key of PRELOADS."""
    server = ForkServer(preload)
    atexit.register(server.close)
    return server


def _preload_package() -> None:
    """All of our package but the demo, which needs agno."""
    import agentos_mcp

    for module in pkgutil.walk_packages(agentos_mcp.__path__, "agentos_mcp."):
        if not module.name.startswith("agentos_mcp.demo") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _preload_agno() -> None:
    """What the tests' AgentOSes import of agno and others; they and our package are imported anew by each fork."""
    import uvicorn  # noqa: F401 - imported for the forks

    import tests._support.agentos
    from agentos_mcp.demo import host_process

    with host_process._reserve_stdout():  # before agno looks at its loggers, as at every start
        importlib.import_module("agentos_mcp.demo.components")
        for module in pkgutil.iter_modules(tests._support.agentos.__path__, "tests._support.agentos."):
            importlib.import_module(module.name)
    for name in [name for name in sys.modules if name.startswith(("agentos_mcp", "tests._support.agentos"))]:
        del sys.modules[name]


PRELOADS: Mapping[str, Callable[[], None]] = {"package": _preload_package, "agno": _preload_agno}


def _serve(listener: socket.socket) -> dict[str, Any] | None:
    """Fork for each request. Returns in the forks, with the request; None at the end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait for the forks
    while True:
        ready, _, _ = select.select([listener.fileno(), 0], [], [])
        if 0 in ready:
            return None
        connection, _ = listener.accept()
        if os.fork():
            connection.close()
            continue
        listener.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        try:
            request, descriptors = receive_request(connection)
        except ConnectionError:
            os._exit(0)
        if pid := os.fork():
            _attend(pid, connection, descriptors)
        connection.close()
        _become(request, descriptors)
        return request


def _attend(pid: int, connection: socket.socket, descriptors: Sequence[int]) -> None:
    """Tell of the end of a fork; kill it once nobody wants to know."""
    os.setsid()  # a terminal's Ctrl-C is not for it
    for descriptor in (0, 1, 2, *descriptors):
        os.close(descriptor)
    try:
        send_number(connection, pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)

    def watch() -> None:
        with contextlib.suppress(OSError):
            connection.recv(1)
        os.kill(pid, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError):
        send_number(connection, code)
    os._exit(0)


def _become(request: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Take on a session of its own, its terminal if stderr is one, and the streams, folder and environment."""
    import fcntl
    import termios

    os.setsid()
    if os.isatty(descriptors[2]):
        fcntl.ioctl(descriptors[2], termios.TIOCSCTTY, 0)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    # Those that are there were made for other files.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - they stay open
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - they stay open
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115 - they stay open
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    sys.argv[1:] = request["arguments"]


def _main(descriptor: int, preload: str) -> None:
    PRELOADS[preload]()
    assert threading.active_count() == 1, "forks have none of the threads that an import started"
    gc.freeze()  # the forks leave alone what they share
    request = _serve(socket.socket(fileno=descriptor))
    if request is not None:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2])
