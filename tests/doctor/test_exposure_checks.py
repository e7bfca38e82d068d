"""The warning on an AgentOS that requires no token and can be reached from other machines."""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from agentos_mcp.doctor import exposure_checks
from agentos_mcp.doctor.address_checks import probe_address
from agentos_mcp.doctor.agentos_probe import AgentOSProber, TokenStatus
from agentos_mcp.doctor.exposure_checks import find_exposure
from tests._support.doctor_checks import UNUSED_URL, fix_lines, run_doctor
from tests._support.foreign_servers import greeting_port, json_server, port_of
from tests._support.machines import Machine
from tests.conftest import KEY

pytestmark = pytest.mark.anyio

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 is not this machine")
OTHER_ADDRESS = "127.0.0.2"
"""Stands for this machine's address in its network."""


def pages(**info: Any) -> dict[str, Any]:
    """The answers of an AgentOS without authentication."""
    return {
        "/health": {"status": "ok", "instantiated_at": "now"},
        "/info": {"os_id": "news", "name": "Newsroom", "auth_mode": "none", **info},
        "/config": {"os_id": "news"},
    }


@contextlib.contextmanager
def open_agentos(host: str, monkeypatch: pytest.MonkeyPatch, **info: Any) -> Iterator[str]:
    """An AgentOS that listens at this address; its URL by the address of loopback."""
    monkeypatch.setattr(exposure_checks, "own_addresses", lambda: [OTHER_ADDRESS])
    with json_server(pages(**info), host=host) as url:
        yield f"http://127.0.0.1:{port_of(url)}"


@LINUX
async def test_agentos_that_listens_everywhere_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_agentos("0.0.0.0", monkeypatch) as url:
        finding = await find_exposure(await probe_address(url))
    assert finding is not None
    assert (finding.level, finding.subject, finding.about.url) == ("warning", "Access", url)
    reached_at = url.replace("127.0.0.1", OTHER_ADDRESS)
    message = f"Newsroom (news) requires no token (auth_mode none), and answers beyond this machine, at {reached_at}"
    assert finding.message.startswith(message)
    listen_here, require_token = fix_lines(finding)
    assert 'agent_os.serve(host="127.0.0.1")' in listen_here
    assert "OS_SECURITY_KEY" in require_token
    assert require_token.endswith(f"agentos-mcp install CLIENT --url {url} --token-file PATH")


@LINUX
async def test_agentos_that_listens_here_alone_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_agentos("127.0.0.1", monkeypatch) as url:
        assert await find_exposure(await probe_address(url)) is None


async def test_agentos_on_another_machine_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    async def is_loopback(_: str) -> bool:
        return False

    monkeypatch.setattr(exposure_checks, "is_loopback", is_loopback)
    with json_server(pages()) as url:
        finding = await find_exposure(await probe_address(url))
    assert finding is not None
    assert f"answers beyond this machine, at {url}:" in finding.message
    assert len(finding.fix) == 1, "where it listens is not ours to say"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("api.localhost", True),
        ("192.168.1.5", False),
        ("10.0.0.1", False),
        ("2001:db8::1", False),
        ("no-such-host.invalid", True),
        ("x" * 300, True),
    ],
)
async def test_loopback_hosts_are_known(host: str, expected: bool) -> None:
    assert await exposure_checks.is_loopback(host) is expected


