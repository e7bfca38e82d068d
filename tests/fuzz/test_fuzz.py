"""`make fuzz` finds what crashes and what hangs, and prints it small."""

from __future__ import annotations

import pickle
import random
import time
from pathlib import Path

import pytest

from tests.fuzz.__main__ import fuzz, lines_of
from tests.fuzz.corpus import Corpus
from tests.fuzz.mutation import mutated_bytes, mutated_text
from tests.fuzz.shrink import shrunk
from tests.fuzz.targets import Input, Target
from tests.fuzz.worker import input_of

BAD, ENDLESS = 7, 11


class Faulty(Target):
    """Crashes at one input, and does not end at another."""

    name = "faulty"

    def __init__(self, corpus: Corpus) -> None:
        self._number = -1

    def make(self, dice: random.Random) -> Input:
        self._number += 1
        return Input(0, b"some text with bad in it" if self._number == BAD else f"text {self._number}".encode())

    def check(self, given: Input) -> None:
        if b"bad" in given.data:
            raise KeyError("bad")
        if given.data.endswith(b"%d" % ENDLESS):
            time.sleep(60)


@pytest.mark.process
def test_fuzz_finds_a_crash_and_a_hang_and_goes_on(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.write_bytes(pickle.dumps(Corpus((), ())))
    outcome = fuzz("faulty", Faulty, corpus, seed=1, count=20, processes=1, most_seconds=1.0)
    (crash,), (hang,) = outcome.crashes, outcome.hangs
    assert (crash.number, crash.data, crash.error) == (BAD, b"bad", "KeyError: 'bad'")
    assert hang.number == ENDLESS
    assert outcome.inputs == 20
    report = "\n".join(lines_of(outcome, 1))
    assert "faulty --seed 1 --input 7" in report
    assert "b'bad'" in report


def test_input_depends_on_its_number_alone() -> None:
    class Echo(Target):
        name = "echo"

        def make(self, dice: random.Random) -> Input:
            return Input(0, mutated_text("a short text", dice, ("another",)).encode("utf-8", "surrogatepass"))

    inputs = [input_of(Echo(), 1, number) for number in range(50)]
    assert inputs[::-1] == [input_of(Echo(), 1, number) for number in reversed(range(50))]
    assert len(set(inputs)) > 40
    assert input_of(Echo(), 2, 0) != inputs[0]


@pytest.mark.parametrize("seed", range(20))
def test_mutation_takes_an_empty_input(seed: int) -> None:
    mutated_text("", random.Random(seed))
    mutated_bytes(b"", random.Random(seed))


def test_shrunk_input_still_fails() -> None:
    assert shrunk(b"xx(yy)zz" * 50, lambda data: b"(" in data and data.endswith(b"z")) == b"(z"
