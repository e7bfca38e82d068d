"""A chat endpoint on loopback that answers with what it is given, in order, and keeps what it was sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class EndpointReply:
    body: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReceivedRequest:
    path: str
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: Any


@dataclass
class ScriptedChatEndpoint:
    url: str
    requests: list[ReceivedRequest] = field(default_factory=list)


def json_reply(document: object) -> EndpointReply:
    return EndpointReply(json.dumps(document))


@contextmanager
def scripted_chat_endpoint(replies: Sequence[EndpointReply]) -> Iterator[ScriptedChatEndpoint]:
    """Serves the replies; once they are used up, HTTP 404."""
    remaining = list(replies)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            headers = {name.lower(): value for name, value in self.headers.items()}
            endpoint.requests.append(ReceivedRequest(self.path, headers, json.loads(self.rfile.read(length))))
            reply = remaining.pop(0) if remaining else EndpointReply("no reply is left", 404)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    endpoint = ScriptedChatEndpoint(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
