"""Raw clients of `serve --http`: whole JSON-RPC requests in a legacy session, and sockets that stop halfway."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

import httpx

from tests._support.processes import PATIENCE

ACCEPTED = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


def initialize(client: httpx.Client, url: str, **capabilities: Any) -> httpx.Response:
    """Open a session."""
    info = {"name": "raw", "version": "1"}
    params = {"protocolVersion": "2025-06-18", "capabilities": capabilities, "clientInfo": info}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    return client.post(url, json=body, headers=ACCEPTED)


@dataclass
class RawSession:
    """A legacy session over one connection, kept open between requests."""

    url: str
    client: httpx.Client
    session: str

    @classmethod
    @contextmanager
    def opened(cls, url: str) -> Iterator[Self]:
        with httpx.Client(timeout=PATIENCE) as client:
            yield cls(url, client, initialize(client, url).headers["mcp-session-id"])

    def post(self, method: str, **params: Any) -> httpx.Response:
        body = {"jsonrpc": "2.0", "id": 2, "method": method, "params": params}
        return self.client.post(self.url, json=body, headers=self.headers)

    def ping(self) -> None:
        answer = self.post("ping")
        assert answer.status_code == 200, answer.text
        assert '"result":{}' in answer.text, answer.text

    @property
    def headers(self) -> dict[str, str]:
        return {**ACCEPTED, "mcp-session-id": self.session}


@contextmanager
def sockets(url: str, count: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """So many connections, each of which sends this and then nothing more."""
    address = httpx.URL(url)
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            connection = socket.create_connection((address.host, address.port), timeout=PATIENCE)
            opened.append(connection)
            try:
                connection.sendall(sent)
            except ConnectionError:  # it had to go already
                continue
        yield opened
    finally:
        for connection in opened:
            connection.close()
