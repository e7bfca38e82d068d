"""`python -m tests.fuzz [TARGET ...] [--count N] [--seed N] [--input N]`: changed inputs, none of which may crash.

Prints a row a target; exits with 1 where an input raised anything but an error of ours, or was not read in time.
Each such input is printed small, with the command that reads it again. After a million inputs of each target it writes
the rows into docs/reliability.md.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import pickle
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from scripts.surface.markdown_table import table
from tests._support.reliability_page import setting, write_section
from tests.fuzz.corpus import Corpus, kept_corpus
from tests.fuzz.targets import TARGETS, Target
from tests.fuzz.worker import Done, Failure, failure_of, input_of, small, work

COUNT = 1_000_000
PROCESSES = 2
MOST_SECONDS = 10.0
"""That one input may take."""
_POLL_SECONDS = 0.5
_SHOWN_BYTES = 400


@dataclass
class Outcome:
    """What became of one target's inputs."""

    target: str
    inputs: int = 0
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, -1)
    """Seconds of processor time, and the number of the input."""
    crashes: list[Failure] = field(default_factory=list)
    hangs: list[Failure] = field(default_factory=list)

    def add(self, message: Failure | Done) -> None:
        if isinstance(message, Failure):
            if message.place not in {crash.place for crash in self.crashes}:
                self.crashes.append(message)
        else:
            self.inputs += message.inputs
            self.slowest = max(self.slowest, message.slowest)

    def cells(self) -> tuple[str, ...]:
        return (
            self.target,
            f"{self.inputs:,}",
            str(len(self.crashes)),
            str(len(self.hangs)),
            f"{self.slowest[0] * 1000:.0f} ms",
            f"{self.inputs / max(self.seconds, 0.001):,.0f}",
        )


COLUMNS = ("target", "inputs", "crashes", "hangs", "slowest input (CPU)", "inputs a second")


def section(outcomes: Sequence[Outcome], seed: int) -> str:
    """The part of the page that these figures are for."""
    rows = [(*outcome.cells(), TARGETS[outcome.target].about) for outcome in outcomes]
    minutes = sum(outcome.seconds for outcome in outcomes) / 60
    return f"{setting(seed)}; {minutes:.0f} minutes.\n\n{table((*COLUMNS, 'what is read'), rows)}"


MakeTarget = Callable[[Corpus], Target]


class _Worker:
    """One process and what is left for it."""

    def __init__(self, make_target: MakeTarget, corpus: Path, seed: int, numbers: range) -> None:
        self._arguments = (make_target, corpus, seed)
        self._numbers = numbers
        self._context = multiprocessing.get_context("spawn")
        self._start()

    def _start(self) -> None:
        self.current = self._context.Value("q", -1, lock=False)
        self.results, theirs = self._context.Pipe(duplex=False)
        arguments: tuple[Any, ...] = (*self._arguments, self._numbers, self.current, theirs)
        self.process = self._context.Process(target=work, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        self.seen, self.seen_at = -1, time.monotonic()

    def is_stuck(self, most_seconds: float) -> bool:
        """Whether it has been at one input for longer than that."""
        number = self.current.value
        if number != self.seen:
            self.seen, self.seen_at = number, time.monotonic()
        return number >= 0 and time.monotonic() - self.seen_at > most_seconds

    def skip(self) -> int:
        """End the process, and go on behind the input that it was at; how many were read."""
        number = self.current.value
        self.process.kill()
        self.process.join()
        self.results.close()
        done = self._numbers.index(number) + 1
        self._numbers = self._numbers[done:]
        self._start()
        return done


def fuzz(
    name: str,
    make_target: MakeTarget,
    corpus: Path,
    *,
    seed: int,
    count: int,
    processes: int = PROCESSES,
    most_seconds: float = MOST_SECONDS,
) -> Outcome:
    """Read `count` inputs of a target in processes of their own, each input within a time."""
    outcome = Outcome(name)
    started = time.monotonic()
    workers = [_Worker(make_target, corpus, seed, range(first, count, processes)) for first in range(processes)]
    while workers:
        ready = wait([worker.results for worker in workers], timeout=_POLL_SECONDS)
        for worker in list(workers):
            if worker.results in ready and not _receive(worker.results, outcome):
                worker.process.join()
                if worker.process.exitcode:
                    number = worker.current.value
                    outcome.crashes.append(Failure(name, number, f"the process ended ({worker.process.exitcode})"))
                workers.remove(worker)
            elif worker.is_stuck(most_seconds):
                outcome.hangs.append(Failure(name, worker.current.value, f"it took more than {most_seconds:.0f} s"))
                outcome.inputs += worker.skip()
    outcome.seconds = time.monotonic() - started
    return outcome


def _receive(results: Connection, outcome: Outcome) -> bool:
    """Take one message; False at the end."""
    try:
        message = results.recv()
    except EOFError:
        return False
    outcome.add(message)
    return True


def lines_of(outcome: Outcome, seed: int) -> Iterator[str]:
    """The inputs that failed, for people."""
    for failure in (*outcome.crashes, *outcome.hangs):
        yield f"{failure.target} {failure.number}: {failure.error} at {failure.place or 'an unknown place'}"
        if failure.data:
            left = f" and {len(failure.data) - _SHOWN_BYTES:,} bytes more" if len(failure.data) > _SHOWN_BYTES else ""
            yield f"  case {failure.case}: {failure.data[:_SHOWN_BYTES]!r}{left}"
        yield f"  again: python -m tests.fuzz {failure.target} --seed {seed} --input {failure.number}"


def read_again(name: str, corpus: Corpus, seed: int, number: int) -> int:
    """Read one input in this process, where a debugger reaches it; 1 where it fails."""
    target = TARGETS[name](corpus)
    given = input_of(target, seed, number)
    print(f"case {given.case}: {given.data!r}")
    failure = failure_of(target, number, given)
    if failure is not None:
        failure = small(target, failure)
        print(f"{failure.error} at {failure.place}; smallest: {failure.data!r}")
    target.close()
    return 1 if failure else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it; 1 where an input failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of: {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--count", type=int, default=COUNT, help=f"inputs of each target (default {COUNT})")
    parser.add_argument("--seed", type=int, default=None, help="default: a new one, which is printed")
    parser.add_argument(
        "--write", action="store_true", help="put the figures into docs/reliability.md, few as they are"
    )
    parser.add_argument("--input", type=int, default=None, help="read this one input of one target again")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.targets if name not in TARGETS]:
        parser.error(f"there is no target '{unknown[0]}'; choose from {', '.join(TARGETS)}")
    seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    names = options.targets or list(TARGETS)
    logging.disable()
    path = kept_corpus()
    if options.input is not None:
        corpus = pickle.loads(path.read_bytes())  # noqa: S301 - our own
        return max(read_again(name, corpus, seed, options.input) for name in names)
    print(f"{options.count:,} inputs each; seed {seed} ...", flush=True)
    print(_line((*COLUMNS, "its number")), flush=True)
    outcomes = []
    for name in names:
        outcome = fuzz(name, TARGETS[name], path, seed=seed, count=options.count)
        print(_line((*outcome.cells(), str(outcome.slowest[1]))), flush=True)
        for line in lines_of(outcome, seed):
            print(line, flush=True)
        outcomes.append(outcome)
    failed = any(outcome.crashes or outcome.hangs for outcome in outcomes)
    if options.write or (options.count >= COUNT and not options.targets and not failed):
        write_section("fuzz", section(outcomes, seed))
        print("Written into docs/reliability.md.")
    return 1 if failed else 0


def _line(cells: Sequence[str]) -> str:
    return "  ".join(f"{cell:>19}" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
