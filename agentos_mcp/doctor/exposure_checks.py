"""Whether an AgentOS that requires no token can be reached from other machines."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from urllib.parse import urlsplit

import anyio

from agentos_mcp.doctor.address_checks import AddressProbe, probe_address
from agentos_mcp.doctor.findings import About, Finding, warning
from agentos_mcp.doctor.fixes import FixStep, run_command

_RESOLVE_SECONDS = 2.0
# Addresses for documentation (RFC 5737, RFC 3849): nothing is sent, the system only chooses its own address.
_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


async def find_exposure(address: AddressProbe) -> Finding | None:
    """The warning on an AgentOS that requires no token; None where only this machine reaches it, as far as is seen."""
    reached_at = await _url_for_others(address)
    if not reached_at:
        return None
    about = About(url=address.display_url, agentos=address.name)
    is_here = await is_loopback(urlsplit(address.url).hostname or "")
    message = (
        f"{address.name} requires no token (auth_mode none), and answers beyond this machine, at {reached_at}: whoever "
        "reaches it can run its agents and read what it stores"
    )
    require_token = run_command(
        f"{'Else set' if is_here else 'Set'} OS_SECURITY_KEY where it runs, start it again, and give clients the key",
        *("install", "CLIENT", "--url", address.display_url, "--token-file", "PATH"),
    )
    if not is_here:
        return warning("Access", message, require_token, about=about)
    listen_here = FixStep('If only this machine needs it, let it listen here alone: agent_os.serve(host="127.0.0.1")')
    return warning("Access", message, listen_here, require_token, about=about)


async def _url_for_others(address: AddressProbe) -> str:
    """Where other machines reach it; '' where they don't."""
    parts = urlsplit(address.url)
    if not await is_loopback(parts.hostname or ""):
        return address.display_url
    for own_address in own_addresses():
        host = f"[{own_address}]" if ":" in own_address else own_address
        port = f":{parts.port}" if parts.port else ""
        url = f"{parts.scheme}://{host}{port}"
        probe = await probe_address(url)
        if not probe.problem and (probe.name, probe.auth_mode) == (address.name, address.auth_mode):
            return url
    return ""


def own_addresses() -> list[str]:
    """The addresses under which this machine reaches others; empty where it is alone."""
    addresses = []
    for family, elsewhere in _ELSEWHERE:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((elsewhere, 9))
            addresses.append(str(sock.getsockname()[0]))
    return [address for address in addresses if not ipaddress.ip_address(address.partition("%")[0]).is_loopback]


async def is_loopback(host: str) -> bool:
    """Whether all addresses of a host are this machine's own; of one that is unknown nothing is claimed."""
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        return address.is_loopback or address.is_unspecified
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with anyio.move_on_after(_RESOLVE_SECONDS):
        try:
            found = await anyio.getaddrinfo(host, None)
        except (OSError, UnicodeError):
            return True
        return all(ipaddress.ip_address(str(info[4][0]).partition("%")[0]).is_loopback for info in found)
    return True
