"""Starts MCP servers over HTTP as processes of their own."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agentos_mcp.server.http.settings import HTTP_OPTIONS, TOKEN_VARIABLE
from agentos_mcp.settings import OPTIONS

START_TIMEOUT_SECONDS = 30.0
_ADDRESS = re.compile(r"Serving MCP at (http://\S+)")
_ROOT = Path(__file__).parents[2]


@contextmanager
def serving(*arguments: str) -> Iterator[str]:
    """`python ARGUMENTS`, a process that says "Serving MCP at URL": yields that URL, ends the process on leaving."""
    own_variables = {variable for option in (*OPTIONS, *HTTP_OPTIONS) for variable in option.variables} | {
        TOKEN_VARIABLE
    }
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=_ROOT,
        env={name: value for name, value in os.environ.items() if name not in own_variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stderr is not None
    stream = process.stderr
    lines: list[str] = []
    address: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            lines.append(line)
            if match := _ADDRESS.search(line):
                address.put(match[1])
        address.put("")

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        try:
            url = address.get(timeout=START_TIMEOUT_SECONDS)
        except queue.Empty:
            url = ""
        if not url:
            raise RuntimeError(f"{' '.join(arguments)} did not start:\n{''.join(lines)}")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join(timeout=5)
        stream.close()
