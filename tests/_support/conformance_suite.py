"""Runs the official conformance suite against a server and reads its verdicts."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ruamel.yaml import YAML

from tests._support.node import environment, node, npm_package

PACKAGE = "@modelcontextprotocol/conformance"
VERSION = "0.2.0-alpha.12"
RUN_LIMIT = 150.0
"""Seconds for all scenarios of one version of the specification; they take 2 to 10."""

Spec = Literal["2025-11-25", "2026-07-28"]
ON_THE_WIRE = "wire-schema-valid"
"""The check, added to nearly every scenario, that each message of the server follows the schema."""
_TIMESTAMP = len("-2025-11-25T00-00-00-000Z")


class SuiteError(AssertionError):
    """The suite itself did not do its work."""


@dataclass(frozen=True)
class Check:
    id: str
    status: str
    message: str

    def __str__(self) -> str:
        return f"{self.status} {self.id}" + (f": {self.message}" if self.message else "")


@dataclass(frozen=True)
class Report:
    """What the suite said of each scenario of one version of the specification."""

    checks: Mapping[str, tuple[Check, ...]]
    output: str

    def of(self, scenario: str) -> tuple[Check, ...]:
        if scenario not in self.checks:
            raise SuiteError(
                f"The suite gave no verdict on {scenario}. The end of what it said:\n{self.output[-3000:]}"
            )
        return self.checks[scenario]


def entry_point() -> Path:
    """The suite's command, installed if need be."""
    return npm_package(PACKAGE, VERSION) / "dist" / "index.js"


def scored(spec: Spec) -> frozenset[str]:
    """The scenarios that a server has to pass to conform to this version, as the suite itself lists them."""
    listed = entry_point().parents[1] / "requirements" / f"{spec}.yaml"
    return frozenset(YAML(typ="safe").load(listed.read_text(encoding="utf-8"))["server"])


def run(url: str, spec: Spec, folder: Path) -> Report:
    """Every scenario that a version of the specification has for servers, in one process; results go to `folder`."""
    command = [str(node()), str(entry_point()), "server", "--url", url, "--requirements", spec, "-o", str(folder)]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**environment(), "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=RUN_LIMIT,
        )
    except subprocess.TimeoutExpired as error:
        said = error.stdout.decode(errors="replace") if isinstance(error.stdout, bytes) else error.stdout
        raise SuiteError(f"The suite took over {RUN_LIMIT:.0f} s. The end of what it said:\n{said}") from None
    checks = {
        result.parent.name.removeprefix("server-")[:-_TIMESTAMP]: tuple(_read(result))
        for result in folder.glob("server-*/checks.json")
    }
    if done.returncode not in {0, 1} or "=== SUMMARY ===" not in done.stdout:
        raise SuiteError(f"The suite ended early, with code {done.returncode}:\n{done.stdout[-3000:]}")
    return Report(checks, done.stdout)


def _read(result: Path) -> list[Check]:
    return [
        Check(check["id"], check["status"], check.get("errorMessage") or "")
        for check in json.loads(result.read_text(encoding="utf-8"))
    ]


def problems(checks: tuple[Check, ...], excused: Mapping[str, str]) -> list[str]:
    """What keeps a scenario from having passed. `excused`: checks that are known not to, and why.

    An excuse that is not needed any more is a problem too, and so is a scenario that checked nothing.
    """
    failures = [str(check) for check in checks if check.status not in {"SUCCESS", "INFO"} and check.id not in excused]
    unmet = {check.id for check in checks if check.status not in {"SUCCESS", "INFO"}}
    failures += [
        f"{name} passes now: take its excuse away ({why})" for name, why in excused.items() if name not in unmet
    ]
    if not any(check.status == "SUCCESS" and check.id != ON_THE_WIRE for check in checks) and not excused:
        failures.append("Nothing was checked.")
    return failures
