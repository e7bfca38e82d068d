"""The command that runs all tests: what is unstable is tried once more and named; what is broken fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.project import ROOT

pytestmark = pytest.mark.process

FAILS_ONCE = """
from pathlib import Path

def test_passes_the_second_time():
    tried = Path(__file__).with_suffix(".tried")
    first = not tried.exists()
    tried.touch()
    assert not first
"""
FAILS = "def test_fails():\n    assert False\n"


@pytest.mark.parametrize(
    ("source", "code", "says"),
    [
        (FAILS_ONCE, 0, "Unstable, to be mended: test_it.py::test_passes_the_second_time"),
        (FAILS, 1, "Once more, alone:"),
        (FAILS_ONCE + FAILS, 1, "Once more, alone:"),
        ("\n".join(f"def test_{name}():\n    assert False\n" for name in "abcde"), 1, ""),
    ],
    ids=["unstable", "broken", "both", "too many"],
)
def test_whole_run_forgives_only_what_passes_alone(tmp_path: Path, source: str, code: int, says: str) -> None:
    (tmp_path / "test_it.py").write_text(source, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.whole_run", "-q", "--rootdir=.", "test_it.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert says in ended.stdout
    assert ("Unstable" in ended.stdout) == (code == 0)
    assert ("Once more" in ended.stdout) == bool(says)