class TestOwnAddresses:
    def test_own_addresses_are_those_that_the_system_would_send_from(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.network_of(monkeypatch, "192.168.1.5", "fe80::1%eth0")
        assert exposure_checks.own_addresses() == ["192.168.1.5", "fe80::1%eth0"]

    def test_own_addresses_are_not_those_of_loopback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.network_of(monkeypatch, "127.0.1.1", "::1")
        assert exposure_checks.own_addresses() == []

    def test_own_addresses_are_none_without_a_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.network_of(monkeypatch, "", "")
        assert exposure_checks.own_addresses() == []

    def network_of(self, monkeypatch: pytest.MonkeyPatch, ipv4: str, ipv6: str) -> None:
        """A machine that has these addresses; '' for a family that reaches nothing."""
        addresses = {socket.AF_INET: ipv4, socket.AF_INET6: ipv6}

        class Sender(contextlib.nullcontext["Sender"]):
            def __init__(self, family: socket.AddressFamily, _: socket.SocketKind) -> None:
                super().__init__(self)
                self.address = addresses[family]

            def connect(self, _: object) -> None:
                if not self.address:
                    raise OSError("Network is unreachable")

            def getsockname(self) -> tuple[str, int]:
                return self.address, 9

        monkeypatch.setattr(exposure_checks, "socket", SimpleNamespace(socket=Sender, SOCK_DGRAM=socket.SOCK_DGRAM))


@LINUX
def test_doctor_warns_of_the_agentos_of_an_entry(
    capsys: pytest.CaptureFixture[str], machine: Machine, monkeypatch: pytest.MonkeyPatch, locked_agentos: str
) -> None:
    with open_agentos("0.0.0.0", monkeypatch) as url:
        machine.add_entry("cursor", ["/old/agentos-mcp", "serve", "--url", url])
        machine.add_entry("zed", ["/old/agentos-mcp", "serve", "--url", url])
        output = run_doctor(capsys, machine, locked_agentos, token=KEY)
    assert output.text.count("! Access: ") == 1
    assert (
        "! Access: Newsroom (news) requires no token (auth_mode none), and answers beyond this machine" in output.text
    )


class TestTokenStatus:
    async def test_token_status_of_each_token_is_its_own(self, locked_agentos: str) -> None:
        prober = AgentOSProber()
        statuses = [(await prober.probe(locked_agentos, token)).status for token in (KEY, "wrong", "", "${MY_KEY}")]
        missing = TokenStatus.MISSING
        assert statuses == [TokenStatus.ACCEPTED, TokenStatus.REFUSED, missing, missing]

    async def test_token_status_where_none_is_required(self, sample_agentos: str) -> None:
        assert (await AgentOSProber().probe(sample_agentos, "any")).status is TokenStatus.NOT_REQUIRED

    async def test_token_status_of_a_token_without_scopes(self) -> None:
        refused = (403, {"detail": "Insufficient permissions. Required scope(s): config:read"})
        with json_server({**pages(auth_mode="jwt"), "/config": refused}) as url:
            probe = await AgentOSProber().probe(url, "token")
        assert probe.status is TokenStatus.TOO_NARROW
        assert "config:read" in probe.reason

    async def test_token_status_without_a_token_is_missing_also_where_agentos_forbids(self) -> None:
        with json_server({**pages(auth_mode="jwt"), "/config": (403, {"detail": "Not authenticated"})}) as url:
            prober = AgentOSProber()
            statuses = {(await prober.probe(url, token)).status for token in ("", "${MY_KEY}")}
        assert statuses == {TokenStatus.MISSING}

    async def test_token_status_where_nothing_answers(self) -> None:
        probe = await AgentOSProber().probe(UNUSED_URL, "token")
        assert probe.status is TokenStatus.UNKNOWN
        assert "nothing listens there" in probe.address.problem

    async def test_equal_url_and_token_are_asked_once(self) -> None:
        with json_server(pages()) as url:
            prober = AgentOSProber()
            first = await prober.probe(url, "token")
        assert await prober.probe(url, "token") is first
        assert (await prober.probe(url, "other")).status is TokenStatus.UNKNOWN, "it is gone"

    @pytest.mark.waits
    async def test_agentos_that_drips_is_not_waited_for(self) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
        with greeting_port(head, slowly=True) as port:
            probe = await AgentOSProber().probe(f"http://127.0.0.1:{port}", "token")
        assert probe.address.problem == f"a server listens at http://127.0.0.1:{port}, but its answer never ends"
