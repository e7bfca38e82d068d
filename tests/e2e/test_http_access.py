"""`serve --http` for other machines: who is let in, and what is asked of them."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from tests._support.mcp_client import Peer
from tests._support.processes import DOWN, PATIENCE, HttpServer, run

TOKEN = "a-token-that-nobody-guesses"
CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "any", "version": "1"}},
}
ACCEPTED = {"accept": "application/json, text/event-stream"}
PAGE = "https://app.example.com"


class _Ipv6Server(HttpServer):
    _ADDRESS = re.compile(r"Serving MCP at (http://\[::1\]:\d+/mcp)$")


@pytest.fixture(scope="module")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("http") / "token"
    path.write_text(f"{TOKEN}\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def guarded(sample_agentos: str, token_file: Path) -> Iterator[str]:
    """The address of a server that every machine can reach, and that asks for a token."""
    arguments = ["--host", "0.0.0.0", "--http-token-file", str(token_file)]
    names = ["--allow-host", "mcp.example.com", "--allow-host", "MCP.internal:8443", "--allow-origin", PAGE]
    with HttpServer("--url", sample_agentos, *arguments, *names) as server:
        yield server.url


def call(url: str, token: str | None = TOKEN, **headers: str) -> httpx.Response:
    given = {**ACCEPTED, **headers} | ({"authorization": f"Bearer {token}"} if token is not None else {})
    return httpx.post(url, json=CALL, headers=given, timeout=PATIENCE)


def health(url: str, **headers: str) -> httpx.Response:
    return httpx.get(httpx.URL(url).join("/health"), headers=headers, timeout=PATIENCE)


@asynccontextmanager
async def with_token(era: str, url: str, token: str) -> AsyncIterator[Peer]:
    async with create_mcp_http_client(headers={"authorization": f"Bearer {token}"}) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=era, read_timeout_seconds=PATIENCE) as client:
            yield Peer(client)


@pytest.mark.anyio
async def test_a_client_with_the_token_runs_agents(era: str, guarded: str) -> None:
    async with with_token(era, guarded, TOKEN) as peer:
        assert "run_agent" in [tool.name for tool in (await peer.client.list_tools()).tools]
        assert (await peer.text("run_agent", agent_id="echo", message="hello")).startswith("echo: hello")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "Bearer",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}s",
        f"Bearer {TOKEN.upper()}",
        f"Basic {TOKEN}",
        TOKEN,
    ],
)
def test_without_the_token_nothing_is_served(guarded: str, authorization: str | None) -> None:
    headers = ACCEPTED if authorization is None else {**ACCEPTED, "authorization": authorization}
    for path in ("/mcp", "/mcp/", "//mcp", "/health/../mcp", "/anything"):
        answer = httpx.post(httpx.URL(guarded).copy_with(path=path), json=CALL, headers=headers, timeout=PATIENCE)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer <token>" in answer.text
        assert TOKEN not in answer.text


def test_two_tokens_are_no_token(guarded: str) -> None:
    twice = [("authorization", "Bearer wrong"), ("authorization", f"Bearer {TOKEN}"), *ACCEPTED.items()]
    assert httpx.post(guarded, json=CALL, headers=twice, timeout=PATIENCE).status_code == 401


def test_the_scheme_is_understood_in_any_case(guarded: str) -> None:
    answer = httpx.post(guarded, json=CALL, headers={**ACCEPTED, "authorization": f"bearer {TOKEN}"}, timeout=PATIENCE)
    assert answer.status_code == 200


def test_clients_that_look_for_a_sign_in_find_none(guarded: str) -> None:
    for document in ("oauth-protected-resource", "oauth-protected-resource/mcp", "oauth-authorization-server"):
        place = httpx.URL(guarded).join(f"/.well-known/{document}")
        assert httpx.get(place, timeout=PATIENCE).status_code == 404


def test_health_is_told_to_everyone(guarded: str) -> None:
    answer = health(guarded, host="10.1.2.3:7800")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}
    place = httpx.URL(guarded).join("/health")
    assert httpx.head(place, timeout=PATIENCE).status_code == 200
    assert httpx.post(place, timeout=PATIENCE).status_code == 405


def test_health_does_not_depend_on_agentos() -> None:
    with HttpServer("--url", DOWN) as server:
        assert health(server.url).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "mcp.example.com",
        "mcp.example.com:443",
        "mcp.internal:8443",
        "localhost",
        "127.0.0.1:1",
        "LOCALHOST",
        "LocalHost:7800",
        "localhost.",
        "Localhost.:7800",
        "MCP.Example.COM.",
        "MCP.INTERNAL:8443",
    ],
)
def test_a_host_that_is_allowed_is_served(guarded: str, host: str) -> None:
    assert call(guarded, host=host).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "mcp.example.com.evil.example", "mcp.internal", "mcp.internal:80", "0.0.0.0:7800"]
)
def test_any_other_host_is_refused_even_with_the_token(guarded: str, host: str) -> None:
    answer = call(guarded, host=host)
    assert answer.status_code == 421
    assert f"--allow-host {host.partition(':')[0]}" in answer.text


def test_a_page_that_is_allowed_may_ask_and_read(guarded: str) -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type"}
    preflight = httpx.options(guarded, headers={"origin": PAGE, **asked}, timeout=PATIENCE)
    assert preflight.status_code == 200, "a browser asks without the token"
    assert preflight.headers["access-control-allow-origin"] == PAGE
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    answer = call(guarded, origin=PAGE)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "mcp-session-id" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize("origin", ["https://evil.example", "http://app.example.com", f"{PAGE}.evil.example", "null"])
def test_any_other_page_is_refused(guarded: str, origin: str) -> None:
    answer = call(guarded, origin=origin)
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the whole of 127.0.0.0/8 on loopback")
def test_all_addresses_means_all_of_them(guarded: str) -> None:
    other = httpx.URL(guarded).copy_with(host="127.0.0.2")
    assert health(str(other)).status_code == 200
    assert call(str(other)).status_code == 421, "an address is no name that was allowed"
    assert call(str(other), host="mcp.example.com").status_code == 200


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_every_ipv6_address_means_ipv4_too() -> None:
    with _Ipv6Server("--url", DOWN, "--host", "::1") as one:
        assert call(one.url, token=None).status_code == 200
    with _Ipv6Server("--url", DOWN, "--host", "::", given={"AGENTOS_MCP_HTTP_TOKEN": TOKEN}) as every:
        assert call(every.url).status_code == 200
        assert call(str(httpx.URL(every.url).copy_with(host="127.0.0.1"))).status_code == 200


def test_a_token_that_changes_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN, encoding="utf-8")
    with HttpServer("--url", DOWN, "--http-token-file", str(file)) as server:
        assert call(server.url).status_code == 200
        fresh = tmp_path / "fresh"
        fresh.write_text("another-token-nobody-guesses", encoding="utf-8")
        fresh.replace(file)
        assert call(server.url).status_code == 401
        assert call(server.url, "another-token-nobody-guesses").status_code == 200
        file.write_text("", encoding="utf-8")
        headers = {**ACCEPTED, "authorization": "Bearer"}
        assert httpx.post(server.url, json=CALL, headers=headers, timeout=PATIENCE).status_code == 401


def test_a_server_for_this_machine_can_ask_for_a_token_too() -> None:
    with HttpServer("--url", DOWN, given={"AGENTOS_MCP_HTTP_TOKEN": TOKEN}) as server:
        assert call(server.url, token=None).status_code == 401
        assert call(server.url).status_code == 200


def test_no_http_auth_serves_others_and_says_so() -> None:
    with HttpServer("--url", DOWN, "--host", "0.0.0.0", "--no-http-auth", "--allow-host", "mcp.example.com") as server:
        assert call(server.url, token=None, host="mcp.example.com").status_code == 200
        assert call(server.url, token=None, host="evil.example").status_code == 421
        assert server.err.said[0] == (
            "Open on every address of this machine, and no token is asked for (--no-http-auth): "
            "whoever gets here can run it."
        )


def test_the_token_is_never_printed() -> None:
    arguments = ["--host", "0.0.0.0", "--log-level", "debug"]
    with HttpServer("--url", DOWN, *arguments, given={"AGENTOS_MCP_HTTP_TOKEN": TOKEN}) as server:
        assert call(server.url).status_code == 200
        assert call(server.url, "wrong").status_code == 401
    assert "Open on every address of this machine to clients that send the token." in server.everything
    assert TOKEN not in server.everything


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (
            ["--host", "0.0.0.0"],
            {},
            "would let other machines run everything on your AgentOS. Set AGENTOS_MCP_HTTP_TOKEN",
        ),
        (["--host", "::"], {}, "or say --no-http-auth, where something in front of it checks who calls."),
        (["--host", "example.com"], {}, "give an address of this machine"),
        (["--host", "192.0.2.77", "--no-http-auth"], {}, "(on 192.0.2.77)"),
        ([], {"AGENTOS_MCP_HTTP_TOKEN": "short"}, "AGENTOS_MCP_HTTP_TOKEN=******** cannot be used: it has fewer than"),
        (["--no-http-auth"], {"AGENTOS_MCP_HTTP_TOKEN": TOKEN}, "leave one of the two out"),
        (["--http-token-file", "/no/such/file"], {}, "there is no such file"),
        (["--allow-host", "https://mcp.example.com"], {}, "give the name alone, such as mcp.example.com"),
        (["--allow-host", "*"], {}, "give the name alone"),
        ([], {"AGENTOS_MCP_ALLOW_ORIGINS": "app.example.com"}, "give an origin, such as https://app.example.com"),
    ],
)
def test_what_cannot_be_served_safely_is_refused_in_one_line(
    arguments: list[str], given: dict[str, str], said: str
) -> None:
    ended = run("serve", "--http", "--port", "0", *arguments, given=given)
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [ended.stderr.strip()]
    assert said in ended.stderr
    assert ended.stdout == ""
