"""The clients' packages and versions, downloaded once into `.interop/` at the root of the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests._support.node import node, npm_package

CACHE = Path(__file__).parents[2] / ".interop"
PIP_LIMIT = 240.0
"""Seconds pip may take."""

TYPESCRIPT_SDK = ("@modelcontextprotocol/sdk", "1.32.2")
TYPESCRIPT_CLIENT = ("@modelcontextprotocol/client", "2.4.0")
PYTHON_SDK = ("mcp", "1.30.0")
INSPECTOR = ("@modelcontextprotocol/inspector", "2.12.0")
MCP_REMOTE = ("mcp-remote", "0.15.1")
MCP_PROXY = ("mcp-proxy", "0.13.0")
CLAUDE_CODE = ("@anthropic-ai/claude-code", "2.1.332")
CODEX = ("@openai/codex", "0.171.0")
GEMINI_CLI = ("@google/gemini-cli", "0.61.0")
OPENCODE = ("opencode-ai", "1.18.33")


class ClientMissing(RuntimeError):
    """A client cannot be had on this machine; the message says why."""


@dataclass(frozen=True)
class NpmProgram:
    """A program in an npm package: a script for node, or a binary that a package for this platform brings."""

    package: tuple[str, str]
    pattern: str
    """Where it is below `node_modules`, as a glob."""
    is_script: bool = False

    def command(self) -> list[str]:
        """The words that start it. Raises ClientMissing, or NodeError."""
        folder = npm_package(*self.package, cache=CACHE)
        modules = next(parent for parent in folder.parents if parent.name == "node_modules")
        found = next(iter(sorted(modules.glob(self.pattern))), None)
        if found is None:
            raise ClientMissing(f"{self.package[0]} {self.package[1]} has no program for this platform")
        return [str(node()), str(found)] if self.is_script else [str(found)]


def python_environment(package: tuple[str, str]) -> Path:
    """The `bin` folder of an environment that has this package alone. Raises ClientMissing."""
    name, version = package
    home = CACHE / f"{name}-{version}-py{sys.version_info[0]}.{sys.version_info[1]}"
    programs = home / ("Scripts" if os.name == "nt" else "bin")
    if (home / "complete").exists():
        return programs
    shutil.rmtree(home, ignore_errors=True)
    for command in (
        [sys.executable, "-m", "venv", str(home)],
        [str(programs / "python"), "-m", "pip", "install", "--quiet", f"{name}=={version}"],
    ):
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PIP_LIMIT,
        )
        if done.returncode:
            raise ClientMissing(f"pip could not install {name}=={version}:\n{done.stderr.strip()[-1000:]}")
    (home / "complete").touch()
    return programs
