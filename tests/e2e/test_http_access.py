"""`serve --http` for other machines: which requests are served, and which are refused."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests._support.process_clients import client_with_token
from tests._support.processes import DOWN, PATIENCE, HttpServer, run

TOKEN = "a-token-that-nobody-guesses"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "any", "version": "1"}},
}
HEADERS = {"accept": "application/json, text/event-stream"}
ORIGIN = "https://app.example.com"


class _Ipv6Server(HttpServer):
    _ADDRESS = re.compile(r"Serving MCP at (http://\[::1\]:\d+/mcp)$")


@pytest.fixture(scope="module")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("http") / "token"
    path.write_text(f"{TOKEN}\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def token_server(sample_agentos: str, token_file: Path) -> Iterator[str]:
    """The address of a server that every machine can reach, and that requires a token."""
    arguments = ["--host", "0.0.0.0", "--http-token-file", str(token_file)]
    names = ["--allow-host", "mcp.example.com", "--allow-host", "MCP.internal:8443", "--allow-origin", ORIGIN]
    with HttpServer("--url", sample_agentos, *arguments, *names) as server:
        yield server.url


def call(url: str, token: str | None = TOKEN, **headers: str) -> httpx.Response:
    all_headers = {**HEADERS, **headers} | ({"authorization": f"Bearer {token}"} if token is not None else {})
    return httpx.post(url, json=INITIALIZE, headers=all_headers, timeout=PATIENCE)


def health(url: str, **headers: str) -> httpx.Response:
    return httpx.get(httpx.URL(url).join("/health"), headers=headers, timeout=PATIENCE)


@pytest.mark.anyio
async def test_client_with_the_token_runs_agents(era: str, token_server: str) -> None:
    async with client_with_token(era, token_server, TOKEN) as peer:
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
def test_request_without_the_token_is_refused(token_server: str, authorization: str | None) -> None:
    headers = HEADERS if authorization is None else {**HEADERS, "authorization": authorization}
    for path in ("/mcp", "/mcp/", "//mcp", "/health/../mcp", "/anything"):
        response = httpx.post(
            httpx.URL(token_server).copy_with(path=path), json=INITIALIZE, headers=headers, timeout=PATIENCE
        )
        assert response.status_code == 401, path
        assert response.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer <token>" in response.text
        assert TOKEN not in response.text


def test_request_with_two_tokens_is_refused(token_server: str) -> None:
    twice = [("authorization", "Bearer wrong"), ("authorization", f"Bearer {TOKEN}"), *HEADERS.items()]
    assert httpx.post(token_server, json=INITIALIZE, headers=twice, timeout=PATIENCE).status_code == 401


def test_bearer_scheme_is_accepted_in_any_case(token_server: str) -> None:
    response = httpx.post(
        token_server, json=INITIALIZE, headers={**HEADERS, "authorization": f"bearer {TOKEN}"}, timeout=PATIENCE
    )
    assert response.status_code == 200


def test_oauth_discovery_finds_nothing(token_server: str) -> None:
    for document in ("oauth-protected-resource", "oauth-protected-resource/mcp", "oauth-authorization-server"):
        url = httpx.URL(token_server).join(f"/.well-known/{document}")
        assert httpx.get(url, timeout=PATIENCE).status_code == 404


def test_health_needs_no_token_and_no_known_host(token_server: str) -> None:
    response = health(token_server, host="10.1.2.3:7800")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}
    url = httpx.URL(token_server).join("/health")
    assert httpx.head(url, timeout=PATIENCE).status_code == 200
    assert httpx.post(url, timeout=PATIENCE).status_code == 405


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
def test_allowed_host_is_served(token_server: str, host: str) -> None:
    assert call(token_server, host=host).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "mcp.example.com.evil.example", "mcp.internal", "mcp.internal:80", "0.0.0.0:7800"]
)
def test_other_host_is_refused_even_with_the_token(token_server: str, host: str) -> None:
    response = call(token_server, host=host)
    assert response.status_code == 421
    assert f"--allow-host {host.partition(':')[0]}" in response.text


def test_allowed_origin_may_call_and_read(token_server: str) -> None:
    preflight_headers = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    preflight = httpx.options(token_server, headers={"origin": ORIGIN, **preflight_headers}, timeout=PATIENCE)
    assert preflight.status_code == 200, "a browser asks without the token"
    assert preflight.headers["access-control-allow-origin"] == ORIGIN
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    response = call(token_server, origin=ORIGIN)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == ORIGIN
    assert "mcp-session-id" in response.headers["access-control-expose-headers"]


@pytest.mark.parametrize("origin", ["https://evil.example", "http://app.example.com", f"{ORIGIN}.evil.example", "null"])
def test_other_origin_is_refused(token_server: str, origin: str) -> None:
    response = call(token_server, origin=origin)
    assert response.status_code == 403
    assert f"Pages of '{origin}' may not call this server." in response.text
    assert (f"--allow-origin {origin}" in response.text) is (origin != "null")
    assert "access-control-allow-origin" not in response.headers


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the whole of 127.0.0.0/8 on loopback")
def test_server_on_all_addresses_listens_on_each(token_server: str) -> None:
    other = httpx.URL(token_server).copy_with(host="127.0.0.2")
    assert health(str(other)).status_code == 200
    assert call(str(other)).status_code == 421, "an address is not an allowed name"
    assert call(str(other), host="mcp.example.com").status_code == 200


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_server_on_all_ipv6_addresses_listens_on_ipv4_too() -> None:
    with _Ipv6Server("--url", DOWN, "--host", "::1") as server_on_loopback:
        assert call(server_on_loopback.url, token=None).status_code == 200
    with _Ipv6Server("--url", DOWN, "--host", "::", given={"AGENTOS_MCP_HTTP_TOKEN": TOKEN}) as server_on_all:
        assert call(server_on_all.url).status_code == 200
        assert call(str(httpx.URL(server_on_all.url).copy_with(host="127.0.0.1"))).status_code == 200


def test_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN, encoding="utf-8")
    with HttpServer("--url", DOWN, "--http-token-file", str(file)) as server:
        assert call(server.url).status_code == 200
        replacement = tmp_path / "fresh"
        replacement.write_text("another-token-nobody-guesses", encoding="utf-8")
        replacement.replace(file)
        assert call(server.url).status_code == 401
        assert call(server.url, "another-token-nobody-guesses").status_code == 200
        file.write_text("", encoding="utf-8")
        headers = {**HEADERS, "authorization": "Bearer"}
        assert httpx.post(server.url, json=INITIALIZE, headers=headers, timeout=PATIENCE).status_code == 401


def test_local_server_can_require_a_token_too() -> None:
    with HttpServer("--url", DOWN, given={"AGENTOS_MCP_HTTP_TOKEN": TOKEN}) as server:
        assert call(server.url, token=None).status_code == 401
        assert call(server.url).status_code == 200


def test_no_http_auth_serves_without_a_token_and_says_so() -> None:
    with HttpServer("--url", DOWN, "--host", "0.0.0.0", "--no-http-auth", "--allow-host", "mcp.example.com") as server:
        assert call(server.url, token=None, host="mcp.example.com").status_code == 200
        assert call(server.url, token=None, host="evil.example").status_code == 421
        assert server.err.said[0] == (
            "Open on every address of this machine without a token (--no-http-auth): whoever can connect can use it."
        )


def test_token_is_never_printed() -> None:
    arguments = ["--host", "0.0.0.0", "--log-level", "debug"]
    with HttpServer("--url", DOWN, *arguments, given={"AGENTOS_MCP_HTTP_TOKEN": TOKEN}) as server:
        assert call(server.url).status_code == 200
        assert call(server.url, "wrong").status_code == 401
    assert "Open on every address of this machine to clients that send the token." in server.everything
    assert TOKEN not in server.everything


@pytest.mark.parametrize(
    ("arguments", "given", "message"),
    [
        (
            ["--host", "0.0.0.0"],
            {},
            "would let other machines run everything on your AgentOS. Set AGENTOS_MCP_HTTP_TOKEN",
        ),
        (["--host", "::"], {}, "or give --no-http-auth, where a proxy in front of this server checks who calls."),
        (["--host", "example.com"], {}, "give an address of this machine"),
        (["--host", "192.0.2.77", "--no-http-auth"], {}, "(on 192.0.2.77)"),
        ([], {"AGENTOS_MCP_HTTP_TOKEN": "short"}, "AGENTOS_MCP_HTTP_TOKEN=******** cannot be used: it has fewer than"),
        (["--no-http-auth"], {"AGENTOS_MCP_HTTP_TOKEN": TOKEN}, "use only one of them"),
        (["--http-token-file", "/no/such/file"], {}, "there is no such file"),
        (["--allow-host", "https://mcp.example.com"], {}, "give the name alone, such as mcp.example.com"),
        (["--allow-host", "*"], {}, "give the name alone"),
        ([], {"AGENTOS_MCP_ALLOW_ORIGINS": "app.example.com"}, "give an origin, such as https://app.example.com"),
    ],
)
def test_unsafe_http_settings_are_refused_in_one_line(
    arguments: list[str], given: dict[str, str], message: str
) -> None:
    ended = run("serve", "--http", "--port", "0", *arguments, given=given)
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [ended.stderr.strip()]
    assert message in ended.stderr
    assert ended.stdout == ""
