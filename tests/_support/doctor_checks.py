"""Short ways to let the doctor look at something, and to see what it tells."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mcp.client.stdio import get_default_environment

from agentos_mcp.doctor.address_result import Place
from agentos_mcp.doctor.agentos_addresses import find
from agentos_mcp.doctor.agentos_checks import examine
from agentos_mcp.doctor.client_checks import Clients
from agentos_mcp.doctor.diagnosis import diagnose
from agentos_mcp.doctor.findings import Finding
from agentos_mcp.doctor.secret_mask import Mask
from agentos_mcp.doctor.server_start import Starter
from agentos_mcp.doctor.trial_run import try_run
from agentos_mcp.install.host_system import System
from agentos_mcp.settings import Settings, Token
from tests._support.machines import Machine

DOWN = "http://127.0.0.1:9"
"""Where no AgentOS is."""
SHELL_PATH = str(Path(sys.executable).parent)


@dataclass
class ProgressRecorder:
    """What was told, in order."""

    findings: list[Finding] = field(default_factory=list)

    def __call__(self, finding: Finding) -> None:
        self.findings.append(finding)

    def __getitem__(self, what: str) -> Finding:
        found = [finding for finding in self.findings if finding.what == what]
        assert len(found) == 1, f"{what}: {self.findings}"
        return found[0]

    @property
    def names(self) -> list[str]:
        return [finding.what for finding in self.findings]

    @property
    def levels(self) -> set[str]:
        return {finding.level for finding in self.findings}

    @property
    def everything(self) -> str:
        return "\n".join(finding.line() for finding in self.findings)


def system(folder: Path, **variables: str) -> System:
    """A machine whose shell finds agentos-mcp."""
    return System("linux", folder, {"PATH": SHELL_PATH, **variables}, folder)


async def look_for(
    url: str, folder: Path, ports: Sequence[int] = (), token: str = "", **variables: str
) -> ProgressRecorder:
    """What is told of an address, or of the usual ones for ''."""
    told = ProgressRecorder()
    await find(url, Token(token), ports, system(folder, **variables), told)
    return told


async def look_at(url: str, folder: Path, token: str = "", **settings: Any) -> ProgressRecorder:
    """What is told of the AgentOS at an address."""
    told = ProgressRecorder()
    await examine(Settings(url=url, token=Token(token), **settings), system(folder), told)
    return told


async def look_at_clients(machine: Machine, found: str = "", seconds: float = 20.0) -> ProgressRecorder:
    """What is told of the clients, where an AgentOS was found at an address."""
    told, mask, place = ProgressRecorder(), Mask(), Place()
    place.found(found)
    starter = Starter(get_default_environment(), seconds)
    await Clients(machine.system, starter, mask, place).look(lambda finding: told(mask.over(finding)))
    return told


async def run_on(url: str, folder: Path, asked: str = "", seconds: float = 30.0, **settings: Any) -> Finding:
    """What is told of a test run."""
    told = ProgressRecorder()
    await try_run(Settings(url=url, **settings), asked, system(folder), told, seconds)
    return told["Test run"]


@dataclass
class Diagnosis:
    """A whole examination: what was printed, and its exit code."""

    code: int
    printed: str

    @property
    def marks(self) -> dict[str, str]:
        """The mark of each thing that was looked at."""
        heads = [line.partition(": ")[0].split(" ", 1) for line in self.printed.splitlines() if line[:1] in "✔!✘"]
        return {what: mark for mark, what in heads}

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.printed)
        return document


def diagnosed(
    capsys: pytest.CaptureFixture[str],
    machine: Machine,
    url: str = "",
    *,
    ports: Sequence[int] = (),
    token: str = "",
    run: str | None = None,
    json: bool = False,
) -> Diagnosis:
    """Everything, the way the command does it."""
    settings = Settings(url=url or Settings.url, token=Token(token))
    options = argparse.Namespace(json=json, run=run)
    code = diagnose(options, settings, url_given=bool(url), ports=ports, system=machine.system)
    return Diagnosis(code, capsys.readouterr().out)
