"""Where the AgentOS is: at the address that is given, at a usual one, or what is there in its place."""

from __future__ import annotations

import socket
import ssl
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import anyio

from agentos_mcp.agentos.client import AgentOS, Limits
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, Unauthorized, Unreachable
from agentos_mcp.agentos.http_errors import shown_url
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.doctor.findings import Finding, Tell, bad, good, warning
from agentos_mcp.doctor.fix_commands import own_command, set_variable_command
from agentos_mcp.install.host_system import System
from agentos_mcp.settings import Settings, Token
from agentos_mcp.tooling.markdown import one_line

USUAL_PORTS = (7777, 7778, 7779, 8000)
SECONDS = 5.0
"""For everything that is asked of one address."""

_LIMITS = Limits(connect=2.0, read=3.0, read_attempts=1)
_PROXIES = frozenset({"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"})
LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104 - compared with, never listened on


@dataclass(frozen=True)
class Address:
    """What an address gives: an AgentOS where there is no `problem`."""

    url: str
    problem: str = ""
    fix: str = ""
    listens: bool = True
    """Whether anything is there at all."""


async def find(asked: str, token: Token, ports: Sequence[int], system: System, tell: Tell) -> str:
    """Tell where the AgentOS is; its URL, '' where there is none to look at.

    `asked` is '' where no address was given: then the usual ones are tried. They are tried as
    well where nothing answers at the one that is given, since a wrong port is the usual mistake.
    """
    if not asked:
        return await _find_usual(ports, system, tell)
    there = await probe(asked, system, token)
    if not there.problem:
        tell(good("URL", f"an AgentOS answers at {shown_url(asked)}"))
        return asked
    others = [address.url for address in await _probe_all(_likely(asked, ports), system) if not address.problem]
    if others:
        if system.environment.get("AGENTOS_URL", "").rstrip("/") == asked:
            use = set_variable_command(system, "AGENTOS_URL", others[0])
        else:
            use = own_command(system, "doctor", "--url", others[0])
        fix = f"One answers at {_listed(others)}. Use that: {use}"
    else:
        fix = there.fix or _start_it(system)
    tell(bad("URL", there.problem, fix))
    return ""


async def _find_usual(ports: Sequence[int], system: System, tell: Tell) -> str:
    addresses = await _probe_all([f"http://localhost:{port}" for port in ports], system)
    found = [address.url for address in addresses if not address.problem]
    if not found:
        tell(_nothing(addresses, ports, system))
        return ""
    tell(good("URL", f"an AgentOS answers at {_listed(found)}" + (f"; looking at {found[0]}" if found[1:] else "")))
    if found[0] != Settings.url:
        tell(
            warning(
                "AGENTOS_URL",
                f"it is not set, so the other commands look at {Settings.url}",
                f"Set it: {set_variable_command(system, 'AGENTOS_URL', found[0])}",
            )
        )
    return found[0]


def _nothing(addresses: Sequence[Address], ports: Sequence[int], system: System) -> Finding:
    strangers = [address.problem for address in addresses if address.listens]
    words = f"no AgentOS answers on this machine (tried the ports {', '.join(map(str, ports))})"
    return bad("URL", "; ".join([words, *strangers]), _start_it(system))


def _start_it(system: System) -> str:
    return (
        f"Start your AgentOS, or say where it is: {own_command(system, 'doctor', '--url', 'http://HOST:PORT')}\n"
        f"To try things out without one: {own_command(system, 'demo', '--keep')}"
    )


def _listed(urls: Sequence[str]) -> str:
    return " and ".join(map(shown_url, urls))


def _likely(asked: str, ports: Sequence[int]) -> list[str]:
    """Where the AgentOS may be instead: without the path, by the other scheme, at the usual ports."""
    parts = urlsplit(asked)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    origin = f"{parts.scheme}://{parts.netloc}"
    other = "http" if parts.scheme == "https" else "https"
    urls = [origin, f"{other}://{parts.netloc}", *(f"{parts.scheme}://{host}:{port}" for port in ports)]
    if parts.hostname not in LOCAL:
        urls += [f"http://localhost:{port}" for port in ports]
    return [url for url in dict.fromkeys(urls) if url != asked]


async def _probe_all(urls: Sequence[str], system: System) -> list[Address]:
    """The addresses in the order of the URLs. No token goes to where nobody sent it."""
    return await gather(partial(probe, url, system) for url in urls)


