"""Prometheus's metrics: what is counted, by labels that nobody can multiply, at an address of their own."""

from __future__ import annotations

import socket
import sys

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from agentos_mcp.cli import main
from agentos_mcp.settings import SettingsError, load
from tests._support.apps_client import apps_client, view_content
from tests._support.mcp_client import Connect
from tests._support.scripted_agentos import scripted_agentos

pytestmark = pytest.mark.anyio
ONE_ERA = True


@pytest.fixture
def address() -> tuple[str, int]:
    """A free address on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
    return host, port


async def read(address: tuple[str, int]) -> dict[tuple[str, ...], float]:
    """The values by name and labels: ("agentos_mcp_tool_calls_total", "outcome=ok", "tool=list_agents")."""
    host, port = address
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"http://{host}:{port}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sorted(f"{name}={value}" for name, value in sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_calls_runs_and_requests_are_counted(
    connect: Connect, sample_agentos: str, address: tuple[str, int]
) -> None:
    async with connect(sample_agentos, metrics_address=address) as peer:
        await peer.text("list_agents")
        await peer.text("run_agent", agent_id="echo", message="hello")
        await peer.error("run_agent", agent_id="broken", message="hello")
        await peer.text("run_workflow", workflow_id="three-steps", message="hello")
        values = await read(address)
    calls, runs = "agentos_mcp_tool_calls_total", "agentos_mcp_run_duration_seconds_count"
    assert values[calls, "outcome=ok", "tool=list_agents"] == 1
    assert values[calls, "outcome=ok", "tool=run_agent"] == values[calls, "outcome=error", "tool=run_agent"] == 1
    assert values[runs, "kind=agent", "outcome=completed"] == values[runs, "kind=agent", "outcome=error"] == 1
    assert values[runs, "kind=workflow", "outcome=completed"] == 1
    assert values["agentos_mcp_agentos_request_duration_seconds_count", "method=POST", "outcome=2xx"] >= 3
    assert values["agentos_mcp_followed_runs",] == 0


async def test_followed_run_is_counted_while_it_runs(
    connect: Connect, sample_agentos: str, address: tuple[str, int]
) -> None:
    async with connect(sample_agentos, metrics_address=address) as peer:
        said = await peer.text("run_agent", agent_id="slow", message="200 20", wait=0)
        assert (await read(address))["agentos_mcp_followed_runs",] == 1
        await peer.text("cancel_run", run=said.rpartition("run: ")[2].strip())


async def test_run_that_was_started_elsewhere_is_not_counted_again(
    connect: Connect, sample_agentos: str, address: tuple[str, int]
) -> None:
    async with connect(sample_agentos) as other, connect(sample_agentos, metrics_address=address) as peer:
        said = await other.text("run_agent", agent_id="slow", message="10 1", wait=0)
        await peer.text("get_run", run=said.rpartition("run: ")[2].strip(), wait=20)
        values = await read(address)
    assert not [labels for labels in values if labels[0] == "agentos_mcp_run_duration_seconds_count"]


async def test_names_that_clients_make_up_are_one_label(
    connect: Connect, sample_agentos: str, address: tuple[str, int]
) -> None:
    async with connect(sample_agentos, metrics_address=address, expose=(("agents", "echo"),)) as peer:
        await peer.text("echo", message="hello")
        before = await read(address)
        for number in range(50):
            await peer.error(f"tool-{number}")
            await peer.error("run_agent", agent_id=f"zzqqxx{number}", message="x")
        values = await read(address)
    calls = {labels for labels in values if labels[0] == "agentos_mcp_tool_calls_total"}
    assert values["agentos_mcp_tool_calls_total", "outcome=ok", "tool=(component)"] == 1
    assert values["agentos_mcp_tool_calls_total", "outcome=error", "tool=(unknown)"] == 50
    assert len(calls) == 3
    assert len(values) - len(before) < 40, "50 names and 50 agents make no series of their own"


async def test_pages_that_read_their_data_have_a_label_of_their_own(
    sample_agentos: str, address: tuple[str, int]
) -> None:
    async with apps_client(sample_agentos, metrics_address=address) as peer:
        await view_content(peer, view="inbox")
        values = await read(address)
    calls = {labels: value for labels, value in values.items() if labels[0] == "agentos_mcp_tool_calls_total"}
    assert calls == {("agentos_mcp_tool_calls_total", "outcome=ok", "tool=(view)"): 1}


async def test_agentos_that_does_not_answer_is_told_from_one_that_refuses(
    connect: Connect, address: tuple[str, int]
) -> None:
    requests = "agentos_mcp_agentos_request_duration_seconds_count"
    async with scripted_agentos({}) as server, connect(server.url, metrics_address=address) as peer:
        await peer.error("create_memory", memory="x", user_id="ann")
        values = await read(address)
    assert values[requests, "method=POST", "outcome=4xx"] == 1
    async with connect("http://127.0.0.1:9", metrics_address=address) as peer:
        await peer.error("create_memory", memory="x", user_id="ann")
        values = await read(address)
    assert values[requests, "method=GET", "outcome=unreachable"] >= 1


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("POST", "/metrics", 405)])
async def test_nothing_but_the_metrics_is_served_there(
    connect: Connect, sample_agentos: str, address: tuple[str, int], method: str, path: str, status: int
) -> None:
    async with connect(sample_agentos, metrics_address=address), httpx.AsyncClient() as http:
        answer = await http.request(method, f"http://127.0.0.1:{address[1]}{path}")
    assert answer.status_code == status


async def test_connections_that_send_nothing_do_not_keep_prometheus_out(
    connect: Connect, sample_agentos: str, address: tuple[str, int]
) -> None:
    async with connect(sample_agentos, metrics_address=address):
        idle = [await anyio.connect_tcp(*address) for _ in range(60)]
        assert await read(address)
        for stream in idle:
            await stream.aclose()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("9464", ("127.0.0.1", 9464)),
        (":9464", ("127.0.0.1", 9464)),
        ("localhost:9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),
        ("[::1]:9464", ("::1", 9464)),
    ],
)
def test_address_is_of_this_machine_where_none_is_given(text: str, found: tuple[str, int]) -> None:
    assert load({"metrics_address": text}).metrics_address == found


@pytest.mark.parametrize("text", ["metrics.example.com:9464", "127.0.0.1", "127.0.0.1:99999", "x", ""])
def test_address_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="--metrics-address"):
        load({"metrics_address": text})


def test_address_in_use_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--url", "http://127.0.0.1:9", "--metrics-address", str(port)]) == 2
    assert f"--metrics-address {port} cannot be used: Address already in use" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "module", "imported"),
    [
        (["--metrics-address", "0"], "prometheus_client", "agentos_mcp.server.telemetry.prometheus"),
        (["--opentelemetry"], "opentelemetry.exporter.otlp.proto.http.metric_exporter", ""),
    ],
)
def test_missing_library_is_told_with_the_command_that_installs_it(
    flags: list[str], module: str, imported: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    if imported:
        monkeypatch.delitem(sys.modules, imported, raising=False)
    assert main(["serve", "--url", "http://127.0.0.1:9", *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"agentos-mcp: {flags[0]} takes the extra 'operation', which is not installed")
    assert "Install it: " in error
    assert "[operation]" in error
    assert len(error.splitlines()) == 1
