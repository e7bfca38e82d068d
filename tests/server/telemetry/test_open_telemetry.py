"""OpenTelemetry: spans and histograms by the conventions of MCP and HTTP, with names that nobody can multiply."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_types import RequestParamsMeta
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.settings import Settings
from tests._support.http_answers import http_json
from tests._support.log_capture import json_log
from tests._support.mcp_client import Connect, reference
from tests._support.recorded_telemetry import Telemetry, named, trace_of
from tests._support.scripted_agentos import scripted_agentos

pytestmark = pytest.mark.anyio
ONE_ERA = True

MARK = "Xylophone-7f3a9"
CALLER = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


async def test_request_to_agentos_is_a_client_span_within_the_call(
    telemetry: Telemetry, connect: Connect, sample_agentos: str
) -> None:
    async with connect(sample_agentos) as peer:
        telemetry.spans_exporter.clear()
        run = RunRef.parse(reference(await peer.text("run_agent", agent_id="echo", message=MARK)))
    (call,) = named(telemetry.spans, "tools/call run_agent")
    (start,) = named(telemetry.spans, "POST /agents/{component_id}/runs")
    assert (call.kind, start.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    assert start.parent is not None
    assert call.context is not None
    assert start.parent.span_id == call.context.span_id
    assert trace_of(start) == trace_of(call)
    found = attributes(start)
    assert found["agentos.run_id"] == run.run
    assert found["http.request.method"] == "POST"
    assert found["http.response.status_code"] == 200
    assert found["url.template"] == "/agents/{component_id}/runs"
    assert sample_agentos == f"http://{found['server.address']}:{found['server.port']}"
    for span in telemetry.spans:
        assert MARK not in f"{span.name} {attributes(span)} {[event.attributes for event in span.events]}"
        assert run.run not in span.name
        assert "?" not in span.name


async def test_request_says_which_of_several_agentoses_it_went_to(
    telemetry: Telemetry, connect: Connect, sample_agentos: str, demo: str
) -> None:
    each = (Settings(instance="dev", url=demo), Settings(instance="prod", url=sample_agentos))
    async with connect(demo, instances=each) as peer:
        telemetry.spans_exporter.clear()
        await peer.text("list_sessions")
    found = [attributes(span) for span in named(telemetry.spans, "GET /sessions")]
    assert {f"http://{one['server.address']}:{one['server.port']}" for one in found} == {demo, sample_agentos}


async def test_call_joins_the_trace_of_its_client(telemetry: Telemetry, connect: Connect, sample_agentos: str) -> None:
    meta: RequestParamsMeta = CALLER  # type: ignore[assignment]  # a key that the SDK's type does not name
    async with connect(sample_agentos) as peer:
        await peer.client.call_tool("run_agent", {"agent_id": "echo", "message": "x"}, meta=meta)
    traces = {
        trace_of(span)
        for name in ("tools/call run_agent", "POST /agents/{component_id}/runs")
        for span in named(telemetry.spans, name)
    }
    # The SDK's client has a span of its own; without one the caller's would be the parent.
    (sent,) = named(telemetry.spans, "MCP send tools/call run_agent")
    assert traces == {trace_of(sent)}


async def test_each_attempt_is_a_span_and_the_failed_one_says_why(telemetry: Telemetry, connect: Connect) -> None:
    answers = {"GET /memories": http_json({"detail": MARK}, 502)}
    async with scripted_agentos(answers) as server, connect(server.url) as peer:
        telemetry.spans_exporter.clear()
        await peer.error("list_memories")
    attempts = named(telemetry.spans, "GET /memories")
    assert [attributes(span).get("http.request.resend_count", 0) for span in attempts] == [0, 1, 2]
    for span in attempts:
        assert attributes(span)["error.type"] == "502"
        assert span.status.status_code is StatusCode.ERROR
        assert MARK not in str(span.to_json())


async def test_request_without_a_response_names_its_error(telemetry: Telemetry, connect: Connect) -> None:
    async with connect("http://127.0.0.1:9") as peer:
        await peer.error("list_agents")
    found = [attributes(span) for span in named(telemetry.spans, "GET /config")]
    assert found
    assert {one["error.type"] for one in found} == {"Unreachable"}
    assert not [one for one in found if "http.response.status_code" in one]


async def test_durations_are_told_by_method_tool_and_route(
    telemetry: Telemetry, connect: Connect, sample_agentos: str
) -> None:
    async with connect(sample_agentos) as peer:
        await peer.text("run_agent", agent_id="echo", message="hello")
        await peer.error("run_agent", agent_id="broken", message="hello")
    operations = [dict(point.attributes) for point in telemetry.points("mcp.server.operation.duration")]
    runs = [one for one in operations if one.get("gen_ai.tool.name") == "run_agent"]
    assert {one.get("error.type", "") for one in runs} >= {"", "tool_error"}
    for one in runs:
        assert one["mcp.method.name"] == "tools/call"
        assert one["gen_ai.operation.name"] == "execute_tool"
        assert one["network.transport"] == "pipe"
    (point,) = [
        point
        for point in telemetry.points("http.client.request.duration")
        if point.attributes["url.template"] == "/agents/{component_id}/runs"
        and f"http://{point.attributes['server.address']}:{point.attributes['server.port']}" == sample_agentos
    ]
    assert point.count >= 2
    assert point.attributes["http.response.status_code"] == 200
    assert point.explicit_bounds[0] == 0.005


async def test_names_that_clients_make_up_name_no_span_and_no_series(
    telemetry: Telemetry, connect: Connect, sample_agentos: str
) -> None:
    async with connect(sample_agentos) as peer:
        for number in range(20):
            await peer.error(f"{MARK}-{number}")
    server_spans = [span for span in telemetry.spans if span.kind is SpanKind.SERVER]
    assert len(named(server_spans, "tools/call")) == 20
    for span in server_spans:
        assert MARK not in f"{span.name} {attributes(span)}"
    series = {point.attributes.get("gen_ai.tool.name") for point in telemetry.points("mcp.server.operation.duration")}
    assert "(unknown)" in series
    assert not [name for name in series if name and MARK in name]


async def test_log_lines_have_the_ids_of_the_trace_and_the_run(
    telemetry: Telemetry, connect: Connect, sample_agentos: str
) -> None:
    async with connect(sample_agentos) as peer:
        with json_log() as log:
            run = reference(await peer.text("run_agent", agent_id="echo", message=MARK))
    (call,) = named(telemetry.spans, "tools/call run_agent")
    assert call.context is not None
    lines = [line for line in log.lines if line.get("run") == run]
    assert lines
    assert {(line["trace_id"], line["span_id"]) for line in lines} == {(trace_of(call), f"{call.context.span_id:016x}")}
    assert MARK not in log.text
