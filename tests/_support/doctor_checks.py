"""Short ways to run the doctor's checks, and to see what they report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agentos_mcp.doctor.address_checks import AgentOSLocation, find_agentos
from agentos_mcp.doctor.agentos_checks import check_agentos
from agentos_mcp.doctor.agentos_probe import AgentOSProber
from agentos_mcp.doctor.client_checks import ClientChecks
from agentos_mcp.doctor.configured_entries import read_configurations
from agentos_mcp.doctor.diagnosis import diagnose
from agentos_mcp.doctor.findings import Finding
from agentos_mcp.doctor.secret_mask import SecretMask
from agentos_mcp.doctor.trial_run import trial_run
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.server_probe import PROBE_SECONDS, ServerProber
from agentos_mcp.settings import Settings, Token
from tests._support.machines import Machine

UNUSED_URL = "http://127.0.0.1:9"
"""Where no AgentOS is."""
SHELL_PATH = str(Path(sys.executable).parent)


def host_system(folder: Path, **variables: str) -> HostSystem:
    """A machine whose shell finds agentos-mcp."""
    return HostSystem("linux", folder, {"PATH": SHELL_PATH, **variables}, folder)


SYSTEM = host_system(Path())
"""To render findings on."""


def fix_lines(finding: Finding) -> list[str]:
    """The steps of a finding's fix, as they are printed."""
    return [step.render(SYSTEM) for step in finding.fix]


def fix_text(finding: Finding) -> str:
    return "\n".join(fix_lines(finding))


@dataclass
class FindingRecorder:
    """The findings that were reported, in order."""

    findings: list[Finding] = field(default_factory=list)

    def __call__(self, finding: Finding) -> None:
        self.findings.append(finding)

    def __getitem__(self, subject: str) -> Finding:
        findings = [finding for finding in self.findings if finding.subject == subject]
        assert len(findings) == 1, f"{subject}: {self.findings}"
        return findings[0]

    @property
    def subjects(self) -> list[str]:
        return [finding.subject for finding in self.findings]

    @property
    def levels(self) -> set[str]:
        return {finding.level for finding in self.findings}

    @property
    def text(self) -> str:
        return "\n".join(finding.render(SYSTEM) for finding in self.findings)


async def run_address_checks(url: str, ports: Sequence[int] = (), token: str = "") -> FindingRecorder:
    """The findings on a URL."""
    findings = FindingRecorder()
    await find_agentos(url, Token(token), ports, findings)
    return findings


async def run_agentos_checks(url: str, token: str = "", **settings: Any) -> FindingRecorder:
    """The findings on the AgentOS at a URL."""
    findings = FindingRecorder()
    await check_agentos(Settings(url=url, token=Token(token), **settings), findings)
    return findings


async def run_client_checks(machine: Machine, seconds: float = PROBE_SECONDS) -> FindingRecorder:
    """The findings on the clients."""
    findings, mask = FindingRecorder(), SecretMask()
    location = AgentOSLocation()
    location.set_usable(True)
    checks = ClientChecks(machine.system, ServerProber(seconds), AgentOSProber(), mask, location)
    configurations = await read_configurations(machine.system)
    await checks.run(configurations, lambda finding: findings(mask.hide_in(finding)))
    return findings


async def run_trial(url: str, component_name: str = "", seconds: float = 30.0, **settings: Any) -> Finding:
    """The finding on a trial run."""
    return await trial_run(Settings(url=url, **settings), component_name, seconds)


@dataclass
class DoctorOutput:
    """What the doctor printed, and its exit code."""

    exit_code: int
    text: str

    @property
    def marks(self) -> dict[str, str]:
        """The mark of each finding, by its subject."""
        heads = [line.partition(": ")[0].split(" ", 1) for line in self.text.splitlines() if line[:1] in "✔!✘"]
        return {subject: mark for mark, subject in heads}

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.text)
        return document


def run_doctor(
    capsys: pytest.CaptureFixture[str],
    machine: Machine,
    url: str = "",
    *,
    ports: Sequence[int] = (),
    token: str = "",
    run: str | None = None,
    json: bool = False,
    fix: bool = False,
    yes: bool = False,
    default_url: str = UNUSED_URL,
) -> DoctorOutput:
    """All checks, the way the command runs them; `default_url` is used where none is given."""
    settings = Settings(url=url or default_url, token=Token(token))
    options = argparse.Namespace(json=json, run=run, fix=fix, yes=yes)
    exit_code = diagnose(options, settings, url_given=bool(url), ports=ports, system=machine.system)
    return DoctorOutput(exit_code, capsys.readouterr().out)
