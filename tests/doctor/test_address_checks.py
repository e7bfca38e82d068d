"""Finding the AgentOS, and what is found instead of it."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests._support.doctor_checks import SYSTEM, UNUSED_URL, fix_lines, fix_text, run_address_checks
from tests._support.foreign_servers import (
    AGNO_2_5,
    free_port,
    full_port,
    greeting_port,
    hung_port,
    json_server,
    port_of,
    recording_server,
    web_server,
)

pytestmark = pytest.mark.anyio

MAX_SECONDS = 8.0
"""The most that a check of any address may take."""


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class TestGivenUrl:
    async def test_given_url_with_an_agentos_is_the_only_finding(self, sample_agentos: str) -> None:
        findings = await run_address_checks(sample_agentos)
        assert findings["URL"].render(SYSTEM) == f"✔ URL: Sample (sample) answers at {sample_agentos}"
        assert findings.subjects == ["URL"]

    async def test_given_url_without_listener_says_how_to_start_one(self) -> None:
        finding = (await run_address_checks(UNUSED_URL))["URL"]
        assert finding.level == "bad"
        assert finding.message == f"no AgentOS answers at {UNUSED_URL}: nothing listens there"
        assert fix_lines(finding) == [
            "Start your AgentOS there, or give its URL: agentos-mcp doctor --url http://HOST:PORT",
            "To try agentos-mcp without one: agentos-mcp demo --keep",
        ]

    async def test_given_url_with_a_wrong_port_mentions_what_is_elsewhere(self, sample_agentos: str) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        finding = (await run_address_checks(url, ports=[free_port(), port_of(sample_agentos)]))["URL"]
        assert finding.level == "bad"
        assert finding.message == f"no AgentOS answers at {url}: nothing listens there"
        assert fix_lines(finding) == [
            "Start your AgentOS there, or give its URL: agentos-mcp doctor --url http://HOST:PORT",
            f"Found elsewhere, in case it is yours: Sample (sample) at {sample_agentos}",
        ]
        assert sample_agentos not in str([step.action for step in finding.fix]), "whose it is is not known"

    async def test_given_url_with_a_path_mentions_the_url_without_it(self, sample_agentos: str) -> None:
        finding = (await run_address_checks(f"{sample_agentos}/docs"))["URL"]
        assert finding.level == "bad"
        assert fix_lines(finding)[-1] == f"Found elsewhere, in case it is yours: Sample (sample) at {sample_agentos}"

    async def test_given_url_with_https_mentions_http(self, sample_agentos: str) -> None:
        finding = (await run_address_checks(sample_agentos.replace("http:", "https:")))["URL"]
        assert finding.level == "bad"
        assert "does not speak TLS" in finding.message
        assert fix_lines(finding) == [
            "Use http:// instead of https://.",
            f"Found elsewhere, in case it is yours: Sample (sample) at {sample_agentos}",
        ]

    async def test_given_url_of_a_web_server_is_not_an_agentos(self) -> None:
        with web_server() as url:
            finding = (await run_address_checks(url))["URL"]
        assert finding.level == "bad"
        assert finding.message == f"a server other than an AgentOS is at {url} ({url} has no GET /health)"
        assert "agentos-mcp doctor --url" in fix_text(finding)

    @pytest.mark.parametrize("health", [{"status": "ok"}, {"status": "down"}, ["ok"], (503, {"detail": "starting"})])
    async def test_given_url_of_another_service_is_not_an_agentos(self, health: object) -> None:
        with json_server({"/health": health}) as url:
            finding = (await run_address_checks(url))["URL"]
        assert finding.level == "bad"
        assert finding.message.startswith(f"a server other than an AgentOS is at {url}")

    async def test_given_url_of_a_gateway_that_requires_a_token_may_be_an_agentos(self) -> None:
        with json_server({"/health": (401, {"detail": "who are you?"})}) as url:
            assert (await run_address_checks(url))["URL"].level == "good"

    @pytest.mark.waits
    async def test_given_url_that_never_answers_times_out(self) -> None:
        began = time.monotonic()
        with hung_port() as port:
            finding = (await run_address_checks(f"http://127.0.0.1:{port}"))["URL"]
        assert time.monotonic() - began < MAX_SECONDS
        assert finding.message == f"a server listens at http://127.0.0.1:{port}, but does not answer"
        assert fix_text(finding).startswith("Restart it if that is your AgentOS")

    @pytest.mark.waits
    async def test_given_url_with_an_endless_answer_times_out(self) -> None:
        began = time.monotonic()
        with greeting_port(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n", slowly=True) as port:
            finding = (await run_address_checks(f"http://127.0.0.1:{port}"))["URL"]
        assert time.monotonic() - began < MAX_SECONDS
        assert finding.message == f"a server listens at http://127.0.0.1:{port}, but its answer never ends"

    async def test_given_url_of_another_protocol_is_not_an_agentos(self) -> None:
        with greeting_port(b"SSH-2.0-OpenSSH_9.6\r\n") as port:
            finding = (await run_address_checks(f"http://127.0.0.1:{port}"))["URL"]
        assert (
            finding.message == f"a server other than an AgentOS is at http://127.0.0.1:{port}: it does not speak HTTP"
        )

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse what does not fit into the queue")
    @pytest.mark.waits
    async def test_given_url_that_accepts_no_connection_times_out(self) -> None:
        began = time.monotonic()
        with full_port() as port:
            finding = (await run_address_checks(f"http://127.0.0.1:{port}"))["URL"]
        assert time.monotonic() - began < MAX_SECONDS
        assert finding.message == f"nothing answers at http://127.0.0.1:{port} within 2 s"
        assert fix_text(finding) == "Check the host and the port in the URL, and the firewalls in between."

    async def test_given_url_with_an_unknown_host_name_says_so(self) -> None:
        finding = (await run_address_checks("http://no-such-host.invalid:7777"))["URL"]
        assert finding.message == "the host name no-such-host.invalid cannot be resolved"
        assert fix_text(finding) == "Check the host in the URL."


class TestNames:
    @pytest.mark.parametrize(
        ("info", "name"),
        [
            ({"os_id": "news", "name": "Newsroom"}, "Newsroom (news)"),
            ({"os_id": "news", "name": "news"}, "news"),
            ({"os_id": "news"}, "news"),
            ({"os_id": "a\x1b[31m\nb", "name": "x" * 5000}, f'"{"x" * 59}…" (a b)'),
            ({"os_id": 5, "name": ["a"]}, "5"),
        ],
    )
    async def test_name_of_an_agentos_is_one_short_line(self, info: dict[str, object], name: str) -> None:
        with json_server({"/health": {"status": "ok", "instantiated_at": "now"}, "/info": info}) as url:
            finding = (await run_address_checks(url))["URL"]
        assert finding.message == f"{name} answers at {url}"
        assert (finding.about.url, finding.about.agentos) == (url, name)

    async def test_name_before_agno_3_is_that_of_its_configuration(self) -> None:
        with json_server(AGNO_2_5) as url:
            assert (await run_address_checks(url))["URL"].message == f"old answers at {url}"


class TestTokens:
    async def test_token_is_sent_only_to_the_given_url(self) -> None:
        credentials: list[str | None] = []
        with recording_server(credentials) as url:
            await run_address_checks(f"http://127.0.0.1:{free_port()}", ports=[port_of(url)], token="a-secret")
            assert credentials, "it was tried"
            assert set(credentials) == {None}
            await run_address_checks(url, token="a-secret")
            assert credentials[-1] == "Bearer a-secret"


class TestProxies:
    async def test_proxy_is_named_without_its_password(
        self, sample_agentos: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://ann:secret@127.0.0.1:9")
        finding = (await run_address_checks(sample_agentos))["URL"]
        assert finding.message == f"no AgentOS answers at {sample_agentos} through the proxy http://127.0.0.1:9"
        assert fix_text(finding) == "Exclude its host from the proxy: export NO_PROXY=127.0.0.1"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert (await run_address_checks(sample_agentos))["URL"].level == "good"

    async def test_proxy_that_is_invalid_is_to_be_removed(
        self, sample_agentos: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ALL_PROXY", "ftp://127.0.0.1:9")
        finding = (await run_address_checks(sample_agentos))["URL"]
        assert finding.message.startswith("the proxy in ALL_PROXY cannot be used")
        assert fix_text(finding) == "Remove it: unset ALL_PROXY"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
class TestCertificates:
    @pytest.fixture
    def self_signed(self, tmp_path: Path) -> Iterator[str]:
        """A server with a self-signed certificate."""
        key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
        made = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=localhost"
        command = [*made.split(), "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with json_server({"/health": {"status": "ok", "instantiated_at": "now"}}, tls=context) as url:
            yield url.replace("http:", "https:")

    async def test_certificate_that_is_not_trusted_says_how_to_trust_it(
        self, self_signed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        finding = (await run_address_checks(self_signed))["URL"]
        assert finding.level == "bad"
        assert finding.message.startswith(f"the certificate of {self_signed} is not trusted (self-signed certificate")
        assert fix_text(finding) == "Trust its certificate authority: export SSL_CERT_FILE=/path/to/ca.pem"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
        assert (await run_address_checks(self_signed))["URL"].level == "good"
