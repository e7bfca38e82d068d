"""Streams and bodies of any shape, read in pieces of any size, within bounds."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.agentos.errors import ServerFailure, Unreachable
from agentos_mcp.agentos.response_body import estimate_parsed_bytes, iterate_decoded, read_document, read_head
from agentos_mcp.agentos.sse import Frame, FrameReader, parse_event

pytestmark = pytest.mark.anyio

lines = st.sampled_from([b"event: A", b"event:B", b"data: {", b"data:1}", b": comment", b"id: 7", b"retry: 1", b""])
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


def frames_of(stream: bytes, size: int, most: int = 1_000_000) -> list[Frame]:
    frames = FrameReader(most)
    return [frame for at in range(0, len(stream), size) for frame in frames.feed(stream[at : at + size])]


@given(st.lists(st.tuples(lines, ends), max_size=30), st.integers(1, 40))
def test_event_stream_is_the_same_in_pieces_of_any_size(parts: list[tuple[bytes, bytes]], size: int) -> None:
    stream = b"".join(line + end for line, end in parts) + b"\n\n"
    assert frames_of(stream, size) == frames_of(stream, len(stream))


def test_frame_has_all_of_its_data_lines() -> None:
    stream = b'event: A\r\ndata: {"a":\r\ndata:  1}\r\n\r\n: ping\n\nevent: B\ndata: 2\n\ndata: unfinished\n'
    assert frames_of(stream, 5) == [Frame("A", b'{"a":\n 1}'), Frame("B", b"2")]


@pytest.mark.parametrize("size", [7, 100, 100_000])
def test_event_that_is_too_large_is_read_from_its_beginning(size: int) -> None:
    document = json.dumps({"event": "RunCompleted", "run_id": "r", "content": "x" * 5_000}).encode()
    stream = b"data: " + document + b"\n\ndata: {}\n\n"
    large, small = frames_of(stream, size, most=1_000)
    assert (large.is_cut, len(large.data), small) == (True, 1_000, Frame("", b"{}"))
    event = parse_event(large)
    assert event is not None
    assert event.is_cut
    assert (event.name, event.text("run_id")) == ("RunCompleted", "r")
    assert 900 < len(event.text("content")) < 1_000


def test_event_of_very_many_values_is_read_from_its_beginning() -> None:
    event = parse_event(Frame("A", b'{"run_id": "r", "list": [' + b"{}," * 1_000_000 + b"{}]}"))
    assert event is not None
    assert event.is_cut
    assert event.text("run_id") == "r"


def test_endless_line_is_given_up() -> None:
    with pytest.raises(Unreachable, match="does not end"):
        frames_of(b"x" * 100_000_000, 1_000_000, most=1_000)


class Body(httpx2.AsyncByteStream):
    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def answer(*pieces: bytes, encoding: str = "") -> httpx2.Response:
    return httpx2.Response(200, headers={"content-encoding": encoding} if encoding else {}, stream=Body(*pieces))


def packed(words: bytes, wbits: int) -> bytes:
    packer = zlib.compressobj(wbits=wbits)
    return packer.compress(words) + packer.flush()


@pytest.mark.parametrize(("encoding", "wbits"), [("gzip", 31), ("deflate", 15), ("X-GZIP", 31)])
async def test_compressed_body_is_inflated_in_small_pieces(encoding: str, wbits: int) -> None:
    words = b"many words " * 1_000_000
    pieces = [piece async for piece in iterate_decoded(answer(packed(words, wbits), encoding=encoding))]
    assert b"".join(pieces) == words
    assert max(map(len, pieces)) <= 64 * 1024


@pytest.mark.parametrize(
    ("encoding", "body", "message"), [("br", b"x", "not requested"), ("gzip", b"no gzip", "compression is broken")]
)
async def test_compression_that_is_broken_or_unknown_is_an_error(encoding: str, body: bytes, message: str) -> None:
    with pytest.raises(ServerFailure, match=message):
        await read_document(answer(body, encoding=encoding), max_bytes=100, max_parsed_bytes=10_000)


async def test_document_is_refused_by_its_size_and_by_its_parsed_size() -> None:
    with pytest.raises(ServerFailure, match="larger than"):
        await read_document(answer(b"x" * 60, b"x" * 60), max_bytes=100, max_parsed_bytes=10_000_000)
    with pytest.raises(ServerFailure, match="made of so many values"):
        await read_document(answer(b"[" + b"{}," * 100_000 + b"{}]"), max_bytes=1_000_000, max_parsed_bytes=10_000_000)
    assert (
        await read_document(answer(b"x" * 50, b"y" * 50), max_bytes=100, max_parsed_bytes=10_000_000)
        == b"x" * 50 + b"y" * 50
    )


async def test_error_body_is_read_up_to_a_size() -> None:
    assert await read_head(answer(b"abc", b"def", b"ghi"), 5) == b"abcde"


def test_parsed_size_estimate_matches_the_memory_that_parsing_takes() -> None:
    plain = b'{"a": "' + b"x" * 1_000_000 + b'"}'
    wide = '{"a": "\U0001f600'.encode() + b"x" * 1_000_000 + b'"}'
    divided = b"[" + b"{}," * 333_000 + b"{}]"
    assert estimate_parsed_bytes(plain) < estimate_parsed_bytes(wide) < estimate_parsed_bytes(divided)
