"""`agentos-mcp doctor`: all checks, side by side, reported in the order in which a person would look."""

from __future__ import annotations

import argparse
import io
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import anyio

from agentos_mcp import __version__
from agentos_mcp.agentos.http_errors import display_url
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.doctor.address_checks import USUAL_PORTS, AgentOSLocation, find_agentos
from agentos_mcp.doctor.agentos_checks import check_agentos
from agentos_mcp.doctor.agentos_probe import AgentOSProber, TokenStatus
from agentos_mcp.doctor.automatic_fixes import AppliedFix, apply_fix, automatic_fixes, preview_fix
from agentos_mcp.doctor.client_checks import ClientChecks
from agentos_mcp.doctor.configured_entries import ConfiguredEntry, read_configurations
from agentos_mcp.doctor.entry_connection import EntryConnection
from agentos_mcp.doctor.exposure_checks import find_exposure
from agentos_mcp.doctor.findings import (
    Check,
    Finding,
    Report,
    as_data,
    bad,
    good,
    is_healthy,
    run_checks,
    summary,
    warning,
)
from agentos_mcp.doctor.fixes import AutomaticFix, FixStep, OtherCommand, run_command, set_variable
from agentos_mcp.doctor.secret_mask import SecretMask
from agentos_mcp.doctor.startup_failures import describe_exit, explain_failure
from agentos_mcp.doctor.trial_run import trial_run
from agentos_mcp.install.client_entry import ResolvedCommand
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.launch_command import server_command
from agentos_mcp.install.own_package import own_package
from agentos_mcp.install.server_probe import ProbeProblem, ServerProber, probe_server
from agentos_mcp.settings import Settings, Token
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.program_name import program_words


def diagnose(
    options: argparse.Namespace,
    settings: Settings,
    *,
    url_given: bool,
    ports: Sequence[int] = USUAL_PORTS,
    system: HostSystem | None = None,
) -> int:
    """Run all checks and print their findings; with `options.fix` apply what can be fixed, and check again.

    The exit code: 0 where nothing is broken (any more), else 1.
    """
    system = system or HostSystem.current()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")

    trials: dict[str, Finding] = {}

    def examine() -> list[Finding]:
        diagnosis = _Diagnosis(
            settings,
            system,
            ports,
            CommandSurface.of(options),
            url_given=url_given,
            component_name=options.run,
            trials=trials,
        )
        findings: list[Finding] = []

        def report(finding: Finding) -> None:
            findings.append(finding)
            if not options.json:
                _print(finding.render(system, sys.stdout.encoding or "utf-8"))

        anyio.run(diagnosis.run, report)
        if not options.json:
            _print(summary(findings))
        return findings

    findings = examine()
    applied: list[AppliedFix] | None = None
    if options.fix:
        fixes = automatic_fixes(findings)
        applied = []
        if fixes and _is_agreed(fixes, system, options):
            applied = [apply_fix(fix, system) for fix in fixes]
            if not options.json:
                _print("\n".join(["", *(f"{fix}" for fix in applied), "", "Checked again:"]))
            findings = examine()
        if not options.json:
            _print(_what_is_left(findings, applied))
    if options.json:
        document = as_data(findings, system)
        _print(
            json.dumps(document | ({} if applied is None else {"fixed": [asdict(fix) for fix in applied]}), indent=1)
        )
    return 0 if is_healthy(findings) else 1


def _is_agreed(fixes: Sequence[AutomaticFix], system: HostSystem, options: argparse.Namespace) -> bool:
    """Show what would be changed, and ask; with --yes nobody is asked."""
    if not options.json:
        _print("\n".join(["", "This can be fixed here:", *(preview_fix(fix, system) for fix in fixes)]))
    if options.yes:
        return True
    try:
        answer = input(f"Change {'that' if len(fixes) == 1 else f'these {len(fixes)}'}? [y/N] ")
    except EOFError:
        answer = ""
    return answer.strip().casefold() in {"y", "yes"}


