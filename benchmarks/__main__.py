"""`python -m benchmarks [NAME ...] [--rounds N]`: run benchmarks and print one table of their figures."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
import traceback

import anyio

from benchmarks.table import Row, table

NAMES = ("spawn", "run", "progress", "cancel", "cpu", "crowd", "memory")


def main() -> int:
    """Run them; 1 where one could not run at all, else 0: missing a bar is no failure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Compare agentos-mcp, side by side.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)} (default: all)")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of each (default: its own number)")
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in NAMES]:
        parser.error(f"there is no benchmark '{unknown[0]}'; there are {', '.join(NAMES)}")
    rows: list[Row] = []
    broken: list[str] = []
    for name in options.names or NAMES:
        benchmark = importlib.import_module(f"benchmarks.{name}")
        rounds = options.rounds or benchmark.ROUNDS
        print(f"{name}: {rounds} rounds ...", file=sys.stderr, flush=True)
        begun = time.monotonic()
        try:
            rows += anyio.run(benchmark.measure, rounds)
        except Exception:
            traceback.print_exc()
            broken.append(name)
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    print("\nMedians of rounds (from-to); a ratio is the median of the rounds' own ratios. what: ours | the other\n")
    print(table(rows))
    if broken:
        print(f"\ncould not run: {', '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
