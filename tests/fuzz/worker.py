"""A process that makes inputs and reads them, one after the other; another one watches that it goes on.

Every input is made from the seed, the target's name and the input's number, so that each can be made again alone.
"""

from __future__ import annotations

import logging
import pickle
import random
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.fuzz.corpus import Corpus
from tests.fuzz.shrink import shrunk
from tests.fuzz.targets import Input, Target

MAX_FAILURES = 20
"""Of one process: with so many it stops, since they are mostly the same."""


@dataclass(frozen=True)
class Failure:
    """An input whose reading raised what it must not, or did not end."""

    target: str
    number: int
    error: str
    place: str = ""
    case: int = 0
    data: bytes = b""
    """The smallest input that fails in the same way."""


@dataclass(frozen=True)
class Done:
    """What a process did in the end."""

    inputs: int
    slowest: tuple[float, int]
    """Seconds of processor time, and the number of the input."""


def input_of(target: Target, seed: int, number: int) -> Input:
    """The input of this number."""
    return target.make(random.Random(f"{seed}:{target.name}:{number}"))


def failure_of(target: Target, number: int, given: Input) -> Failure | None:
    """What is wrong with how an input is read; None where nothing is."""
    try:
        target.check(given)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/agentos_mcp/" in frame.filename] or frames
        place = f"{Path(own[-1].filename).name}:{own[-1].lineno}"
        text = f"{type(error).__name__}: {error}".encode("utf-8", "backslashreplace").decode()
        return Failure(target.name, number, text[:300], place, given.case, given.data)
    return None


def small(target: Target, failure: Failure) -> Failure:
    """The same failure with the smallest input that was found."""

    def fails_alike(data: bytes) -> bool:
        other = failure_of(target, failure.number, Input(failure.case, data))
        return other is not None and other.place == failure.place

    data = shrunk(failure.data, fails_alike)
    return failure_of(target, failure.number, Input(failure.case, data)) or failure


def work(
    make_target: Callable[[Corpus], Target],
    corpus: Path,
    seed: int,
    numbers: Sequence[int],
    current: Any,
    results: Connection,
) -> None:
    """Read the inputs of these numbers. `current` always holds the number that is being read; failures are sent."""
    logging.disable()
    target = make_target(pickle.loads(corpus.read_bytes()))  # noqa: S301 - our own
    seen: set[str] = set()
    done = 0
    slowest = (0.0, 0)
    for number in numbers:
        current.value = number
        started = time.process_time()
        given = input_of(target, seed, number)
        failure = failure_of(target, number, given)
        slowest = max(slowest, (time.process_time() - started, number))
        done += 1
        if failure is not None and failure.place not in seen:
            seen.add(failure.place)
            current.value = -1  # making it small may take a while
            results.send(small(target, failure))
            if len(seen) >= MAX_FAILURES:
                break
    current.value = -1
    target.close()
    results.send(Done(done, slowest))
    results.close()
