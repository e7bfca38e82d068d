"""Whether AgentOS is told of a trace, and what becomes of its own traces then."""

from __future__ import annotations

from typing import Any

import anyio
import httpx
import pytest
from opentelemetry import context, propagate

from agentos_mcp.agentos.observation import ObservedRequest
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.server.telemetry.open_telemetry import AgentOSRequests
from tests._support.agentos_pool import AgentOSPool
from tests._support.mcp_client import Connect, reference
from tests._support.processes import PATIENCE
from tests._support.recorded_telemetry import Telemetry, named, trace_of

pytestmark = pytest.mark.anyio
ONE_ERA = True


async def run(
    telemetry: Telemetry, connect: Connect, url: str, session: str, *, propagate_trace_context: bool
) -> tuple[str, str]:
    """Run `echo` for ann; the run's id, and the id of our trace of it."""
    telemetry.spans_exporter.clear()
    async with connect(url, propagate_trace_context=propagate_trace_context) as peer:
        said = await peer.text("run_agent", agent_id="echo", message="hello", session_id=session, user_id="ann")
    (start,) = named(telemetry.spans, "POST /agents/{component_id}/runs")
    return RunRef.parse(reference(said)).run, trace_of(start)


async def stored_trace(rest: httpx.AsyncClient, trace_id: str) -> dict[str, Any]:
    """AgentOS's trace, once it has stored it."""
    with anyio.fail_after(PATIENCE):
        while True:
            answer = await rest.get(f"/traces/{trace_id}")
            if answer.status_code == 200:
                found: dict[str, Any] = answer.json()
                return found
            await anyio.sleep(0.05)


async def found_traces(rest: httpx.AsyncClient, session: str) -> list[dict[str, Any]]:
    """The traces of a session, once there are any."""
    with anyio.fail_after(PATIENCE):
        while True:
            rows: list[dict[str, Any]] = (await rest.get("/traces", params={"session_id": session})).json()["data"]
            if rows:
                return rows
            await anyio.sleep(0.05)


async def test_agentos_is_not_told_of_a_trace_unless_asked_for(
    telemetry: Telemetry, connect: Connect, agentoses: AgentOSPool
) -> None:
    """Its web framework reads the header, so that it would join."""
    url, later = agentoses.url("traces"), "4bf92f3577b34da6a3ce929d0e0e4736"
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as rest:
        _, ours = await run(telemetry, connect, url, "apart", propagate_trace_context=False)
        await rest.get("/health", headers={"traceparent": f"00-{later}-00f067aa0ba902b7-01"})
        await stored_trace(rest, later)
        assert (await rest.get(f"/traces/{ours}")).status_code == 404
        _, ours = await run(telemetry, connect, url, "joined", propagate_trace_context=True)
        await stored_trace(rest, ours)


async def test_agentos_that_does_not_read_the_header_stores_a_runs_trace_as_ever(
    telemetry: Telemetry, connect: Connect, agentoses: AgentOSPool
) -> None:
    url = agentoses.url("traces", "build_named")
    run_id, ours = await run(telemetry, connect, url, "named", propagate_trace_context=True)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as rest:
        (row,) = await found_traces(rest, "named")
    assert row["trace_id"] != ours
    assert (row["run_id"], row["session_id"], row["user_id"]) == (run_id, "named", "ann")


async def test_trace_that_began_elsewhere_is_stored_without_its_run_its_user_and_its_spans(
    telemetry: Telemetry, connect: Connect, agentoses: AgentOSPool
) -> None:
    """An AgentOS that reads the header and has no span of its own around a run's: those lose what they had."""
    url = agentoses.url("traces", "build_joining")
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE) as rest:
        run_id, _ = await run(telemetry, connect, url, "apart", propagate_trace_context=False)
        (row,) = await found_traces(rest, "apart")
        assert (row["run_id"], row["user_id"]) == (run_id, "ann")
        assert (await stored_trace(rest, row["trace_id"]))["tree"]
        _, ours = await run(telemetry, connect, url, "joined", propagate_trace_context=True)
        document = await stored_trace(rest, ours)
        assert not document.get("run_id")
        assert document["tree"] == []
        for query in ({"session_id": "joined"}, {"user_id": "ann"}):
            found = (await rest.get("/traces", params=query)).json()["data"]
            assert ours not in [one["trace_id"] for one in found]


@pytest.mark.parametrize(("members", "is_passed_on"), [(1, True), (30, False)])
def test_trace_of_the_client_is_passed_on_with_as_much_state_as_is_usual(members: int, is_passed_on: bool) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4737"
    state = ",".join(f"vendor{number}={'x' * 200}" for number in range(members))
    token = context.attach(
        propagate.extract({"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01", "tracestate": state, "baggage": "a=b"})
    )
    try:
        request = ObservedRequest("GET", "/agents", {}, is_read=True, url="http://127.0.0.1:7777")
        observer = AgentOSRequests(propagates=True)
        headers = observer.request_starts(request)
        observer.request_ended(request)
    finally:
        context.detach(token)
    assert headers["traceparent"].split("-")[1] == trace_id
    assert ("tracestate" in headers) is is_passed_on
    assert "baggage" not in headers
