"""Where the AgentOS is, and what is there in its place."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos_mcp.settings import Settings
from tests._support.doctor_checks import DOWN, look_for
from tests._support.foreign_servers import (
    answering,
    free_port,
    full_port,
    hung_port,
    noting,
    port_of,
    talking,
    web_server,
)

pytestmark = pytest.mark.anyio

QUICK = 8.0
"""Seconds that no address may take, whatever is there."""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class TestTheAddressThatIsGiven:
    async def test_an_agentos_there_is_all_that_is_told(self, sample_agentos: str, tmp_path: Path) -> None:
        told = await look_for(sample_agentos, tmp_path)
        assert told["URL"].line() == f"✔ URL: an AgentOS answers at {sample_agentos}"
        assert told.names == ["URL"]

    async def test_one_that_is_down_is_to_be_started(self, tmp_path: Path) -> None:
        finding = (await look_for(DOWN, tmp_path))["URL"]
        assert finding.level == "bad"
        assert finding.means == f"no AgentOS answers at {DOWN}: nothing listens there"
        assert finding.fix.splitlines() == [
            "Start your AgentOS, or say where it is: agentos-mcp doctor --url http://HOST:PORT",
            "To try things out without one: agentos-mcp demo --keep",
        ]

    async def test_a_wrong_port_is_told_the_right_one(self, sample_agentos: str, tmp_path: Path) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        finding = (await look_for(url, tmp_path, ports=[free_port(), port_of(sample_agentos)]))["URL"]
        assert finding.level == "bad"
        assert finding.means == f"no AgentOS answers at {url}: nothing listens there"
        assert finding.fix == f"One answers at {sample_agentos}. Use that: agentos-mcp doctor --url {sample_agentos}"

    async def test_one_that_comes_from_the_environment_is_mended_there(
        self, sample_agentos: str, tmp_path: Path
    ) -> None:
        finding = (await look_for(DOWN, tmp_path, ports=[port_of(sample_agentos)], AGENTOS_URL=f"{DOWN}/"))["URL"]
        assert finding.fix == f"One answers at {sample_agentos}. Use that: export AGENTOS_URL={sample_agentos}"

    async def test_a_path_too_many_is_told(self, sample_agentos: str, tmp_path: Path) -> None:
        finding = (await look_for(f"{sample_agentos}/docs", tmp_path))["URL"]
        assert finding.level == "bad"
        assert finding.fix == f"One answers at {sample_agentos}. Use that: agentos-mcp doctor --url {sample_agentos}"

    async def test_https_where_there_is_none_is_told(self, sample_agentos: str, tmp_path: Path) -> None:
        finding = (await look_for(sample_agentos.replace("http:", "https:"), tmp_path))["URL"]
        assert finding.level == "bad"
        assert "speaks no TLS" in finding.means
        assert finding.fix == f"One answers at {sample_agentos}. Use that: agentos-mcp doctor --url {sample_agentos}"

    async def test_a_web_server_is_no_agentos(self, tmp_path: Path) -> None:
        with web_server() as url:
            finding = (await look_for(url, tmp_path))["URL"]
        assert finding.level == "bad"
        assert finding.means == f"something else than an AgentOS is at {url} ({url} has no GET /health)"
        assert "agentos-mcp doctor --url" in finding.fix

    @pytest.mark.parametrize("health", [{"status": "ok"}, {"status": "down"}, ["ok"], (503, {"detail": "starting"})])
    async def test_another_service_with_a_health_page_is_no_agentos(self, health: object, tmp_path: Path) -> None:
        with answering({"/health": health}) as url:
            finding = (await look_for(url, tmp_path))["URL"]
        assert finding.level == "bad"
        assert finding.means.startswith(f"something else than an AgentOS is at {url}")

    async def test_a_gateway_that_wants_a_token_first_may_hide_an_agentos(self, tmp_path: Path) -> None:
        with answering({"/health": (401, {"detail": "who are you?"})}) as url:
            assert (await look_for(url, tmp_path))["URL"].level == "good"

    async def test_a_port_that_never_answers_is_given_up_soon(self, tmp_path: Path) -> None:
        began = time.monotonic()
        with hung_port() as port:
            finding = (await look_for(f"http://127.0.0.1:{port}", tmp_path))["URL"]
        assert time.monotonic() - began < QUICK
        assert finding.means == f"something listens at http://127.0.0.1:{port} and does not answer: it hangs"
        assert finding.fix.startswith("Restart it if that is your AgentOS")

    async def test_a_port_that_never_ends_is_given_up_soon(self, tmp_path: Path) -> None:
        began = time.monotonic()
        with talking(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n", slowly=True) as port:
            finding = (await look_for(f"http://127.0.0.1:{port}", tmp_path))["URL"]
        assert time.monotonic() - began < QUICK
        assert finding.means == f"something listens at http://127.0.0.1:{port} and does not come to an end"

    async def test_a_port_that_speaks_something_else_is_told(self, tmp_path: Path) -> None:
        with talking(b"SSH-2.0-OpenSSH_9.6\r\n") as port:
            finding = (await look_for(f"http://127.0.0.1:{port}", tmp_path))["URL"]
        assert finding.means == f"something else than an AgentOS is at http://127.0.0.1:{port}: it speaks no HTTP"

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse what does not fit into the queue")
    async def test_an_address_that_lets_nobody_in_is_given_up_soon(self, tmp_path: Path) -> None:
        began = time.monotonic()
        with full_port() as port:
            finding = (await look_for(f"http://127.0.0.1:{port}", tmp_path))["URL"]
        assert time.monotonic() - began < QUICK
        assert finding.means == f"nothing answers at http://127.0.0.1:{port} within 2 s"
        assert finding.fix == "Check the host and the port in the URL, and the firewalls between."

    async def test_a_name_that_is_not_known_is_told(self, tmp_path: Path) -> None:
        finding = (await look_for("http://no-such-host.invalid:7777", tmp_path))["URL"]
        assert finding.means == "the name no-such-host.invalid is not known here"
        assert finding.fix == "Check the host in the URL."


class TestNoAddress:
    async def test_the_usual_ones_are_tried(self, sample_agentos: str, tmp_path: Path) -> None:
        told = await look_for("", tmp_path, ports=[free_port(), port_of(sample_agentos)])
        local = f"http://localhost:{port_of(sample_agentos)}"
        assert told["URL"].means == f"an AgentOS answers at {local}"
        finding = told["AGENTOS_URL"]
        assert finding.level == "warning"
        assert finding.means == f"it is not set, so the other commands look at {Settings.url}"
        assert finding.fix == f"Set it: export AGENTOS_URL={local}"

    async def test_of_several_the_first_is_looked_at(
        self, sample_agentos: str, bare_agentos: str, tmp_path: Path
    ) -> None:
        ports = [port_of(bare_agentos), port_of(sample_agentos)]
        first, second = (f"http://localhost:{port}" for port in ports)
        told = await look_for("", tmp_path, ports=ports)
        assert told["URL"].means == f"an AgentOS answers at {first} and {second}; looking at {first}"

    async def test_none_anywhere_names_what_was_tried_and_who_else_was_there(self, tmp_path: Path) -> None:
        with web_server() as url, hung_port() as hung:
            ports = [free_port(), port_of(url), hung]
            finding = (await look_for("", tmp_path, ports=ports))["URL"]
        assert finding.level == "bad"
        tried, stranger, silent = finding.means.split("; ")
        assert tried == f"no AgentOS answers on this machine (tried the ports {', '.join(map(str, ports))})"
        assert stranger.startswith(f"something else than an AgentOS is at http://localhost:{port_of(url)}")
        assert silent == f"something listens at http://localhost:{hung} and does not answer: it hangs"
        assert finding.fix.startswith("Start your AgentOS, or say where it is")

    async def test_a_token_goes_only_to_the_address_that_was_given(self, tmp_path: Path) -> None:
        heard: list[str | None] = []
        with noting(heard) as url:
            await look_for(f"http://127.0.0.1:{free_port()}", tmp_path, ports=[port_of(url)], token="a-secret")
            assert heard, "it was tried"
            assert set(heard) == {None}
            await look_for(url, tmp_path, token="a-secret")
            assert heard[-1] == "Bearer a-secret"


class TestProxies:
    async def test_a_proxy_in_between_is_named_without_its_password(
        self, sample_agentos: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://ann:secret@127.0.0.1:9")
        finding = (await look_for(sample_agentos, tmp_path))["URL"]
        assert finding.means == f"no AgentOS answers at {sample_agentos} through the proxy http://127.0.0.1:9"
        assert finding.fix == "Let what is asked of it pass by the proxy: export NO_PROXY=127.0.0.1"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert (await look_for(sample_agentos, tmp_path))["URL"].level == "good"

    async def test_a_proxy_that_cannot_be_used_is_to_be_taken_away(
        self, sample_agentos: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", "ftp://127.0.0.1:9")
        finding = (await look_for(sample_agentos, tmp_path, ALL_PROXY="ftp://127.0.0.1:9"))["URL"]
        assert finding.means.startswith("the proxy in ALL_PROXY cannot be used")
        assert finding.fix == "Take it away: unset ALL_PROXY"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
class TestCertificates:
    @pytest.fixture
    def self_signed(self, tmp_path: Path) -> Iterator[str]:
        """A server whose certificate nobody signed but itself."""
        key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
        made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
        command = [*made.split(), "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with answering({"/health": {"status": "ok", "instantiated_at": "now"}}, tls=context) as url:
            yield url.replace("http:", "https:")

    async def test_one_that_is_not_trusted_is_told_how_to_trust_it(
        self, self_signed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        finding = (await look_for(self_signed, tmp_path))["URL"]
        assert finding.level == "bad"
        assert finding.means.startswith(f"the certificate of {self_signed} is not trusted (self-signed certificate")
        assert finding.fix == "Trust its authority: export SSL_CERT_FILE=/path/to/ca.pem"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        assert (await look_for(self_signed, tmp_path))["URL"].level == "good"
