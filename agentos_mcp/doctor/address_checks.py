"""Finds the AgentOS: at the given URL, at a usual port, or says what else is there instead."""

from __future__ import annotations

import os
import socket
import ssl
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import anyio

from agentos_mcp.agentos.agentos_name import agentos_name
from agentos_mcp.agentos.client import AgentOS, Limits
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, Unauthorized, Unreachable
from agentos_mcp.agentos.http_errors import display_url
from agentos_mcp.agentos.json_values import mapping, text
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.doctor.findings import About, Report, bad, good
from agentos_mcp.doctor.fixes import Fix, FixStep, UnsetVariables, run_command, set_variable
from agentos_mcp.settings import Token
from agentos_mcp.terminal.command_surface import CommandSurface

USUAL_PORTS = (7777, 7778, 7779, 8000)
TIMEOUT_SECONDS = 5.0
"""For all requests to one address."""

LIMITS = Limits(connect_seconds=2.0, read_seconds=3.0, read_attempts=1)
_PROXY_VARIABLES = frozenset({"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"})
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - compared with, never listened on

_UNNAMED = "an AgentOS"


class AgentOSLocation:
    """Where the AgentOS is, and whether it can be used: set by one check, awaited by others."""

    def __init__(self) -> None:
        self._url = ""
        self._is_usable = False
        self._has_url = anyio.Event()
        self._is_checked = anyio.Event()

        self.token = Token()
        """With which it can be used."""
        self.surface = CommandSurface()
        """Writes the commands that are about it."""

    def set_url(self, url: str) -> None:
        """'' where none was found."""
        self._url = url
        self._has_url.set()

    def set_token(self, token: Token, surface: CommandSurface) -> None:
        self.token, self.surface = token, surface

    def set_usable(self, is_usable: bool) -> None:
        self._is_usable = is_usable
        self._has_url.set()
        self._is_checked.set()

    async def url(self) -> str:
        """The URL; '' where none was found."""
        await self._has_url.wait()
        return self._url

    async def connection_flags(self) -> tuple[str, ...]:
        """What commands need to speak to it."""
        await self._is_checked.wait()
        return self.surface.connection_flags

    async def is_usable(self) -> bool:
        await self._is_checked.wait()
        return self._is_usable


@dataclass(frozen=True)
class AddressProbe:
    """What is at an address: an AgentOS where there is no `problem`."""

    url: str
    problem: str = ""
    fix: Fix = ()
    has_listener: bool = True
    """Whether anything is there at all."""
    name: str = ""
    """What the AgentOS calls itself, such as `Newsroom Demo (demo-os)`; `an AgentOS` where it does not say."""
    auth_mode: str = ""
    """`none`, `security_key` or `jwt`; '' before agno 3.0."""

    @property
    def display_url(self) -> str:
        """The URL without credentials."""
        return display_url(self.url)

    def __str__(self) -> str:
        return f"{self.name} at {self.display_url}"

    @property
    def about(self) -> About:
        return About(url=self.display_url, agentos=self.name)


async def find_agentos(
    url: str, token: Token, ports: Sequence[int], report: Report, *, origin: str = ""
) -> AddressProbe:
    """Report whether an AgentOS is at a URL; what is there.

    Where none is, those at the usual ports are mentioned, and no more: a stranger's may be among them. `origin` says
    why it is this URL, where nobody gave it.
    """
    reason = f" ({origin})" if origin else ""
    probe = await probe_address(url, token)
    if not probe.problem:
        report(good("URL", f"{probe.name} answers at {probe.display_url}{reason}", about=probe.about))
        return probe
    others = [other for other in await _probe_all(_alternatives(url, ports)) if not other.problem]
    fix = list(probe.fix or (_start_agentos(),))
    if others:
        fix.append(FixStep(f"Found elsewhere, in case it is yours: {', '.join(map(str, others))}"))
    elif not probe.fix:
        fix.append(run_command("To try agentos-mcp without one", "demo", "--keep"))
    report(bad("URL", f"{probe.problem}{reason}", *fix, about=probe.about))
    return probe


def _start_agentos() -> FixStep:
    return run_command("Start your AgentOS there, or give its URL", "doctor", "--url", "http://HOST:PORT")


