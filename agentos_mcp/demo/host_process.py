"""The process that hosts the demo's AgentOS, and the context manager that starts and stops it.

`python -m agentos_mcp.demo.host_process [--port N] [--db FILE] [--with-parent]` prints its address, one line, when it
is ready.
"""

import argparse
import asyncio
import contextlib
import gc
import importlib
import importlib.util
import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from agentos_mcp.install.own_package import install_command

if TYPE_CHECKING:
    from fastapi import FastAPI

DEMO_BUILD_FUNCTION = "agentos_mcp.demo.components:build_agent_os"
START_TIMEOUT_SECONDS = 60.0
PACE_VARIABLE = "AGENTOS_DEMO_PACE"
"""Environment variable: multiplies every delay of the demo's models; 0 means none."""
URL_VARIABLE = "AGENTOS_DEMO_URL"
"""Environment variable: where the demo's AgentOS will be served, which its scheduler has to know."""

_AGNO_MISSING_CODE = 3
"""The exit code of the process where agno cannot be imported."""


def agno_missing_message() -> str:
    """What to do where the demo's extra is missing, with the command for the way in which this copy was installed."""
    return f"The demo needs agno, which is not installed. Next: {install_command('demo')}"


class DemoError(RuntimeError):
    """The demo's AgentOS could not be started; the message says why and what to do next."""