def _what_is_left(findings: Sequence[Finding], applied: Sequence[AppliedFix]) -> str:
    """What was fixed, and what a person has to do."""
    done = sum(fix.done for fix in applied)
    problems = [finding.subject for finding in findings if finding.level == "bad"]
    fixed = f"Fixed: {done} of {len(applied)}." if applied else "Nothing was changed."
    left = f"Left for you: {', '.join(dict.fromkeys(problems))}." if problems else "No problem is left."
    return f"{fixed} {left}"


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@dataclass(frozen=True)
class _Target:
    """The AgentOS to examine; `origin` says why this one, where its URL was not given itself."""

    url: str
    token: Token
    surface: CommandSurface
    """Writes commands that are about it."""
    origin: str = ""


def _remember(instruction: str, connection: EntryConnection) -> FixStep:
    """The step after which every command speaks to the AgentOS of an entry."""
    return run_command(instruction, "use", connection.url, *_token_flags(connection))


def _surface_for(connection: EntryConnection) -> CommandSurface:
    return CommandSurface(program_words(), ("--url", connection.url, *_token_flags(connection)))


def _token_flags(connection: EntryConnection) -> tuple[str, ...]:
    return ("--token-file", str(connection.token_file)) if connection.token_file else ()


class _Diagnosis:
    def __init__(
        self,
        settings: Settings,
        system: HostSystem,
        ports: Sequence[int],
        surface: CommandSurface,
        *,
        url_given: bool,
        component_name: str | None,
        trials: dict[str, Finding],
    ) -> None:
        self._settings = settings
        self._system = system
        self._ports = ports
        self._surface = surface
        """Writes commands that are about the AgentOS that was given."""
        self._url_given = url_given
        self._component_name = component_name
        """None for no trial run."""
        self._trials = trials
        """What came of the trial runs so far, by the URL of the AgentOS: one that went well is not made again."""
        self._mask = SecretMask()
        self._mask.add(settings.token())

    async def run(self, report: Report) -> None:
        self._location = AgentOSLocation()
        self._agentos_prober = AgentOSProber()
        self._configurations = await read_configurations(self._system)
        self._connections = self._connections_of_entries()
        client_checks = ClientChecks(self._system, ServerProber(), self._agentos_prober, self._mask, self._location)
        checks: list[Check] = [
            self._check_program,
            self._check_agentos,
            self._check_access,
            self._check_server,
            partial(client_checks.run, self._configurations),
        ]
        if self._component_name is not None:
            checks.append(self._check_trial_run)
        await run_checks(checks, lambda finding: report(self._mask.hide_in(finding)))

    def _connections_of_entries(self) -> list[tuple[ConfiguredEntry, EntryConnection]]:
        """What the entries that start a program connect to; their tokens are masked from now on."""
        connections = []
        for entry in (entry for configuration in self._configurations for entry in configuration.entries):
            for connection in entry.connection.each:
                self._mask.add(connection.token)
                if connection.url and not (entry.server_url or entry.is_disabled or entry.command.missing):
                    connections.append((entry, connection))
        return connections

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
            command_line = self._system.shell_line(command)
            message = f"there is no agentos-mcp beside {command[0]}; clients start `{command_line}`"
            report(warning("Program", message, FixStep("Install it again", install)))
        else:
            report(good("Program", program))

    async def _check_agentos(self, report: Report) -> None:
        is_usable = False
        try:
            target = self._choose_target(report)
            if target is None:
                self._location.set_url("")
                return
            address = await find_agentos(target.url, target.token, self._ports, report, origin=target.origin)
            self._location.set_url("" if address.problem else target.url)
            if not address.problem:
                target = await self._with_usable_token(target, report)
                self._location.set_token(target.token, target.surface)
                settings = replace(self._settings, url=target.url, token=target.token)
                is_usable = await check_agentos(
                    settings, lambda finding: report(finding.with_about(address.about)), target.surface
                )
        finally:
            self._location.set_usable(is_usable)

    def _choose_target(self, report: Report) -> _Target | None:
        """The AgentOS that was given; else the one that all entries are for, or the default one, which is no stranger's
        where no entry is for another."""
        settings = self._settings
        urls = dict.fromkeys(connection.url for _, connection in self._connections)
        if self._url_given:
            origin = f"the profile {settings.profile}" if settings.profile else ""
            return _Target(settings.url, settings.token, self._surface, origin)
        if not urls or any(connection.is_for(settings.url) for _, connection in self._connections):
            return _Target(settings.url, settings.token, self._surface, "no other address is set")
        names = " and ".join(display_url(url) for url in urls)
        message = f"none is set here, so the other commands use {settings.url}; your clients' entries are for {names}"
        if len(urls) > 1:
            fix = run_command("To examine one of them more closely", "doctor", "--url", "http://HOST:PORT")
            report(warning("URL", message, fix))
            return None
        entry, connection = self._connections[0]
        report(warning("Profile", message, _remember("Remember that one", connection)))
        origin = f"{entry.client.title}'s {entry} is for it"
        return _Target(connection.url, Token(connection.token), _surface_for(connection), origin)

    async def _with_usable_token(self, target: _Target, report: Report) -> _Target:
        """With the token to examine it with: that of an entry for the same URL where none is set here."""
        probe = await self._agentos_prober.probe(target.url, target.token())
        if probe.status is not TokenStatus.MISSING:
            return target
        for entry, connection in self._connections:
            if not connection.is_for(target.url) or not connection.token:
                continue
            if (await self._agentos_prober.probe(connection.url, connection.token)).status is TokenStatus.ACCEPTED:
                message = f"none is set here, so the other commands are refused; {entry.client.title}'s {entry} has one"
                if connection.token_file:
                    fix = _remember("To use it here too", connection)
                else:
                    fix = set_variable("Set it here too", "AGENTOS_TOKEN", "...")
                message = f"{message}, from {connection.token_source}, with which the checks below are made"
                report(warning("Token", message, fix, about=probe.address.about))
                return replace(target, token=Token(connection.token), surface=_surface_for(connection))
        return target

    async def _check_access(self, report: Report) -> None:
        """Warn of each AgentOS that requires no token and can be reached from elsewhere."""
        url = await self._location.url()
        tokens = {connection.url: connection.token for _, connection in self._connections}
        if url:
            tokens.setdefault(url, self._settings.token())
        for url, token in tokens.items():
            probe = await self._agentos_prober.probe(url, token)
            if probe.is_open and (finding := await find_exposure(probe.address)):
                report(finding)

    async def _check_server(self, report: Report) -> None:
        """Our own server, with all variables that are set here."""
        command = [*server_command(self._system), "serve"]
        probe = await probe_server(command, os.environ)
        lines = [one_line(self._mask.hide(line), max_length=200) for line in probe.error_lines]
        details = lines if len(lines) > 1 else []
        if probe.stray_lines:
            line = one_line(self._mask.hide(probe.stray_lines[0]), max_length=80)
            message = f"something prints to its standard output, which is reserved for the protocol: {line!r}"
            instruction = "Find out what prints that; it may be Python itself"
            report(bad("Server", message, FixStep(instruction, OtherCommand((sys.executable, "-c", "pass")))))
        elif probe.problem is ProbeProblem.TIMEOUT:
            message = f"it does not answer within {probe.seconds:g} s"
            report(bad("Server", message, FixStep("Check what keeps this machine busy."), details=lines))
        elif probe.problem:
            resolved = ResolvedCommand(command[0], tuple(command[1:]), {})
            failure = await explain_failure(resolved, probe, os.environ.get("PATH", ""))
            reason = one_line(self._mask.hide(failure.reason), max_length=300) or "without a message"
            message = f"it ends at once{describe_exit(probe.exit_code)}: {reason}"
            install = OtherCommand(own_package(self._system).install_command())
            fix = FixStep("Install it again", install) if failure.needs_installation else FixStep("Correct that.")
            report(bad("Server", message, fix, details=details))
        else:
            message = f"it starts in {probe.seconds:.1f} s, and prints only the protocol to its standard output"
            report(good("Server", message))

    async def _check_trial_run(self, report: Report) -> None:
        if not await self._location.is_usable():
            message = "there is no AgentOS that could run it"
            report(bad("Test run", message, FixStep("Fix the problems above first.")))
            return
        url = await self._location.url()
        if url not in self._trials or self._trials[url].level == "bad":
            settings = replace(self._settings, url=url, token=self._location.token)
            self._trials[url] = await trial_run(settings, self._component_name or "", surface=self._location.surface)
        report(self._trials[url])