def _alternatives(url: str, ports: Sequence[int]) -> list[str]:
    """Where the AgentOS may be instead: without the path, with the other scheme, at the usual ports."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    origin = f"{parts.scheme}://{parts.netloc}"
    other_scheme = "http" if parts.scheme == "https" else "https"
    urls = [origin, f"{other_scheme}://{parts.netloc}", *(f"{parts.scheme}://{host}:{port}" for port in ports)]
    if parts.hostname not in LOCAL_HOSTS:
        urls += [f"http://localhost:{port}" for port in ports]
    return [alternative for alternative in dict.fromkeys(urls) if alternative != url]


async def _probe_all(urls: Sequence[str]) -> list[AddressProbe]:
    """In the order of the URLs. The token is sent only to the URL that was given with it."""
    return await gather(partial(probe_address, url) for url in urls)


async def probe_address(url: str, token: Token | None = None) -> AddressProbe:
    """What is at a URL, within a few seconds in any case."""
    address = display_url(url)
    try:
        agent_os = AgentOS(url, token=token or Token(), limits=LIMITS)
    except Exception as error:  # whatever httpx2 raises for a proxy that it cannot use
        return _unusable_proxy(url, error)
    try:
        with anyio.fail_after(TIMEOUT_SECONDS):
            async with agent_os:
                return await _probe_agentos(agent_os, url)
    except TimeoutError:
        return AddressProbe(url, f"a server listens at {address}, but its answer never ends", _restart())
    except Unreachable as error:
        return _unreachable(url, error)
    except AgentOSError as error:
        reason = one_line(error.message, max_length=160).rstrip(".")
        return AddressProbe(url, f"a server other than an AgentOS is at {address} ({reason})")


async def _probe_agentos(agent_os: AgentOS, url: str) -> AddressProbe:
    """Raises AgentOSError where the server has no endpoint of an AgentOS."""
    other_server = AddressProbe(url, f"a server other than an AgentOS is at {agent_os.display_url}")
    try:
        health = await agent_os.get("/health", retry=False)
    except (Unauthorized, Forbidden):
        return AddressProbe(url, name=_UNNAMED)  # a gateway that requires a token first; the token is checked later
    if not isinstance(health, dict) or health.get("status") != "ok":
        return other_server
    info = await _read_optional(agent_os, "/info")
    auth_mode = one_line(text(info.get("auth_mode")), max_length=40)
    if info.get("os_id") and "instantiated_at" in health:
        return AddressProbe(url, name=agentos_name(info) or _UNNAMED, auth_mode=auth_mode)
    try:
        config = mapping(await agent_os.get("/config", retry=False))
    except (Unauthorized, Forbidden):
        return AddressProbe(url, name=_UNNAMED, auth_mode=auth_mode)
    except AgentOSError:
        if "instantiated_at" not in health:
            raise
        config = {}
    if "os_id" not in config and "instantiated_at" not in health:
        return other_server
    return AddressProbe(url, name=agentos_name(config) or _UNNAMED, auth_mode=auth_mode)


async def _read_optional(agent_os: AgentOS, path: str) -> Mapping[str, Any]:
    try:
        return mapping(await agent_os.get(path, retry=False))
    except Unreachable:
        raise
    except AgentOSError:
        return {}


def _unreachable(url: str, error: Unreachable) -> AddressProbe:
    address, host = display_url(url), urlsplit(url).hostname or ""
    causes = list(_causes(error))
    cause_types = {type(cause).__name__ for cause in causes}
    if proxy := _proxy_for(url):
        message = f"no AgentOS answers at {address} through the proxy {proxy}"
        fix = set_variable("Exclude its host from the proxy", "NO_PROXY", host)
        return AddressProbe(url, message, (fix,), has_listener=False)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        fix = FixStep("Check the host in the URL.")
        return AddressProbe(url, f"the host name {host} cannot be resolved", (fix,), has_listener=False)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            fix = set_variable("Trust its certificate authority", "SSL_CERT_FILE", "/path/to/ca.pem")
            return AddressProbe(url, f"the certificate of {address} is not trusted ({cause.verify_message})", (fix,))
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        fix = FixStep("Use http:// instead of https://.")
        return AddressProbe(url, f"the server at {address} does not speak TLS", (fix,))
    if "ConnectTimeout" in cause_types:
        message = f"nothing answers at {address} within {LIMITS.connect_seconds:g} s"
        fix = FixStep("Check the host and the port in the URL, and the firewalls in between.")
        return AddressProbe(url, message, (fix,), has_listener=False)
    if not error.was_sent:
        return AddressProbe(url, f"no AgentOS answers at {address}: nothing listens there", has_listener=False)
    if "ReadTimeout" in cause_types:
        return AddressProbe(url, f"a server listens at {address}, but does not answer", _restart())
    return AddressProbe(url, f"a server other than an AgentOS is at {address}: it does not speak HTTP")


def _restart() -> Fix:
    instruction = "Restart it if that is your AgentOS; else give the URL of yours"
    return (run_command(instruction, "doctor", "--url", "http://HOST:PORT"),)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _proxy_for(url: str) -> str:
    """The proxy for a request to this URL, without its password; '' for none."""
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    return display_url(proxy if "://" in proxy else f"http://{proxy}") if proxy else ""


def _unusable_proxy(url: str, error: Exception) -> AddressProbe:
    reason = one_line(str(error), max_length=200)
    variables = tuple(name for name in os.environ if name.upper() in _PROXY_VARIABLES and os.environ[name])
    if not variables:
        return AddressProbe(url, f"{display_url(url)} cannot be requested ({reason})", has_listener=False)
    message = f"the proxy in {' or '.join(variables)} cannot be used ({reason})"
    return AddressProbe(url, message, (FixStep("Remove it", UnsetVariables(variables)),), has_listener=False)
