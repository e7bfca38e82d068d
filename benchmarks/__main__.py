"""`python -m benchmarks [NAME ...] [--quick] [--rounds N]`: compare, and write docs/benchmarks.md with its chart."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import anyio

from benchmarks import chart, connections, page
from benchmarks.contenders import CONTENDERS
from benchmarks.machine import describe_machine, versions
from benchmarks.page import Environment, Section
from benchmarks.peers import PeerMissing
from benchmarks.results import Comparison, Result, Row, format_table

NAMES = (
    "first_use",
    "sizes",
    "list_latency",
    "list_call",
    "streamed_runs",
    "many_runs",
    "memory",
    "startup",
    "progress_latency",
    "cancel_latency",
    "cpu_per_event",
)
DOCS = Path(__file__).parents[1] / "docs"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Compare agentos-mcp with its alternatives, side by side."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"benchmarks to run: {', '.join(NAMES)} (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each benchmark (default: its own number)")
    parser.add_argument(
        "--quick", action="store_true", help="one round of each without the most runs at once, which is only printed"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="write the page and its chart there (default: docs/, after all)"
    )
    return parser


def main() -> int:
    """Run the benchmarks; 1 where one could not run at all, else 0: a missed limit is no failure."""
    parser = build_parser()
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in NAMES]:
        parser.error(f"there is no benchmark '{unknown[0]}'; choose from {', '.join(NAMES)}")
    rounds = 1 if options.quick else options.rounds
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    sections: list[Section] = []
    failed: list[str] = []
    started = time.monotonic()
    for name in options.names or NAMES:
        try:
            sections.append(_run(name, rounds))
        except PeerMissing as error:
            failed.append(f"{name}: {error}")
        except Exception as error:
            traceback.print_exc()
            failed.append(f"{name}: {type(error).__name__}")
    minutes = (time.monotonic() - started) / 60
    _print(sections, failed)
    folder = options.output or (None if options.names or options.quick else DOCS)
    if folder is not None:
        how_often = f"{'one round' if rounds == 1 else 'several rounds'} of each, which took {minutes:.0f} min"
        machine = f"{describe_machine()}, with a load of {load:.1f} before it began"
        missing = [*failed, *(f"{title}: {reason}" for title, reason in connections.left_out.items())]
        write(folder, sections, Environment(machine, versions(), how_often, missing))
        print(f"\nWritten: {folder / 'benchmarks.md'} and {folder / page.CHART}", file=sys.stderr)
    return 1 if failed else 0


def write(folder: Path, sections: Sequence[Section], environment: Environment) -> None:
    """Write the page and its chart into a folder."""
    comparisons = [result for section in sections for result in section.results if isinstance(result, Comparison)]
    (folder / page.CHART).parent.mkdir(parents=True, exist_ok=True)
    (folder / "benchmarks.md").write_text(page.render(sections, environment), encoding="utf-8")
    picture = chart.draw([comparison for comparison in comparisons if comparison.is_in_chart])
    (folder / page.CHART).write_text(picture, encoding="utf-8")


def _run(name: str, rounds: int) -> Section:
    benchmark = importlib.import_module(f"benchmarks.{name}")
    rounds = rounds or benchmark.ROUNDS
    print(f"{name}: {rounds} rounds ...", file=sys.stderr, flush=True)
    started = time.monotonic()
    results: list[Result] = anyio.run(benchmark.measure, rounds)
    print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    introduction = (benchmark.__doc__ or "").strip().partition("\n")[0]
    return Section(getattr(benchmark, "SECTION", name), introduction, results)


def _print(sections: Sequence[Section], failed: Sequence[str]) -> None:
    print("\nMedians of rounds (from-to); a ratio is the median of the rounds' own ratios. agentos-mcp | the other\n")
    results = [result for section in sections for result in section.results]
    for result in results:
        if isinstance(result, Comparison):
            print(f"{result.section}: {result.name}")
            for key in result.samples:
                ahead = " (ahead)" if CONTENDERS[key] in result.peers_ahead else ""
                print(f"    {CONTENDERS[key].title:<24}{result.cell(key)}{ahead}")
    if rows := [result for result in results if isinstance(result, Row)]:
        print(f"\n{format_table(rows)}")
    for name in page.unexplained(sections):
        print(f"without a reason: {name}")
    for reason in failed:
        print(f"could not run: {reason}")


if __name__ == "__main__":
    sys.exit(main())
