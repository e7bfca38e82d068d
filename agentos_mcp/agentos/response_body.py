"""Reads response bodies within limits: decompressed in small pieces, measured before they are parsed."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

import anyio.lowlevel
import httpx2

from agentos_mcp.agentos.errors import ServerFailure

ACCEPT_ENCODING = "gzip"
"""The only compression that is asked for: httpx2 decodes a whole network chunk at once, however much that becomes."""

_PIECE_BYTES = 64 * 1024
_MIB = 1024 * 1024


async def iterate_decoded(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The body in small pieces, without its compression.

    Raises ServerFailure for a compression that was not asked for, or that is broken.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        # As they come from the network, some 64 KiB at most: pieces of a given size would hold events back.
        async for piece in response.aiter_raw():
            yield piece
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise ServerFailure(
            f"The response has a compression that was not requested ({encoding[:40]!r}).",
            "Let AgentOS, or the proxy before it, use gzip or no compression.",
        )
    inflater = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)
    try:
        async for compressed in response.aiter_raw():
            remaining = compressed
            while remaining and not inflater.eof:
                if piece := inflater.decompress(remaining, _PIECE_BYTES):
                    yield piece
                remaining = inflater.unconsumed_tail
                # A small chunk may hold a great deal, and others have to get their turn.
                await anyio.lowlevel.checkpoint()
    except zlib.error as error:
        raise ServerFailure(
            "The response's compression is broken.", "Check the proxy before AgentOS, if there is one."
        ) from error


async def read_document(response: httpx2.Response, *, max_bytes: int, max_parsed_bytes: int) -> bytes:
    """A whole body that is small enough to be parsed. Raises ServerFailure where it is too large."""
    pieces: list[bytes] = []
    length = 0
    async for piece in iterate_decoded(response):
        length += len(piece)
        if length > max_bytes:
            raise _too_large_error(f"larger than {max_bytes / _MIB:.3g} MiB")
        pieces.append(piece)
    body = b"".join(pieces)
    pieces.clear()
    if estimate_parsed_bytes(body) > max_parsed_bytes:
        raise _too_large_error(
            f"made of so many values that its {len(body) / _MIB:.3g} MiB would take several times that to read"
        )
    return body


async def read_head(response: httpx2.Response, max_bytes: int) -> bytes:
    """The beginning of a body."""
    head = b""
    async for piece in iterate_decoded(response):
        head += piece
        if len(head) >= max_bytes:
            break
    return head[:max_bytes]


def estimate_parsed_bytes(body: bytes) -> int:
    """About how many bytes a JSON document takes in memory while it is parsed, never much less than it does."""
    if len(body) <= _PIECE_BYTES:
        return len(body) * 30
    nodes = 200 * body.count(b"{") + 88 * body.count(b"[") + 64 * (body.count(b",") + body.count(b":"))
    # The bytes, the text that is parsed, and the texts in it: of up to four bytes a character.
    return len(body) * (1 + 2 * _bytes_per_character(body)) + nodes


def _bytes_per_character(body: bytes) -> int:
    """The most bytes that a character of this text takes in a Python string."""
    if any(lead in body for lead in (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4", b"\\ud", b"\\uD")):
        return 4
    return 1 if body.isascii() and b"\\u" not in body else 2


def _too_large_error(reason: str) -> ServerFailure:
    return ServerFailure(f"The response is {reason}.", "Request less: a smaller page, one run instead of a session.")
