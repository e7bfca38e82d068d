"""`python -m tests.interop.recorded_http_server LOG AGENTOS WAIT TOKEN`: our server over HTTP, with what is said kept.

It is the server as people run it, with one layer around its application. The log is as programs/wire_recorder.py
writes it.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentos_mcp.server.build import build_server
from agentos_mcp.server.http import app as http_app
from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.settings import Settings, Token


class MessageRecorder:
    """Writes each message of requests and answers to a log."""

    def __init__(self, app: ASGIApp, log: Path) -> None:
        self._app = app
        self._log = log.open("a", encoding="utf-8")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked, answered = bytearray(), bytearray()

        async def recorded_receive() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                asked.extend(message.get("body", b""))
                if not message.get("more_body"):
                    self._write("client", bytes(asked))
                    asked.clear()
            return message

        async def recorded_send(message: Message) -> None:
            if message["type"] == "http.response.body":
                answered.extend(message.get("body", b""))
                *lines, rest = bytes(answered).split(b"\n")
                for line in lines:
                    self._write("server", line.removeprefix(b"data:"))
                answered[:] = rest
                if not message.get("more_body"):
                    self._write("server", rest)
            await send(message)

        await self._app(scope, recorded_receive, recorded_send)

    def _write(self, speaker: str, said: bytes) -> None:
        if said.strip().startswith(b"{"):
            self._log.write(json.dumps([time.time(), speaker, said.decode("utf-8", "replace")]) + "\n")
            self._log.flush()


def main() -> None:
    log, agentos, wait_seconds, token = sys.argv[1:]
    logging.basicConfig(level=logging.WARNING)
    application = http_app.application

    def recorded(*arguments: Any) -> ASGIApp:
        return MessageRecorder(application(*arguments), Path(log))

    listener = http_app.open_socket("127.0.0.1", 0)
    sys.stderr.write(f"Serving MCP at {http_app.address(listener)}\n")
    sys.stderr.flush()
    server = build_server(Settings(url=agentos, wait=float(wait_seconds)))
    with patch.object(http_app, "application", recorded):
        anyio.run(http_app.serve_http, server, listener, HttpSettings(token=Token(token)))


if __name__ == "__main__":
    main()
