"""What an AgentOS sends without end costs a server no memory without end, and stalls nobody else.

Each attack goes to a server that runs as a process of its own, over HTTP, while another client pings it.
"""

from __future__ import annotations

import json
import sys
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from anyio.abc import SocketStream
from mcp_types import CallToolResult, TextContent

from tests.e2e.clients import over_http
from tests.e2e.processes import HttpServer
from tests.security.ping_meter import ping_meter
from tests.security.process_memory import peak_resident_bytes, resident_bytes
from tests.security.scripted_agentos import Answer, http_json, http_raw, scripted_agentos

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:ping is removed"),
    pytest.mark.skipif(sys.platform != "linux", reason="a process's memory is read from /proc"),
]

MOST_GROWTH = 150_000_000
LONGEST_PING = 1.0
BUDGET = 6000 * 4
OVERHEAD = 3_000
"""Characters of facts that a result may have beside its budget."""
SECONDS = 6.0
"""An endless stream goes on for so long, and then ends as a run does."""
REFERENCE = "run: agent/writer/s1/r1"

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
GZIP_STREAM = STREAM.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")


def sse(name: str, **data: object) -> bytes:
    document = {"event": name, "run_id": "r1", "session_id": "s1", **data}
    return f"event: {name}\ndata: {json.dumps(document)}\n\n".encode()


STARTED = sse("RunStarted")
COMPLETED = sse("RunCompleted", content="The answer.")
STORED = {"run_id": "r1", "session_id": "s1", "agent_id": "writer", "status": "COMPLETED", "content": "As stored."}


def streamed(*pieces: bytes, repeated: bytes = b"", last: bytes = COMPLETED, head: bytes = STREAM) -> Answer:
    """A stream that begins with `pieces`, then repeats one for SECONDS, then ends."""

    async def write(client: SocketStream) -> None:
        await client.send(head + b"".join(pieces))
        end = time.monotonic() + SECONDS
        while repeated and time.monotonic() < end:
            await client.send(repeated)
        await client.send(last)
        await client.send_eof()

    return write


def gzip_bomb(size: int, filler: bytes = b"a", *, before: bytes = b"", after: bytes = b"") -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    packed = packer.compress(before)
    block = filler * (1_000_000 // len(filler))
    for _ in range(size // len(block)):
        packed += packer.compress(block)
    return packed + packer.compress(after) + packer.flush()


@dataclass
class Outcome:
    """What one attack came to."""

    result: CallToolResult
    growth: int
    longest_ping: float

    @property
    def text(self) -> str:
        return "\n".join(block.text for block in self.result.content if isinstance(block, TextContent))


async def attacked(
    answers: Mapping[str, Answer], tool: str = "run_agent", arguments: Mapping[str, Any] | None = None, *options: str
) -> Outcome:
    """One call to a server whose AgentOS answers like that, while another client pings the server."""
    given = {"agent_id": "writer", "message": "go"} if arguments is None else dict(arguments)
    default: dict[str, Answer] = {
        "GET /agents/writer": http_json({"id": "writer"}),
        "GET /agents/writer/runs/*": http_json(STORED),
        "POST /agents/writer/runs/*": http_raw(b"", content_type="text/event-stream"),
    }
    async with scripted_agentos({**default, **answers}) as agentos:
        with HttpServer("--url", agentos.url, *options) as server:
            async with over_http("auto", server.url) as peer, over_http("legacy", server.url) as other:
                await peer.client.list_tools()
                rest = resident_bytes(server.pid)
                async with ping_meter(other.client.send_ping) as meter:
                    result = await peer.call(tool, **given)
                growth = peak_resident_bytes(server.pid) - rest
                print(f"growth {growth / 1e6:.0f} MB, longest ping {meter.longest:.2f} s")  # noqa: T201 - seen where a test fails
    return Outcome(result, growth, meter.longest)


def held(outcome: Outcome, *, reference: bool = True) -> str:
    """The text of a result, once memory, pings, size and reference are as they have to be."""
    assert outcome.growth < MOST_GROWTH
    assert outcome.longest_ping < LONGEST_PING
    assert len(outcome.text) <= BUDGET + OVERHEAD
    if reference:
        assert REFERENCE in outcome.text
    return outcome.text


async def test_an_endless_answer_is_kept_in_part_and_read_whole_at_its_end() -> None:
    delta = sse("RunContent", content="word " * 2000)
    text = held(await attacked({"POST /agents/writer/runs": streamed(STARTED, repeated=delta * 20)}))
    assert text.startswith("The answer.")


async def test_endless_small_deltas_leave_room_for_others() -> None:
    delta = sse("RunContent", content="w")
    held(await attacked({"POST /agents/writer/runs": streamed(STARTED, repeated=delta * 500)}))


async def test_an_endless_line_is_left_out_and_the_run_is_read() -> None:
    line = streamed(STARTED, b"data: ", repeated=b"a" * 1_000_000, last=b"\n\n")
    text = held(await attacked({"POST /agents/writer/runs": line}))
    assert "As stored." in text


async def test_an_endless_event_of_many_lines_is_left_out() -> None:
    lines = streamed(STARTED, repeated=b"data: \n" * 100_000, last=b"\n" + COMPLETED)
    held(await attacked({"POST /agents/writer/runs": lines}))


async def test_a_compressed_stream_is_inflated_in_small_pieces() -> None:
    bomb = gzip_bomb(300_000_000, before=STARTED + b"data: ", after=b"\n\n" + COMPLETED)
    held(await attacked({"POST /agents/writer/runs": streamed(bomb, last=b"", head=GZIP_STREAM)}))


async def test_a_compressed_stream_of_small_events_leaves_room_for_others() -> None:
    delta = sse("RunContent", content="w")
    bomb = gzip_bomb(20_000_000, delta, before=STARTED, after=COMPLETED)
    held(await attacked({"POST /agents/writer/runs": streamed(bomb, last=b"", head=GZIP_STREAM)}))