async def listens(url: str) -> bool:
    """Whether anything answers at a URL, whatever it says."""
    parts = urlsplit(url)
    with anyio.move_on_after(SECONDS):
        try:
            async with AgentOS(f"{parts.scheme}://{parts.netloc}", limits=_LIMITS) as server:
                await server.get("/health", retry=False)
        except Unreachable as error:
            return error.sent
        except AgentOSError:
            return True
        except Exception:  # what httpx raises for a URL or a proxy that it cannot use
            return False
    return True


async def probe(url: str, system: System, token: Token | None = None) -> Address:
    """What is at a URL, within a few seconds, whatever it does."""
    place = shown_url(url)
    try:
        agent_os = AgentOS(url, token=token or Token(), limits=_LIMITS)
    except Exception as error:  # whatever httpx raises for a proxy that it cannot use
        return _unusable_proxy(url, error, system)
    try:
        with anyio.fail_after(SECONDS):
            async with agent_os:
                return await _ask(agent_os, url)
    except TimeoutError:
        return Address(url, f"something listens at {place} and does not come to an end", _restart(system))
    except Unreachable as error:
        return _unreachable(url, error, system)
    except AgentOSError as error:
        said = one_line(error.message, most=160).rstrip(".")
        return Address(url, f"something else than an AgentOS is at {place} ({said})")


async def _ask(agent_os: AgentOS, url: str) -> Address:
    """Raises AgentOSError where nothing of an AgentOS is there."""
    stranger = Address(url, f"something else than an AgentOS is at {agent_os.place}")
    try:
        health = await agent_os.get("/health", retry=False)
    except (Unauthorized, Forbidden):
        return Address(url)  # a gateway that wants a token first; whether it is taken is told later
    if not isinstance(health, dict) or health.get("status") != "ok":
        return stranger
    if "instantiated_at" in health:
        return Address(url)
    try:
        config = await agent_os.get("/config", retry=False)
    except (Unauthorized, Forbidden):
        return Address(url)
    return Address(url) if isinstance(config, dict) and "os_id" in config else stranger


def _unreachable(url: str, error: Unreachable, system: System) -> Address:
    place, parts = shown_url(url), urlsplit(url)
    causes = list(_causes(error))
    kinds = {type(cause).__name__ for cause in causes}
    proxy = _proxy_for(url)
    if proxy:
        words = f"no AgentOS answers at {place} through the proxy {proxy}"
        return Address(url, words, _without_proxy(url, system), listens=False)
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Address(url, f"the name {parts.hostname} is not known here", "Check the host in the URL.", listens=False)
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            fix = f"Trust its authority: {set_variable_command(system, 'SSL_CERT_FILE', '/path/to/ca.pem')}"
            return Address(url, f"the certificate of {place} is not trusted ({cause.verify_message})", fix)
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Address(url, f"what is at {place} speaks no TLS", "Write http:// instead of https://.")
    if "ConnectTimeout" in kinds:
        words = f"nothing answers at {place} within {_LIMITS.connect:g} s"
        return Address(url, words, "Check the host and the port in the URL, and the firewalls between.", listens=False)
    if not error.sent:
        return Address(url, f"no AgentOS answers at {place}: nothing listens there", listens=False)
    if "ReadTimeout" in kinds:
        return Address(url, f"something listens at {place} and does not answer: it hangs", _restart(system))
    return Address(url, f"something else than an AgentOS is at {place}: it speaks no HTTP")


def _restart(system: System) -> str:
    command = own_command(system, "doctor", "--url", "http://HOST:PORT")
    return f"Restart it if that is your AgentOS; else say where yours is: {command}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _proxy_for(url: str) -> str:
    """The proxy that a request to this URL goes through, as it may be shown; '' for none."""
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return ""
    proxies = urllib.request.getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    return shown_url(proxy if "://" in proxy else f"http://{proxy}") if proxy else ""


def _unusable_proxy(url: str, error: Exception, system: System) -> Address:
    words = one_line(str(error), most=200)
    set_here = [name for name in system.environment if name.upper() in _PROXIES and system.environment[name]]
    if not set_here:
        return Address(url, f"{shown_url(url)} cannot be asked ({words})", listens=False)
    verb = "Remove-Item" if system.platform == "win32" else "unset"
    names = [f"Env:{name}" if system.platform == "win32" else name for name in set_here]
    return Address(
        url,
        f"the proxy in {' or '.join(set_here)} cannot be used ({words})",
        f"Take it away: {verb} {' '.join(names)}",
        listens=False,
    )


def _without_proxy(url: str, system: System) -> str:
    host = urlsplit(url).hostname or ""
    return f"Let what is asked of it pass by the proxy: {set_variable_command(system, 'NO_PROXY', host)}"
