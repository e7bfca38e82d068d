"""`python -m tests.interop [CLIENT ...]`: lead MCP clients through our server; all of them write docs/interop.md.

Prints a table, a row for each client, and what is wrong; exits with 1 where something does not work that is not the
client's own fault.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from agentos_mcp import __version__
from tests._support.marked_page import write_page
from tests._support.node import NodeError, node
from tests._support.processes import HttpServer
from tests._support.running_agentos import running_agentos
from tests.interop.agent_clients import AGENT_CLIENTS, AgentClient
from tests.interop.agent_trial import run_agent_client
from tests.interop.conversation import PACE, WAIT_SECONDS
from tests.interop.downloads import CACHE, ClientMissing
from tests.interop.inspector_trial import INSPECTOR_CLIENTS, InspectorClient, run_inspector
from tests.interop.matrix import ClientReport, problems, reports_table
from tests.interop.sdk_trial import SDK_CLIENTS, SdkClient, run_sdk_client

PAGE = Path(__file__).parents[2] / "docs" / "interop.md"
AT_ONCE = 3
"""Clients at a time: they wait more than they work."""

OneClient = SdkClient | InspectorClient | AgentClient
CLIENTS: tuple[OneClient, ...] = (*SDK_CLIENTS, *INSPECTOR_CLIENTS, *AGENT_CLIENTS)


@dataclass(frozen=True)
class Servers:
    """What the clients meet."""

    agentos: str
    http: str
    """Our server over HTTP."""


def run_client(client: OneClient, servers: Servers, folder: Path) -> ClientReport:
    """All parts of one client. One that cannot be had, or breaks the program itself, is a report of that."""
    started = time.monotonic()
    try:
        if isinstance(client, SdkClient):
            report = run_sdk_client(client, servers.agentos, servers.http, folder)
        elif isinstance(client, InspectorClient):
            report = run_inspector(client, servers.agentos, folder)
        else:
            report = run_agent_client(client, servers.agentos, folder)
    except (ClientMissing, NodeError, OSError, subprocess.SubprocessError, LookupError, AssertionError) as error:
        report = ClientReport(client.name, client.version)
        report.breaks("list", f"{type(error).__name__}: {error}")
    print(f"  {client.key}: {len(report.broken) or 'nothing'} broken, {time.monotonic() - started:.0f} s", flush=True)
    return report


def run_clients(clients: Sequence[OneClient]) -> list[ClientReport]:
    """The reports, in the clients' order. The clients' homes stay where something is broken."""
    CACHE.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="homes-", dir=CACHE))
    reports = _run_clients(clients, folder)
    if problems(reports):
        print(f"The clients' homes and outputs are in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return reports


def _run_clients(clients: Sequence[OneClient], folder: Path) -> list[ClientReport]:
    with running_agentos(pace=PACE) as agentos, HttpServer("--url", agentos, "--wait", str(WAIT_SECONDS)) as server:
        servers = Servers(agentos, server.url)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda client: run_client(client, servers, folder / client.key), clients))


def versions() -> str:
    """What the figures were made with, in one line."""
    node_version = subprocess.run([str(node()), "--version"], capture_output=True, text=True, check=True).stdout.strip()
    agno = importlib.metadata.version("agno")
    sdk = importlib.metadata.version("mcp")
    return (
        f"agentos-mcp {__version__} (SDK {sdk}), agno {agno}, Python {platform.python_version()}, "
        f"node {node_version.removeprefix('v')}, {platform.system()}"
    )


def main(arguments: Sequence[str] | None = None, run: Callable[..., list[ClientReport]] = run_clients) -> int:
    """0 where everything works or is a client's own fault, 1 where not."""
    keys = [client.key for client in CLIENTS]
    parser = argparse.ArgumentParser(prog="python -m tests.interop", description=__doc__)
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=f"of {', '.join(keys)} (default: all)")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.clients if name not in keys]:
        parser.error(f"there is no client '{unknown[0]}'; choose from {', '.join(keys)}")
    chosen = [client for client in CLIENTS if not options.clients or client.key in options.clients]
    print(f"{len(chosen)} clients:", flush=True)
    started = time.monotonic()
    reports = run(chosen)
    content = f"{reports_table(reports)}\n\n{versions()}."
    print(f"\n{content}\n\n{time.monotonic() - started:.0f} s")
    if not options.clients:
        write_page(PAGE, "make interop", content)
        print(f"Written to {PAGE}")
    return 1 if problems(reports) else 0


if __name__ == "__main__":
    sys.exit(main())
