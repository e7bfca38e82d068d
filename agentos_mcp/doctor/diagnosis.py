"""The whole examination, in the order in which a person would look."""

from __future__ import annotations

import argparse
import io
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace

import anyio
from mcp.client.stdio import get_default_environment

from agentos_mcp import __version__
from agentos_mcp.doctor.address_result import Place
from agentos_mcp.doctor.agentos_addresses import USUAL_PORTS, find
from agentos_mcp.doctor.agentos_checks import examine
from agentos_mcp.doctor.client_checks import Clients
from agentos_mcp.doctor.concurrent_checks import side_by_side
from agentos_mcp.doctor.findings import Finding, Tell, as_json, bad, good, healthy, summary, warning
from agentos_mcp.doctor.fix_commands import own_command, shell_line
from agentos_mcp.doctor.secret_mask import Mask
from agentos_mcp.doctor.server_start import Starter, started
from agentos_mcp.doctor.trial_run import try_run
from agentos_mcp.install.host_system import System
from agentos_mcp.install.server_command import server_command
from agentos_mcp.settings import Settings

# By its name it is not to be fetched: that is another project's on PyPI.
_FROM_CLONE = "in a clone of its repository: uv tool install . (or: pipx install .)"


def diagnose(
    options: argparse.Namespace,
    settings: Settings,
    *,
    url_given: bool,
    ports: Sequence[int] = USUAL_PORTS,
    system: System | None = None,
) -> int:
    """Look at everything and print what was found; 0 where nothing is broken, else 1."""
    examination = _Examination(settings, system or System.here(), ports, url_given=url_given, run=options.run)
    findings: list[Finding] = []
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")

    def tell(finding: Finding) -> None:
        findings.append(finding)
        if not options.json:
            _print(finding.line(sys.stdout.encoding or "utf-8"))

    anyio.run(examination.look, tell)
    _print(as_json(findings) if options.json else summary(findings))
    return 0 if healthy(findings) else 1


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class _Examination:
    def __init__(
        self, settings: Settings, system: System, ports: Sequence[int], *, url_given: bool, run: str | None
    ) -> None:
        self._settings = settings
        self._system = system
        self._ports = ports
        self._asked = settings.url if url_given else ""
        self._run = run
        self._mask = Mask()
        self._mask.add(settings.token())

    async def look(self, tell: Tell) -> None:
        self._place = Place()
        clients = Clients(self._system, Starter(get_default_environment()), self._mask, self._place)
        checks = [self._program, self._agent_os, self._server, clients.look]
        if self._run is not None:
            checks.append(self._trial)
        await side_by_side(checks, lambda finding: tell(self._mask.over(finding)))

    async def _program(self, tell: Tell) -> None:
        command = server_command(self._system)
        about = f"agentos-mcp {__version__}, Python {platform.python_version()}"
        if not os.access(command[0], os.X_OK):
            tell(bad("Program", f"{command[0]} cannot be executed", f"Install it again, {_FROM_CLONE}"))
        elif self._system.runs_from_uv_cache:
            tell(
                warning(
                    "Program",
                    f"{command[0]} ({about}) lies in uv's cache, which may be cleared at any time",
                    f"Give it a place to stay, {_FROM_CLONE}",
                )
            )
        elif len(command) > 1:
            tell(
                warning(
                    "Program",
                    f"there is no agentos-mcp beside {command[0]}; clients start `{shell_line(self._system, command)}`",
                    f"Install it as a program, {_FROM_CLONE}",
                )
            )
        else:
            tell(good("Program", f"{command[0]} ({about})"))

    async def _agent_os(self, tell: Tell) -> None:
        usable = False
        try:
            url = await find(self._asked, self._settings.token, self._ports, self._system, tell)
            self._place.found(url)
            if url:
                usable = await examine(replace(self._settings, url=url), self._system, tell)
        finally:
            self._place.examined(usable=usable)

    async def _server(self, tell: Tell) -> None:
        """Our own server, with everything that is set here."""
        command = [*server_command(self._system), "serve"]
        found = await started(command, os.environ)
        by_hand = f"Run it to see why: {own_command(self._system, 'serve')}"
        if found.strays:
            words = f"something prints to its standard output, which belongs to the protocol: {found.strays[0][:80]!r}"
            tell(bad("Server", words, f"See what prints that; it may be Python itself: {sys.executable} -c pass"))
        elif found.tools is None:
            why = "does not answer" if found.silent else f"ends at once: {found.said or 'without a word'}"
            tell(bad("Server", f"it {why}", by_hand))
        else:
            words = f"starts in {found.seconds:.1f} s, and its standard output holds nothing but the protocol"
            tell(good("Server", f"it {words}"))

    async def _trial(self, tell: Tell) -> None:
        if not await self._place.usable():
            tell(bad("Test run", "there is no AgentOS that it could be tried on", "See to what is broken above first."))
            return
        settings = replace(self._settings, url=await self._place.url())
        await try_run(settings, self._run or "", self._system, tell)
