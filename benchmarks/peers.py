"""Installs what agentos-mcp is compared with, and agentos-mcp itself as a user has it, into `.bench/`."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from agentos_mcp import DISTRIBUTION
from tests._support.node import NodeError, environment, node, npm_package

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".bench"
FASTMCP = "fastmcp>=4,<5"
MCP_PROXY = "mcp-proxy>=0.13,<0.14"
MCP_REMOTE_VERSION = "0.15.1"
_INSTALL_SECONDS = 240.0
_UV = (sys.executable, "-m", "uv")


class PeerMissing(RuntimeError):
    """A peer cannot be had here; the message says why."""


_missing: dict[str, PeerMissing] = {}
"""What could not be installed in this run, so that it is not tried again."""


@functools.cache
def own_python() -> Path:
    """The Python of a plain installation: without what tests and the demo need. Installed anew in every run."""
    return _environment("own", str(ROOT), with_constraints=True, is_new=True)


@functools.cache
def agentos_python() -> Path:
    """The Python of an AgentOS that serves its own /mcp, for which it needs FastMCP."""
    return _environment("agentos", f"{ROOT}[demo]", FASTMCP, with_constraints=True)


@functools.cache
def fastmcp_python() -> Path:
    return _environment("fastmcp", FASTMCP)


@functools.cache
def mcp_proxy_command() -> list[str]:
    return [str(_environment("mcp-proxy", MCP_PROXY).with_name("mcp-proxy")), "--transport", "streamablehttp"]


@functools.cache
def mcp_remote_command() -> list[str]:
    if "mcp-remote" in _missing:
        raise _missing["mcp-remote"]
    try:
        package = npm_package("mcp-remote", MCP_REMOTE_VERSION)
        return [str(node()), str(package / "dist" / "proxy.js")]
    except (NodeError, OSError, subprocess.SubprocessError) as error:
        _missing["mcp-remote"] = PeerMissing(f"it cannot be installed: {error}")
        raise _missing["mcp-remote"] from error


def node_environment() -> dict[str, str]:
    """The environment of mcp-remote: what it remembers of servers stays in the cache."""
    return environment() | {"MCP_REMOTE_CONFIG_DIR": str(CACHE / "mcp-remote")}


def installed_versions(python: Path) -> dict[str, str]:
    """The packages of an environment and their versions."""
    done = _run([*_UV, "pip", "list", "--format=json", "--python", str(python)])
    return {package["name"]: package["version"] for package in json.loads(done)}


def _environment(name: str, *requirements: str, with_constraints: bool = False, is_new: bool = False) -> Path:
    """The Python of a virtual environment with these packages. Raises PeerMissing."""
    if name in _missing:
        raise _missing[name]
    try:
        return _install_environment(name, requirements, with_constraints=with_constraints, is_new=is_new)
    except PeerMissing as error:
        _missing[name] = error
        raise


def _install_environment(name: str, requirements: Sequence[str], *, with_constraints: bool, is_new: bool) -> Path:
    folder = CACHE / name
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    constraints_file = ROOT / "constraints.txt"
    marker, wanted = folder / "requirements", "\n".join(requirements)
    if with_constraints:
        wanted += "\n" + constraints_file.read_text(encoding="utf-8")
    if not is_new and marker.is_file() and marker.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    CACHE.mkdir(exist_ok=True)
    constraints = ["--constraint", str(constraints_file)] if with_constraints else []
    _run([*_UV, "venv", "--quiet", "--python", sys.executable, str(folder)])
    command = [*_UV, "pip", "install", "--quiet", "--python", str(python), "--compile-bytecode"]
    _run([*command, "--reinstall-package", DISTRIBUTION, *constraints, *requirements])
    marker.write_text(wanted, encoding="utf-8")
    return python


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, encoding="utf-8", timeout=_INSTALL_SECONDS, cwd=ROOT
        )
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["it said nothing"]
        raise PeerMissing(f"`{' '.join(command[2:5])}` failed: {lines[-1]}") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise PeerMissing(f"`{' '.join(command[2:5])}` failed: {error}") from error
    return done.stdout
