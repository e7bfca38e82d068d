"""Tokens: one that AgentOS repeats is masked, a rotated one is checked, none goes to a server without a proof."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import httpx
import pytest
from anyio.streams.tls import TLSListener
from starlette.responses import PlainTextResponse

from agentos_mcp.agentos.client import AgentOS, Limits
from agentos_mcp.agentos.errors import AgentOSError, Unauthorized, Unreachable
from agentos_mcp.agentos.redaction import redact
from agentos_mcp.cli import main
from agentos_mcp.doctor.secret_mask import SecretMask
from agentos_mcp.settings import SettingsError, Token, load
from tests._support.http_answers import http_json
from tests._support.mcp_client import Connect
from tests._support.scripted_agentos import scripted_agentos

TOKEN = "OSK_7c2f9e41d0b84c55a1"
PATIENCE = Limits(connect_seconds=2.0, read_seconds=5.0, read_attempts=1)

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 503])
@pytest.mark.parametrize(
    "words",
    [
        f"Invalid token: {TOKEN}",
        f"header was 'Authorization: Bearer {TOKEN}'",
        f"GET https://ann:{TOKEN}@host/x?access_token={TOKEN}&b=1",
        " " * 500 + "x" * 585 + TOKEN,
    ],
)
async def test_echoed_token_is_masked(status: int, words: str) -> None:
    answers = {"/agents": http_json({"detail": words}, status)}
    async with scripted_agentos(answers) as server, AgentOS(server.url, token=lambda: TOKEN, limits=PATIENCE) as client:
        with pytest.raises(AgentOSError) as caught:
            await client.get("/agents")
    assert not _pieces(TOKEN) & _pieces(str(caught.value))


def _pieces(text: str) -> set[str]:
    return {text[at : at + 8] for at in range(len(text) - 7)}


async def test_rotated_token_is_masked_too() -> None:
    tokens = [TOKEN, "another-token-entirely"]
    answers = {"/agents": http_json({"detail": f"not {TOKEN} again"}, 403)}
    async with (
        scripted_agentos(answers) as server,
        AgentOS(server.url, token=lambda: tokens.pop(0), limits=PATIENCE) as client,
    ):
        for _ in range(2):
            with pytest.raises(AgentOSError) as caught:
                await client.get("/agents")
    assert TOKEN not in str(caught.value)


async def test_token_in_a_failed_run_reaches_no_model(connect: Connect) -> None:
    stored = {"run_id": "r1", "session_id": "s1", "agent_id": "writer", "status": "ERROR", "content": f"401: {TOKEN}"}
    answers = {"/agents/writer/runs/r1": http_json(stored)}
    async with scripted_agentos(answers) as server, connect(server.url, token=Token(TOKEN)) as peer:
        for tool in ("get_run", "explain_run"):
            result = await peer.client.call_tool(tool, {"run": "agent/writer/s1/r1"})
            assert TOKEN not in repr(result)
            assert "401: ********" in repr(result)


@pytest.mark.parametrize("status", [401, 403, 500])
async def test_terminal_prints_no_echoed_token(status: int, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = http_json({"detail": f"Bearer {TOKEN} is\x1b[2J\u202e not {TOKEN}"}, status)
    answers = dict.fromkeys(("/config", "/agents", "/teams", "/workflows"), refusal)
    async with scripted_agentos(answers) as server:
        for more in ([], ["--json"]):
            arguments = ["agents", "--url", server.url, "--token", TOKEN, "--log-level", "debug", *more]
            assert await anyio.to_thread.run_sync(main, arguments) == 1
    message = capsys.readouterr()
    assert TOKEN not in message.out + message.err
    assert "********" in message.err
    assert not {"\x1b", "\u202e"} & set(message.out + message.err)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Bearer abc123.def_456", "Bearer ********"),
        ("basic dXNlcjpwYXNz", "basic dXNlcjpwYXNz"),
        ("a bearer token is needed", "a bearer token is needed"),
        ("http://ann:pw@host/x", "http://********@host/x"),
        ("https://h/x?a=1&api_key=s3cr3t&b=2#f", "https://h/x?a=1&api_key=********&b=2#f"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl", "********"),
    ],
)
def test_redact_masks_what_looks_like_a_credential(text: str, left: str) -> None:
    assert redact(text) == left


def test_doctor_masks_tokens_and_control_characters() -> None:
    mask = SecretMask()
    mask.add(TOKEN)
    assert mask.hide(f"x {TOKEN}\x1b[2J\u202e Bearer abc123def") == "x ******** Bearer ********"


# A rotated token file


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b" \n\n", "it is empty"),
        (b"two words", "one word of ASCII"),
        (b"line\nline", "one word of ASCII"),
        ("tökén".encode(), "one word of ASCII"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b"x" * 20_000, "larger than"),
    ],
)
async def test_token_file_is_checked_each_time_it_is_read(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match=reason):
        load({"token_file": str(file)}, {})
    file.write_text(TOKEN)
    token = load({"token_file": str(file)}, {}).token
    file.write_bytes(content)
    os.utime(file, (1, 1))
    async with scripted_agentos() as server, AgentOS(server.url, token=token, limits=PATIENCE) as client:
        for _ in range(2):
            with pytest.raises(Unauthorized, match=reason):
                await client.get("/config")
        assert server.requests == []
        file.write_text(f"{TOKEN}-2\n")
        await client.get("/config")
    assert token() == f"{TOKEN}-2"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_token_file_that_became_invalid_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    token = load({"token_file": str(file)}, {}).token
    file.unlink()
    match kind:
        case "folder":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case _:
            file.symlink_to("/dev/zero")
    begun = time.monotonic()
    with pytest.raises(Unauthorized, match="not a regular file"):
        token()
    assert time.monotonic() - begun < 5


async def test_client_token_that_is_short_is_refused_after_rotation(tmp_path: Path) -> None:
    from agentos_mcp.server.http.auth import TokenAuth
    from agentos_mcp.server.http.settings import _http_token

    file = tmp_path / "token"
    file.write_text("0123456789abcdef")
    token = Token(file=file, check=_http_token)
    auth = TokenAuth(PlainTextResponse("served"), token)

    async def status(credentials: str) -> int:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(auth), base_url="http://localhost") as client:
            return (await client.post("/mcp", headers={"authorization": f"Bearer {credentials}"})).status_code

    assert await status("0123456789abcdef") == 200
    file.write_text("short")
    os.utime(file, (1, 1))
    assert await status("short") == 401
    assert await status("0123456789abcdef") == 401
    file.write_text("fedcba9876543210")
    os.utime(file, (2, 2))
    assert await status("fedcba9876543210") == 200


# HTTPS, however it is written


@asynccontextmanager
async def self_signed(folder: Path) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A TLS server that nobody vouches for, its port, and what it was sent."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    result = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    form, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    pem = folder / "server.pem"
    pem.write_bytes(key.private_bytes(form, serialization.PrivateFormat.PKCS8, plain) + result.public_bytes(form))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    received: list[bytes] = []

    async def handle(client: anyio.abc.ByteStream) -> None:
        async with client:
            received.append(await client.receive())

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - this is not Django
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(TLSListener(listener, context, standard_compatible=False).serve, handle)
        yield port, received
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("scheme", ["https", "HTTPS", "HtTpS"])
async def test_certificates_are_checked_however_https_is_written(scheme: str, tmp_path: Path) -> None:
    async with self_signed(tmp_path) as (port, received):
        for url in (f"{scheme}://127.0.0.1:{port}", load({"url": f"{scheme}://127.0.0.1:{port}/"}, {}).url):
            async with AgentOS(url, token=lambda: TOKEN, limits=PATIENCE) as client:
                with pytest.raises(Unreachable):
                    await client.get("/config")
        assert received == []


@pytest.mark.parametrize(("arguments", "url"), [("HTTPS://Host/", "https://Host"), ("Http://h:1/p/", "http://h:1/p")])
def test_url_scheme_is_lowercase(arguments: str, url: str) -> None:
    assert load({"url": arguments}, {}).url == url
