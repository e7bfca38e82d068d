"""Servers on a port where an AgentOS is expected: other servers, old AgentOSes, and some that never answer."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def free_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


class _FileServer(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that disconnects is not reported."""


@contextlib.contextmanager
def web_server(
    handler: type[BaseHTTPRequestHandler] = _FileServer, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> Iterator[str]:
    """A plain web server that listens at this address; its URL."""
    with _QuietServer((host, 0), handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://{host}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def json_server(pages: Mapping[str, Any], tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[str]:
    """A server that answers these paths with JSON, or (status, JSON) for a status other than 200; else with 404."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0], (404, {"detail": "Not Found"}))
            status, document = page if isinstance(page, tuple) else (200, page)
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with web_server(Pages, tls, host) as url:
        yield url


def recording_server(credentials: list[str | None]) -> contextlib.AbstractContextManager[str]:
    """A server without any page that records the Authorization header of every request."""

    class Recording(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            credentials.append(self.headers.get("Authorization"))
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return web_server(Recording)


@contextlib.contextmanager
def hung_port() -> Iterator[int]:
    """A port that accepts connections and never answers."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen(16)
        yield sock.getsockname()[1]


@contextlib.contextmanager
def full_port() -> Iterator[int]:
    """A port whose queue is full, so that connections are neither accepted nor refused, as behind a firewall."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield listener.getsockname()[1]


@contextlib.contextmanager
def greeting_port(greeting: bytes, *, slowly: bool = False) -> Iterator[int]:
    """A port that sends a greeting to every connection; `slowly`: followed by a byte at a time, for ever."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        is_closed = threading.Event()
        senders: list[threading.Thread] = []

        def send(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(greeting)
                while slowly and not is_closed.wait(0.2):
                    connection.sendall(b"x")

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    senders.append(threading.Thread(target=send, args=(connection,)))
                    senders[-1].start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            is_closed.set()
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for sender in senders:
                sender.join()


_RUNS: dict[str, Any] = {f"/{kind}s/{{{kind}_id}}/runs": {"post": {}} for kind in ("agent", "team", "workflow")}
_DATABASE: dict[str, Any] = {"db_id": "old-db", "tables": ["agno_sessions"]}
_CONFIG: dict[str, Any] = {
    "os_id": "old",
    "databases": ["old-db"],
    "session": {"dbs": [_DATABASE]},
    "agents": [{"id": "a", "name": "A", "db_id": "old-db"}],
    "teams": [],
    "workflows": [{"id": "w", "name": "W", "db_id": "old-db"}],
}
_HEALTH = {"status": "ok", "instantiated_at": "2026-11-21T07:04:54.648168Z"}
_SESSIONS = {"data": [], "meta": {"page": 1, "limit": 1, "total_pages": 0, "total_count": 0}}

AGNO_2_3: dict[str, Any] = {
    "/health": {**_HEALTH, "instantiated_at": "1795244694.954167"},
    "/config": _CONFIG,
    "/sessions": _SESSIONS,
    "/openapi.json": {"paths": {path: {"get": {}} for path in ("/health", "/config", "/sessions")} | _RUNS},
}
"""The answers of an AgentOS of agno 2.3.26, as far as the doctor reads them."""
AGNO_2_5: dict[str, Any] = {
    "/health": _HEALTH,
    "/info": {"agent_count": 1, "team_count": 0, "workflow_count": 1},
    "/config": _CONFIG,
    "/sessions": _SESSIONS,
    "/openapi.json": {"paths": {path: {"get": {}} for path in ("/health", "/info", "/config", "/sessions")} | _RUNS},
}
"""The same of agno 2.5.17."""