@contextlib.contextmanager
def demo_agentos(
    *,
    db_file: str | None = None,
    pace: float = 1.0,
    port: int = 0,
    build: str = DEMO_BUILD_FUNCTION,
    environment: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> Iterator[str]:
    """Run an AgentOS in a process of its own: yields its address, stops it on leaving. Raises DemoError.

    Without `db_file` everything it stores is deleted at the end. `pace` multiplies its models' delays.
    `build` names a function ("module:function") that builds the AgentOS from the path of its database;
    `environment` is added to the process's own; `python` is the Python that runs it, which has to have agno.
    """
    if python == sys.executable and importlib.util.find_spec("agno") is None:
        raise DemoError(agno_missing_message())
    command = [
        python,
        "-m",
        "agentos_mcp.demo.host_process",
        "--with-parent",
        "--port",
        str(port),
        "--build",
        build,
    ]
    if db_file is not None:
        command += ["--db", db_file]
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(environment or {}), PACE_VARIABLE: str(pace)},
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert child.stdout is not None  # noqa: S101 - a pipe; mypy cannot know
    assert child.stderr is not None  # noqa: S101 - likewise
    lines = queue.SimpleQueue[str | None]()
    last_errors = deque[str](maxlen=20)
    readers = [
        threading.Thread(target=_queue_lines, args=(child.stdout, lines), daemon=True),
        threading.Thread(target=_collect_lines, args=(child.stderr, last_errors), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        try:
            address = lines.get(timeout=START_TIMEOUT_SECONDS)
        except queue.Empty:
            raise DemoError(_start_error(f"was not ready after {START_TIMEOUT_SECONDS:.0f} s", last_errors)) from None
        if address is None:
            code = child.wait(timeout=5)
            readers[1].join(timeout=5)
            if code == _AGNO_MISSING_CODE:
                raise DemoError(agno_missing_message())
            raise DemoError(_start_error(f"ended with code {code}", last_errors))
        yield address
    finally:
        _stop(child)
        for reader in readers:
            reader.join(timeout=5)
        child.stdout.close()
        child.stderr.close()


def _queue_lines(stream: IO[str], lines: "queue.SimpleQueue[str | None]") -> None:
    for line in stream:
        lines.put(line.strip())
    lines.put(None)


def _collect_lines(stream: IO[str], last_lines: deque[str]) -> None:
    last_lines.extend(iter(stream.readline, ""))


def _start_error(what: str, last_errors: deque[str]) -> str:
    errors = "".join(last_errors).strip()
    return (
        f"The demo's AgentOS {what}. Next: run `python -m agentos_mcp.demo.host_process` to see why, or repair the "
        f"installation: {install_command('demo')}\n{errors or 'It printed no error.'}"
    )


def _stop(child: "subprocess.Popen[str]") -> None:
    """Stop the process by closing its stdin, which works on every platform; else terminate it, else kill it."""
    if child.stdin is not None:
        with contextlib.suppress(OSError):
            child.stdin.close()
    for stop in (child.terminate, child.kill):
        try:
            child.wait(timeout=3)
        except subprocess.TimeoutExpired:
            stop()
        else:
            return
    child.wait()


def main(arguments: list[str] | None = None) -> int:
    """Serve the AgentOS until stopped; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m agentos_mcp.demo.host_process", description="Serve the demo's AgentOS."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--db", metavar="FILE", help="SQLite file to store everything in (default: a temporary one)")
    parser.add_argument(
        "--build", default=DEMO_BUILD_FUNCTION, metavar="MODULE:FUNCTION", help="function that builds the AgentOS"
    )
    parser.add_argument("--with-parent", action="store_true", help="end when stdin is closed")
    options = parser.parse_args(arguments)

    # asyncio turns Nagle's algorithm off only for sockets that say that they are TCP. With it every answer that keeps
    # its connection takes 40 ms more.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind(("127.0.0.1", options.port))
    except OSError as error:
        sock.close()
        print(
            f"Port {options.port} cannot be used: {error.strerror}. Next: leave --port out for a free one.",
            file=sys.stderr,
        )
        return 2

    with contextlib.ExitStack() as stack:
        stack.callback(sock.close)
        stdout = stack.enter_context(_reserve_stdout())
        db_file = options.db
        if db_file is None:
            folder = stack.enter_context(
                # Windows cannot remove a SQLite file that is still open.
                tempfile.TemporaryDirectory(prefix="agentos-demo-", ignore_cleanup_errors=True)
            )
            db_file = str(Path(folder) / "agentos.db")
        # What is created at start stays: collecting garbage then would cost a fifth of the time.
        gc.disable()
        os.environ[URL_VARIABLE] = f"http://127.0.0.1:{sock.getsockname()[1]}"
        module, _, function = options.build.partition(":")
        try:
            build_agent_os = getattr(importlib.import_module(module), function)
        except ModuleNotFoundError as error:
            print(f"{agno_missing_message()} ({error})", file=sys.stderr)
            return _AGNO_MISSING_CODE
        app = build_agent_os(db_file).get_app()
        gc.freeze()
        gc.enable()
        _serve(app, sock, stdout, with_parent=options.with_parent)
    return 0


@contextlib.contextmanager
def _reserve_stdout() -> Iterator[IO[str]]:
    """Yields the real stdout, for the address alone; everything else that is printed goes to stderr."""
    os.environ["AGNO_TELEMETRY"] = "false"
    # agno gives a logger a handler of its own, on stdout, unless it finds one configured.
    for name in ("agno", "agno-team", "agno-workflow"):
        logging.getLogger(name).setLevel(logging.WARNING)
    stdout = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        yield stdout


def _serve(app: "FastAPI", sock: socket.socket, stdout: IO[str], *, with_parent: bool) -> None:
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                with contextlib.suppress(OSError):  # the parent may have closed the pipe
                    print(f"http://127.0.0.1:{sock.getsockname()[1]}", file=stdout, flush=True)

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # Tasks that are cut off log tracebacks; being stopped is no error.
            logging.disable(logging.CRITICAL)
            # AgentOS would wait half a minute for the runs that are still going.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(super().shutdown(sockets), timeout=1.3)

    server = Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1))

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn raises the signal that stopped it again at its end, which would kill us before we clean up.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    if with_parent:
        threading.Thread(target=_stop_at_end_of_stdin, args=(stop,), daemon=True).start()
    server.run(sockets=[sock])


def _stop_at_end_of_stdin(stop: Callable[[], None]) -> None:
    sys.stdin.read()
    stop()


if __name__ == "__main__":
    sys.exit(main())
