"""The processes of a cluster: each on a port of its own, to be killed and started again."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.project import ROOT
from tests._support.agentos import replicated
from tests._support.postgres import free_port, postgres
from tests._support.processes import environment

NGINX_CONFIGURATION = ROOT / "deploy" / "nginx.conf"
START_SECONDS = 90.0
QUEUE_GRACE_SECONDS = 15
"""How long the queue waits for a worker that shows no sign of life."""


class StartError(RuntimeError):
    """A process of the cluster did not come up; the message has the end of its log."""


@dataclass
class Service:
    """A program that listens on `port` of this machine."""

    name: str
    command: list[str]
    port: int
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return once it listens. Raises StartError."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=environment(self.variables),
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise StartError(f"{self.name} did not start: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL, as a machine that is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdin is not None
            self._process.stdin.close()


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


@dataclass(frozen=True)
class Cluster:
    """What `running_cluster` has started."""

    replicas: tuple[Service, ...]
    workers: tuple[Service, ...]
    nginx: Service
    redis: Service
    ledger: Path

    @property
    def address(self) -> str:
        """Of nginx, before the replicas."""
        return f"http://127.0.0.1:{self.nginx.port}/mcp"

    @property
    def replica_addresses(self) -> tuple[str, ...]:
        return tuple(f"http://127.0.0.1:{replica.port}/mcp" for replica in self.replicas)


def nginx_configuration(ports: Mapping[str, int], folder: Path) -> str:
    """deploy/nginx.conf for one process on this machine; `ports` of its servers by name, of its own as `80`, `7777`."""
    text = NGINX_CONFIGURATION.read_text(encoding="utf-8")
    for name, port in ports.items():
        if name.isdigit():
            text = re.sub(rf"listen {name};", f"listen 127.0.0.1:{port};", text)
        else:
            text = re.sub(rf"server {name}:\d+ ", f"server 127.0.0.1:{port} ", text)
    # One process, so that a kill leaves nothing of it.
    own = f"daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx-error.log;\n"
    places = "".join(
        f"    {kind}_temp_path {folder}/nginx-{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return own + text.replace("http {\n", f"http {{\n{places}", 1)


@contextmanager
def running_cluster(folder: Path, programs: Mapping[str, str], seconds_per_run: float) -> Iterator[Cluster]:
    """Everything of deploy/ on this machine; ended and forgotten on leaving. Raises StartError."""
    ledger = folder / "ledger"
    ledger.touch()
    secret = folder / "state-secret"
    secret.write_text(secrets.token_hex(32))
    names = ("agentos-mcp-1", "agentos-mcp-2", "agentos-1", "agentos-2", "80", "7777", "redis")
    ports = {name: free_port() for name in names}
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        redis = Service(
            "Redis",
            [programs["redis-server"], "--port", str(ports["redis"]), "--bind", "127.0.0.1", "--save", ""],
            ports["redis"],
            folder / "redis.log",
        )
        workers = tuple(
            Service(
                f"AgentOS worker {number}",
                [
                    *(sys.executable, "-m", "agentos_mcp.demo.host_process", "--with-parent"),
                    *("--build", "tests._support.agentos.replicated:build", "--port", str(ports[f"agentos-{number}"])),
                ],
                ports[f"agentos-{number}"],
                folder / f"agentos-{number}.log",
                {
                    replicated.DATABASE_VARIABLE: database,
                    replicated.LEDGER_VARIABLE: str(ledger),
                    replicated.REDIS_VARIABLE: f"redis://127.0.0.1:{ports['redis']}/0",
                    replicated.QUEUE_VARIABLE: str(QUEUE_GRACE_SECONDS),
                    replicated.PACE_VARIABLE: str(seconds_per_run),
                },
            )
            for number in (1, 2)
        )
        configuration = folder / "nginx.conf"
        configuration.write_text(nginx_configuration(ports, folder))
        nginx = Service(
            "nginx", [programs["nginx"], "-c", str(configuration)], ports["80"], folder / "nginx.log", dict(os.environ)
        )
        replicas = tuple(
            Service(
                f"replica {number}",
                [
                    *(sys.executable, "-m", "agentos_mcp", "serve", "--http"),
                    *("--port", str(ports[f"agentos-mcp-{number}"]), "--url", f"http://127.0.0.1:{ports['7777']}"),
                    *("--state-secret-file", str(secret), "--on-cancel", "explicit"),
                ],
                ports[f"agentos-mcp-{number}"],
                folder / f"agentos-mcp-{number}.log",
            )
            for number in (1, 2)
        )
        for service in (redis, *workers, nginx, *replicas):
            stack.callback(service.kill)
            service.start()
        yield Cluster(replicas, workers, nginx, redis, ledger)
