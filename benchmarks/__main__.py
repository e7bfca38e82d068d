"""`python -m benchmarks [NAME ...] [--rounds N]`: run benchmarks and print one table of the results."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback

import anyio

from benchmarks.results import Row, format_table

NAMES = (
    "startup",
    "streamed_runs",
    "progress_latency",
    "cancel_latency",
    "cpu_per_event",
    "concurrent_runs",
    "memory",
)


def main() -> int:
    """Run the benchmarks; 1 where one could not run at all, else 0: a missed limit is no failure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Compare agentos-mcp with its alternatives, side by side."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"benchmarks to run: {', '.join(NAMES)} (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each benchmark (default: its own number)")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in NAMES]:
        parser.error(f"there is no benchmark '{unknown[0]}'; choose from {', '.join(NAMES)}")
    rows: list[Row] = []
    failed: list[str] = []
    for name in options.names or NAMES:
        benchmark = importlib.import_module(f"benchmarks.{name}")
        rounds = options.rounds or benchmark.ROUNDS
        print(f"{name}: {rounds} rounds ...", file=sys.stderr, flush=True)
        started = time.monotonic()
        try:
            rows += anyio.run(benchmark.measure, rounds)
        except Exception:
            traceback.print_exc()
            failed.append(name)
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    print("\nMedians of rounds (from-to); a ratio is the median of the rounds' own ratios. agentos-mcp | the other\n")
    print(format_table(rows))
    if failed:
        print(f"\ncould not run: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
