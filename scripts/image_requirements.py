"""`python -m scripts.image_requirements`: what the Docker image installs, each package by the hashes of its files.

The versions are those of constraints.txt. `requirements.txt` is what runs, `build-requirements.txt` what
makes the wheel that it runs.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from pathlib import Path

import uv

from scripts.project import ROOT

RUNNING = ROOT / "scripts" / "requirements.txt"
BUILDING = ROOT / "scripts" / "build-requirements.txt"
PYTHON = "3.13"
"""The image's."""
_HEAD = "# Made by `make requirements` for the Dockerfile.\n"


EXTRAS = ("operation",)
"""Of the package, which the image has."""


def requirements(source: Path, extras: Iterable[str] = ()) -> str:
    """All packages that a file of requirements, or pyproject.toml, leads to, with their hashes."""
    command = [uv.find_uv_bin(), "pip", "compile", str(source), "--constraints", str(ROOT / "constraints.txt")]
    command += [f"--extra={extra}" for extra in extras]
    # No address is written down: whoever builds takes the packages from where they like, the hashes tell.
    plain = ["--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    done = subprocess.run(
        [*command, *plain, "--python-platform", "linux", "--python-version", PYTHON, "--quiet"],
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return _HEAD + done.stdout


def main() -> int:
    """The command."""
    pyproject = ROOT / "pyproject.toml"
    RUNNING.write_text(requirements(pyproject, EXTRAS), encoding="utf-8")
    with tempfile.TemporaryDirectory() as made:
        source = Path(made) / "requirements.in"
        wanted = tomllib.loads(pyproject.read_text(encoding="utf-8"))["build-system"]["requires"]
        source.write_text("\n".join(wanted), encoding="utf-8")
        BUILDING.write_text(requirements(source), encoding="utf-8")
    for path in (RUNNING, BUILDING):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
