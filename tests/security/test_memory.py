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

from tests._support.http_answers import http_json, http_raw
from tests._support.ping_meter import ping_meter
from tests._support.process_clients import over_http
from tests._support.process_memory import peak_resident_bytes, resident_bytes
from tests._support.processes import FORK, HttpServer
from tests._support.scripted_agentos import Answer, scripted_agentos

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
    value = {"agent_id": "writer", "message": "go"} if arguments is None else dict(arguments)
    default: dict[str, Answer] = {
        "GET /agents/writer": http_json({"id": "writer"}),
        "GET /agents/writer/runs/*": http_json(STORED),
        "POST /agents/writer/runs/*": http_raw(b"", content_type="text/event-stream"),
    }
    async with scripted_agentos({**default, **answers}) as agentos:
        with HttpServer("--url", agentos.url, *options, command=FORK) as server:
            async with over_http("auto", server.url) as peer, over_http("legacy", server.url) as other:
                await peer.client.list_tools()
                rest = resident_bytes(server.pid)
                async with ping_meter(other.client.send_ping) as meter:
                    result = await peer.call(tool, **value)
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


async def test_endless_answer_is_kept_in_part_and_read_whole_at_its_end() -> None:
    delta = sse("RunContent", content="word " * 2000)
    text = held(await attacked({"POST /agents/writer/runs": streamed(STARTED, repeated=delta * 20)}))
    assert text.startswith("The answer.")


async def test_endless_small_deltas_leave_time_for_other_tasks() -> None:
    delta = sse("RunContent", content="w")
    held(await attacked({"POST /agents/writer/runs": streamed(STARTED, repeated=delta * 500)}))


async def test_endless_line_is_skipped_and_the_run_is_read() -> None:
    line = streamed(STARTED, b"data: ", repeated=b"a" * 1_000_000, last=b"\n\n")
    text = held(await attacked({"POST /agents/writer/runs": line}))
    assert "As stored." in text


async def test_endless_event_of_many_lines_is_skipped() -> None:
    lines = streamed(STARTED, repeated=b"data: \n" * 100_000, last=b"\n" + COMPLETED)
    held(await attacked({"POST /agents/writer/runs": lines}))


async def test_compressed_stream_is_inflated_in_small_pieces() -> None:
    bomb = gzip_bomb(300_000_000, before=STARTED + b"data: ", after=b"\n\n" + COMPLETED)
    held(await attacked({"POST /agents/writer/runs": streamed(bomb, last=b"", head=GZIP_STREAM)}))


async def test_compressed_stream_of_small_events_leaves_time_for_other_tasks() -> None:
    delta = sse("RunContent", content="w")
    bomb = gzip_bomb(20_000_000, delta, before=STARTED, after=COMPLETED)
    held(await attacked({"POST /agents/writer/runs": streamed(bomb, last=b"", head=GZIP_STREAM)}))


# Floods of what a run's state keeps, and its result tells


async def test_flood_of_steps_is_counted() -> None:
    steps = b"".join(
        sse("StepStarted", step_name=f"step {number}") + sse("StepError", error="it broke " * 50)
        for number in range(50_000)
    )
    outcome = await attacked({"POST /agents/writer/runs": streamed(STARTED, steps)})
    text = held(outcome)
    assert "completed, but 50000 of 50000 steps failed" in text
    assert "more failed steps" in text


async def test_flood_of_failed_tools_is_counted() -> None:
    failed = b"".join(sse("ToolCallError", tool={"tool_name": "dig"}, error="no spade " * 20) for _ in range(10_000))
    text = held(await attacked({"POST /agents/writer/runs": streamed(STARTED, failed)}))
    assert "failed tool dig: no spade" in text
    output = text.count("failed tool dig")
    assert f"and {10_000 - output:,} more failed tools" in text


async def test_stored_run_with_ten_thousand_failed_tools_is_counted() -> None:
    tools = [{"tool_name": "dig", "tool_call_error": True, "result": "no spade " * 40}] * 10_000
    stored = {"GET /agents/writer/runs/*": http_json({**STORED, "tools": tools})}
    text = held(await attacked(stored, "get_run", {"run": "agent/writer/s1/r1"}))
    assert "more failed tools" in text
    explained = await attacked(stored, "explain_run", {"run": "agent/writer/s1/r1"})
    assert len(held(explained)) < 4_000


@pytest.mark.parametrize("tool", ["get_run", "continue_run", "explain_run"])
async def test_flood_of_requirements_is_counted(tool: str) -> None:
    requirements = [
        {"id": f"id{number}", "tool_execution": {"tool_name": "deploy", "requires_confirmation": True}}
        for number in range(10_000)
    ]
    paused = http_json({**STORED, "status": "PAUSED", "requirements": requirements})
    answers = {"GET /agents/writer/runs/*": paused}
    text = held(await attacked(answers, tool, {"run": "agent/writer/s1/r1"}, "--ask", "false"))
    if tool == "get_run":
        assert "- deploy-" in text
        assert " more questions" in text
    if tool == "continue_run":
        assert "waits for 10,000 things" in text


