"""The machine and the versions that results were measured with."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import peers
from benchmarks.peers import MCP_REMOTE_VERSION, PeerMissing
from tests._support.node import NodeError, node

_GIB = 1024**3


def describe_machine() -> str:
    """ "AMD EPYC, 2 cores, 23 GiB of memory, Linux 6.8"."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB if hasattr(os, "sysconf") else 0
    system = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    return f"{_processor()}, {cores} cores, {memory:.0f} GiB of memory, {system}"


def versions() -> list[tuple[str, str]]:
    """Packages and programs with their versions, those of peers that can be had here."""
    found = [("Python", platform.python_version())]
    own = _installed(peers.own_python)
    found += [(name, own[name]) for name in ("mcp", "uvicorn", "httpx2", "httpx") if name in own]
    agentos = _installed(peers.agentos_python) or _installed(lambda: Path(sys.executable))
    found += [(name, agentos[name]) for name in ("agno", "fastapi") if name in agentos]
    if "fastmcp" in agentos:
        found.append(("fastmcp in AgentOS", agentos["fastmcp"]))
    found += [
        ("fastmcp, from_openapi", version) for version in [_installed(peers.fastmcp_python).get("fastmcp")] if version
    ]
    proxy = _installed(lambda: Path(peers.mcp_proxy_command()[0]).with_name("python"))
    found += [("mcp-proxy", version) for version in [proxy.get("mcp-proxy")] if version]
    try:
        peers.mcp_remote_command()
        shown = subprocess.run(
            [str(node()), "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
        found += [("mcp-remote", MCP_REMOTE_VERSION), ("node", shown.strip().removeprefix("v"))]
    except (PeerMissing, NodeError, OSError, subprocess.SubprocessError):
        pass
    return found


def _installed(find_python: Callable[[], Path]) -> dict[str, str]:
    try:
        return peers.installed_versions(find_python())
    except PeerMissing:
        return {}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
