"""`agentos-mcp doctor`: all checks, side by side, reported in the order in which a person would look."""

from __future__ import annotations

import argparse
import io
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace

import anyio

from agentos_mcp import __version__
from agentos_mcp.doctor.address_checks import USUAL_PORTS, AgentOSLocation, find_agentos
from agentos_mcp.doctor.agentos_checks import check_agentos
from agentos_mcp.doctor.client_checks import ClientChecks
from agentos_mcp.doctor.findings import (
    Finding,
    Report,
    as_json,
    bad,
    good,
    is_healthy,
    run_checks,
    summary,
    warning,
)
from agentos_mcp.doctor.fixes import FixStep, OtherCommand, run_command, shell_line
from agentos_mcp.doctor.secret_mask import SecretMask
from agentos_mcp.doctor.trial_run import check_trial_run
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.launch_command import server_command
from agentos_mcp.install.own_package import own_package
from agentos_mcp.install.server_probe import ProbeProblem, ServerProber, probe_server
from agentos_mcp.settings import Settings


def diagnose(
    options: argparse.Namespace,
    settings: Settings,
    *,
    url_given: bool,
    ports: Sequence[int] = USUAL_PORTS,
    system: HostSystem | None = None,
) -> int:
    """Run all checks and print their findings; the exit code: 0 where nothing is broken, else 1."""
    system = system or HostSystem.current()
    diagnosis = _Diagnosis(settings, system, ports, url_given=url_given, component_name=options.run)
    findings: list[Finding] = []
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")

    def report(finding: Finding) -> None:
        findings.append(finding)
        if not options.json:
            _print(finding.render(system, sys.stdout.encoding or "utf-8"))

    anyio.run(diagnosis.run, report)
    _print(as_json(findings, system) if options.json else summary(findings))
    return 0 if is_healthy(findings) else 1


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class _Diagnosis:
    def __init__(
        self,
        settings: Settings,
        system: HostSystem,
        ports: Sequence[int],
        *,
        url_given: bool,
        component_name: str | None,
    ) -> None:
        self._settings = settings
        self._system = system
        self._ports = ports
        self._given_url = settings.url if url_given else ""
        self._component_name = component_name
        """None for no trial run."""
        self._mask = SecretMask()
        self._mask.add(settings.token())

    async def run(self, report: Report) -> None:
        self._location = AgentOSLocation()
        client_checks = ClientChecks(self._system, ServerProber(), self._mask, self._location)
        checks = [self._check_program, self._check_agentos, self._check_server, client_checks.run]
        if self._component_name is not None:
            checks.append(self._check_trial_run)
        await run_checks(checks, lambda finding: report(self._mask.hide_in(finding)))

    async def _check_program(self, report: Report) -> None:
        command = server_command(self._system)
        program = f"{command[0]} (agentos-mcp {__version__}, Python {platform.python_version()})"
        install = OtherCommand(own_package(self._system).install_command())
        if not os.access(command[0], os.X_OK):
            report(bad("Program", f"{command[0]} is not executable", FixStep("Install it again", install)))
        elif self._system.runs_from_uv_cache:
            message = f"{program} is in uv's cache, which may be cleared at any time"
            report(warning("Program", message, FixStep("Install it permanently", install)))
        elif len(command) > 1:
            command_line = shell_line(self._system, command)
            message = f"there is no agentos-mcp beside {command[0]}; clients start `{command_line}`"
            report(warning("Program", message, FixStep("Install it again", install)))
        else:
            report(good("Program", program))

    async def _check_agentos(self, report: Report) -> None:
        is_usable = False
        try:
            url = await find_agentos(self._given_url, self._settings.token, self._ports, self._system, report)
            self._location.set_url(url)
            if url:
                is_usable = await check_agentos(replace(self._settings, url=url), report)
        finally:
            self._location.set_usable(is_usable)

    async def _check_server(self, report: Report) -> None:
        """Our own server, with all variables that are set here."""
        probe = await probe_server([*server_command(self._system), "serve"], os.environ)
        run_by_hand = run_command("Run it to see why", "serve")
        if probe.stray_lines:
            line = probe.stray_lines[0][:80]
            message = f"something prints to its standard output, which is reserved for the protocol: {line!r}"
            instruction = "Find out what prints that; it may be Python itself"
            report(bad("Server", message, FixStep(instruction, OtherCommand((sys.executable, "-c", "pass")))))
        elif probe.problem is ProbeProblem.TIMEOUT:
            report(bad("Server", "it does not answer", run_by_hand))
        elif probe.problem:
            reason = probe.last_error_line or "without a message"
            report(bad("Server", f"it ends at once: {reason}", run_by_hand))
        else:
            message = f"it starts in {probe.seconds:.1f} s, and prints only the protocol to its standard output"
            report(good("Server", message))

    async def _check_trial_run(self, report: Report) -> None:
        if not await self._location.is_usable():
            message = "there is no AgentOS that could run it"
            report(bad("Test run", message, FixStep("Fix the problems above first.")))
            return
        settings = replace(self._settings, url=await self._location.url())
        await check_trial_run(settings, self._component_name or "", report)
