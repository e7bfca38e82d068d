"""Whole HTTP answers, as the servers of the tests send them."""

from __future__ import annotations

import json


def http_json(document: object, status: int = 200, **headers: str) -> bytes:
    """A JSON document as an answer. NaN and Infinity are written as Python writes them."""
    return http_raw(json.dumps(document).encode(), status, **{"content_type": "application/json", **headers})


def http_raw(body: bytes, status: int = 200, **headers: str) -> bytes:
    """Any body as an answer; `content_encoding="gzip"` becomes `Content-Encoding: gzip`."""
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status} X\r\n{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


def http_answer(status: int, body: str = "{}", **headers: str) -> bytes:
    """A text that is said to be JSON as an answer."""
    return http_raw(body.encode(), status, **{"content_type": "application/json", **headers})
