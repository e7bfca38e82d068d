"""A web server for AgentOS to fetch from: pages by path, which a test can change or hold back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Pages:
    url: str
    held: threading.Event = field(default_factory=threading.Event)
    """Set once what was held back may go."""

    def at(self, path: str) -> str:
        return self.url + path


@contextmanager
def serve_pages(pages: dict[str, str]) -> Iterator[Pages]:
    """Serves `pages`; those whose path begins with /held wait until they are let go."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/held"):
                served.held.wait(10)
            words = pages.get(self.path)
            self.send_response(404 if words is None else 200)
            self.send_header("Content-Type", "text/plain")
            self.end_headers()
            self.wfile.write((words or "").encode())

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Pages(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        served.held.set()
        server.shutdown()
        server.server_close()
        thread.join()
