"""`python -m tests.conformance`: run the official suite at both versions and write docs/conformance.md.

Exits with 1 where a scored scenario does not pass, or another one that is expected to.
"""

from __future__ import annotations

import importlib.metadata
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agentos_mcp import __version__
from scripts.surface.markdown_table import table
from tests._support.conformance_suite import PACKAGE, VERSION, Report, Spec, SuiteError, problems, run, scored
from tests._support.marked_page import write_page
from tests._support.node import NodeError
from tests._support.processes import FORK, Forked, HttpServer, ListeningProcess
from tests._support.running_agentos import running_agentos
from tests.conformance.scenarios import EXCUSED, NEED_NO_FIXTURE, NEW, NOT_OFFERED, OLD

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"
SPECS: tuple[Spec, ...] = (OLD, NEW)


@dataclass(frozen=True)
class Verdict:
    """What came of one scenario at one version."""

    scenario: str
    spec: Spec
    is_scored: bool
    problems: tuple[str, ...] = ()
    reason: str = ""
    """Why it is not passed, where that is meant."""

    @property
    def is_unexpected(self) -> bool:
        return bool(self.problems) and (self.is_scored or not self.reason)


def verdicts(spec: Spec, real: Report, fixtures: Report, scored_scenarios: frozenset[str]) -> list[Verdict]:
    """Of all scenarios of a version: a scenario that needs no fixture has to pass without them, too."""
    found = []
    for scenario in sorted({*fixtures.checks, *scored_scenarios}):
        failures = problems(fixtures.of(scenario), {})
        if scenario in NEED_NO_FIXTURE[spec]:
            failures += problems(real.of(scenario), EXCUSED.get((spec, scenario), {}))
        reason = NOT_OFFERED[spec].get(scenario, "")
        found.append(Verdict(scenario, spec, scenario in scored_scenarios, tuple(failures), reason))
    return found


def page_content(all_verdicts: Sequence[Verdict], versions: str) -> str:
    """How many pass, then each scenario that is not scored or does not pass."""
    totals = []
    for spec in SPECS:
        of_spec = [verdict for verdict in all_verdicts if verdict.spec == spec]
        cells = []
        for group in (True, False):
            members = [verdict for verdict in of_spec if verdict.is_scored is group]
            cells.append(f"{sum(not verdict.problems for verdict in members)} of {len(members)}")
        totals.append((spec, *cells))
    rows = [
        (
            f"`{verdict.scenario}`",
            verdict.spec,
            "scored" if verdict.is_scored else "not scored",
            "not passed" if verdict.problems else "passed",
            verdict.reason or "; ".join(verdict.problems),
        )
        for verdict in all_verdicts
        if verdict.problems or not verdict.is_scored
    ]
    return "\n\n".join(
        [
            table(("version of MCP", "scored scenarios passed", "others passed"), totals),
            table(("scenario", "version of MCP", "counts", "verdict", "why"), rows),
            f"{versions}.",
        ]
    )


def run_suite(folder: Path) -> list[Verdict]:
    """Run it against the server as people run it, and against the same with the suite's fixtures."""
    found: list[Verdict] = []
    with (
        running_agentos(pace=0.5) as agentos,
        HttpServer("--url", agentos, command=FORK) as real,
        ListeningProcess(agentos, command=Forked("tests._support.conformance_fixtures")) as fixtures,
    ):
        for spec in SPECS:
            reports: Mapping[str, Report] = {
                name: run(url, spec, _made(folder / f"{name}-{spec}"))
                for name, url in (("real", real.url), ("fixtures", fixtures.url))
            }
            found += verdicts(spec, reports["real"], reports["fixtures"], scored(spec))
            print(f"  {spec}: done", flush=True)
    return found


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def main() -> int:
    """0 where everything that is expected to pass passes, 1 where not, 2 where the suite could not run."""
    try:
        with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
            found = run_suite(Path(folder))
    except (NodeError, SuiteError) as error:
        print(error, file=sys.stderr)
        return 2
    sdk = importlib.metadata.version("mcp")
    content = page_content(found, f"{PACKAGE} {VERSION}; agentos-mcp {__version__} (SDK {sdk})")
    print(content)
    write_page(PAGE, "make conformance", content)
    unexpected = [verdict for verdict in found if verdict.is_unexpected]
    for verdict in unexpected:
        print(f"{verdict.scenario} at {verdict.spec}: {'; '.join(verdict.problems)}", file=sys.stderr)
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
