"""The programs that a cluster is made of and pip does not install: found, or installed where that may be done."""

from __future__ import annotations

import os
import shutil
import subprocess

PACKAGES = {"nginx": "nginx-light", "redis-server": "redis-server"}
"""The package of Debian that each program is in."""
_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))


class ProgramMissing(RuntimeError):
    """A program is not installed; the message says what to do."""


def find(name: str) -> str | None:
    """The path of a program, None where it is not installed."""
    return shutil.which(name, path=_PLACES)


def install_missing() -> dict[str, str]:
    """The path of each program. Root on Debian gets what is missing. Raises ProgramMissing."""
    missing = [package for name, package in PACKAGES.items() if find(name) is None]
    apt = find("apt-get")
    if missing and apt is not None and hasattr(os, "geteuid") and os.geteuid() == 0:
        print(f"Installing {' and '.join(missing)} ...", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        # The lists of packages may be old, or missing as in most images.
        if subprocess.run(
            [apt, "install", "-y", "-qq", "--no-install-recommends", *missing], env=environment
        ).returncode:
            subprocess.run([apt, "update", "-qq"], env=environment)
            subprocess.run([apt, "install", "-y", "-qq", "--no-install-recommends", *missing], env=environment)
    paths = {name: find(name) for name in PACKAGES}
    if absent := [name for name, path in paths.items() if path is None]:
        packages = " ".join(PACKAGES[name] for name in absent)
        raise ProgramMissing(
            f"{' and '.join(absent)} cannot be found. Next: install them (Debian: sudo apt-get install {packages})."
        )
    return {name: path for name, path in paths.items() if path is not None}