async def test_flood_of_media_is_counted() -> None:
    media = [{"id": str(number), "url": "https://example.test/" + "x" * 20} for number in range(50_000)]
    text = held(await attacked({"POST /agents/writer/runs": streamed(STARTED, last=sse("RunCompleted", images=media))}))
    assert "and 49,980 more" in text


async def test_last_event_that_is_too_large_is_read_from_the_stored_run() -> None:
    last = sse("RunCompleted", content="a" * 8_000_000)
    answers = {"POST /agents/writer/runs": streamed(STARTED, last=last)}
    assert held(await attacked(answers)).startswith("As stored.")


async def test_answer_that_cannot_be_read_whole_is_shown_from_its_beginning() -> None:
    last = sse("RunCompleted", content="b" * 20_000_000)
    stored = http_json({**STORED, "content": "b" * 20_000_000})
    answers = {"POST /agents/writer/runs": streamed(STARTED, last=last), "GET /agents/writer/runs/*": stored}
    text = held(await attacked(answers))
    assert text.startswith("bbb")
    assert "only the beginning of the answer" in text


async def test_deep_data_answer_is_cut() -> None:
    deep: object = ["leaf"] * 100_000
    for _ in range(150):
        deep = [deep]
    held(await attacked({"POST /agents/writer/runs": streamed(STARTED, last=sse("RunCompleted", content=deep))}))


# Documents


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(http_raw(gzip_bomb(300_000_000), content_encoding="gzip"), id="gzip"),
        pytest.param(http_raw(b"[" + b"{}," * 5_000_000 + b"{}]"), id="many-objects"),
        pytest.param(http_raw(b'{"content": "' + b"a" * 40_000_000 + b'"}'), id="long-text"),
        pytest.param(http_raw(('{"content": "\U0001f600' + "a" * 15_000_000 + '"}').encode()), id="wide-text"),
        pytest.param(http_raw(b"[" + b"{}," * 5_000_000 + b"{}]", 500), id="error"),
    ],
)
@pytest.mark.parametrize(
    ("path", "tool", "arguments"),
    [
        ("GET /agents/writer/runs/*", "get_run", {"run": "agent/writer/s1/r1"}),
        ("/config", "run_agent", {"agent_id": "writer", "message": "go"}),
    ],
    ids=["run", "config"],
)
async def test_document_that_is_too_large_is_refused(
    document: bytes, path: str, tool: str, arguments: dict[str, str]
) -> None:
    outcome = await attacked({path: document}, tool, arguments)
    held(outcome, reference=False)
    assert outcome.result.is_error


async def test_compressed_document_is_read() -> None:
    packer = zlib.compressobj(9, wbits=31)
    body = packer.compress(json.dumps(STORED).encode()) + packer.flush()
    answers = {"GET /agents/writer/runs/*": http_raw(body, content_encoding="gzip")}
    assert held(await attacked(answers, "get_run", {"run": "agent/writer/s1/r1"})).startswith("As stored.")


async def test_list_of_a_hundred_thousand_rows_is_cut() -> None:
    rows = [{"session_id": f"s{number}", "session_name": "a name"} for number in range(100_000)]
    answers = {"GET /sessions": http_json({"data": rows, "meta": {"total_count": 100_000}})}
    outcome = await attacked(answers, "list_sessions", {}, "--toolsets", "runs,sessions", "--structured-output")
    assert "fit: ask for less" in held(outcome, reference=False)
    assert len(json.dumps(outcome.result.structured_content)) <= BUDGET + OVERHEAD


async def test_component_tools_are_limited_among_ten_thousand_components() -> None:
    agents = [{"id": f"agent-{number}", "name": "x" * 300, "description": "y" * 3000} for number in range(10_000)]
    words = "z" * 500
    detail = {
        "id": "agent",
        "input_schema": {"properties": {f"field_{n}": {"type": "string", "description": words} for n in range(500)}},
    }
    answers = {"/config": http_json({"os_id": "x", "agents": agents}), "GET /agents/*": http_json(detail)}
    async with scripted_agentos(answers) as agentos:
        with HttpServer("--url", agentos.url, "--expose", "agents", command=FORK) as server:
            async with over_http("auto", server.url) as peer:
                rest = resident_bytes(server.pid)
                for _ in range(2):
                    tools = (await peer.client.list_tools()).tools
                assert len(tools) < 300
                assert peak_resident_bytes(server.pid) - rest < MOST_GROWTH
