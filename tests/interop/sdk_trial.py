"""Leads the official SDKs' clients through all parts, directly and through bridges; over stdio and HTTP."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from tests._support.node import node, npm_package
from tests.interop.conversation import (
    CLIENT_LIMIT_SECONDS,
    LONG_MESSAGE,
    PUBLISHED,
    TITLE,
    describe,
    is_unfinished,
)
from tests.interop.downloads import (
    CACHE,
    MCP_PROXY,
    MCP_REMOTE,
    PYTHON_SDK,
    TYPESCRIPT_CLIENT,
    TYPESCRIPT_SDK,
    NpmProgram,
    python_environment,
)
from tests.interop.loopback import loopback_environment
from tests.interop.matrix import ClientFault, ClientReport, with_known_faults
from tests.interop.run_status import wait_for_status
from tests.interop.server_command import DEFAULT_TOOLS, serve_command
from tests.interop.wire_record import read_wire_record, recorded_command

PROGRAMS = Path(__file__).with_name("programs")
PROGRAM_LIMIT = 90.0
"""Seconds for all parts; they take about 25."""


@dataclass(frozen=True)
class SdkClient:
    """A client of an SDK, and how it reaches our server."""

    key: str
    name: str
    version: str
    program: Literal["typescript_client.mjs", "python_client.py"]
    package: tuple[str, str]
    settings: Mapping[str, Any] = field(default_factory=dict)
    is_http: bool = False
    bridge: Callable[[str], list[str]] | None = None
    """The command of a program in between that speaks stdio to the client and HTTP to the server at this address."""
    faults: Mapping[str, ClientFault] = field(default_factory=dict)


def _mcp_remote(url: str) -> list[str]:
    return [*NpmProgram(MCP_REMOTE, "mcp-remote/dist/proxy.js", is_script=True).command(), url, "--allow-http"]


def _mcp_proxy(url: str) -> list[str]:
    return [str(python_environment(MCP_PROXY) / "mcp-proxy"), "--transport", "streamablehttp", url]


_FIRST: dict[str, Any] = {"program": "typescript_client.mjs", "package": TYPESCRIPT_SDK}
_SECOND: dict[str, Any] = {"program": "typescript_client.mjs", "package": TYPESCRIPT_CLIENT}
_PYTHON: dict[str, Any] = {"program": "python_client.py", "package": PYTHON_SDK}
_V1, _V2, _PY = TYPESCRIPT_SDK[1], TYPESCRIPT_CLIENT[1], PYTHON_SDK[1]
_SAYS_NOTHING = {"cancel": ClientFault("a call that is given up is not cancelled: its run goes on", f"mcp {_PY}")}
_NOT_FORWARDED = {
    "cancel": ClientFault("it does not pass cancellations on: the run goes on", f"mcp-proxy {MCP_PROXY[1]}")
}
_MODERN = {"generation": 2, "pin": "2026-07-28"}

SDK_CLIENTS = (
    SdkClient("typescript-1", "TypeScript SDK 1, stdio", _V1, settings={"generation": 1}, **_FIRST),
    SdkClient("typescript-1-http", "TypeScript SDK 1, HTTP", _V1, settings={"generation": 1}, is_http=True, **_FIRST),
    SdkClient("typescript-2", "TypeScript SDK 2, stdio", _V2, settings={"generation": 2}, **_SECOND),
    SdkClient("typescript-2-modern", "TypeScript SDK 2, stdio, pinned", _V2, settings=_MODERN, **_SECOND),
    SdkClient("typescript-2-http", "TypeScript SDK 2, HTTP", _V2, settings={"generation": 2}, is_http=True, **_SECOND),
    SdkClient(
        "typescript-2-http-modern", "TypeScript SDK 2, HTTP, pinned", _V2, settings=_MODERN, is_http=True, **_SECOND
    ),
    SdkClient("python-1", "Python SDK 1, stdio", _PY, faults=_SAYS_NOTHING, **_PYTHON),
    SdkClient("python-1-http", "Python SDK 1, HTTP", _PY, is_http=True, faults=_SAYS_NOTHING, **_PYTHON),
    SdkClient(
        "mcp-remote",
        "mcp-remote, under TypeScript SDK 1",
        MCP_REMOTE[1],
        settings={"generation": 1},
        bridge=_mcp_remote,
        **_FIRST,
    ),
    SdkClient(
        "mcp-proxy",
        "mcp-proxy, under TypeScript SDK 1",
        MCP_PROXY[1],
        settings={"generation": 1},
        bridge=_mcp_proxy,
        faults=_NOT_FORWARDED,
        **_FIRST,
    ),
)


def run_sdk_client(client: SdkClient, agentos: str, http_url: str, folder: Path) -> ClientReport:
    """All parts. `http_url`: the address of our server over HTTP."""
    folder.mkdir(parents=True)
    report = ClientReport(client.name, client.version)
    session = f"interop-{client.key}"
    settings = {
        "limitSeconds": CLIENT_LIMIT_SECONDS,
        "environment": loopback_environment(folder),
        "pin": "",
        "calls": {
            "run": ["run_workflow", {"workflow_id": "content pipeline", "message": "Write about a cup of tea."}],
            "longRun": ["run_agent", {"agent_id": "assistant", "message": LONG_MESSAGE}],
            "question": ["run_agent", {"agent_id": "publisher", "message": f'Publish "{TITLE}".'}],
            "cancel": [
                "run_agent",
                {"agent_id": "assistant", "message": "count to 400", "session_id": session, "wait": 60},
            ],
        },
        **client.settings,
    }
    if client.is_http:
        settings["url"] = http_url
    else:
        command = client.bridge(http_url) if client.bridge else serve_command(agentos)
        settings["command"] = recorded_command(folder / "wire.log", command)
    if client.program.endswith(".mjs"):
        settings["package"] = str(npm_package(*client.package, cache=CACHE))
        command = [str(node()), str(PROGRAMS / client.program)]
    else:
        command = [str(python_environment(client.package) / "python"), str(PROGRAMS / client.program)]
    outcome, said = _outcome([*command, json.dumps(settings)], folder)
    report.protocol = outcome.get("protocol") or read_wire_record(folder / "wire.log").protocol_version
    status = wait_for_status(agentos, session, "CANCELLED", seconds=5) if outcome else ""
    judge(report, outcome, status, said)
    return with_known_faults(report, client.faults)


def _outcome(command: Sequence[str], folder: Path) -> tuple[dict[str, Any], str]:
    """What the program printed, and what it said besides."""
    try:
        done = subprocess.run(
            command,
            env=loopback_environment(folder),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PROGRAM_LIMIT,
        )
    except subprocess.TimeoutExpired as error:
        return {}, f"it did not end in {PROGRAM_LIMIT:.0f} s: {error.stderr!r}"
    (folder / "output").write_text(done.stdout + done.stderr, encoding="utf-8")
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("{"):
            return json.loads(line), done.stderr
    return {}, done.stderr or f"exit code {done.returncode}"


def judge(report: ClientReport, outcome: dict[str, Any], status: str, said: str) -> None:
    """What has to have happened in each part. `status`: of the run that was given up."""
    parts = outcome.get("parts") or {}

    def of(part: str) -> dict[str, Any]:
        return parts.get(part) or {"error": said[-300:]}

    tools = outcome.get("tools") or []
    listed = of("list")
    report.check(
        "list",
        isinstance(tools, list)
        and not {*DEFAULT_TOOLS} - {*tools}
        and "content-pipeline" in listed.get("text", "")
        and listed.get("prompts", 0) > 0
        and listed.get("resources", 0) > 0,
        f"{len(tools)} tools, {listed.get('prompts')} prompts, {listed.get('resources')} resources",
        describe(f"{tools} {listed}"),
    )
    run = of("run")
    progress = run.get("progress") or []
    increases = all(later > earlier for earlier, later in pairwise(progress))
    report.check(
        "run",
        "completed" in run.get("text", "") and len(progress) > 2 and increases,
        f"{len(progress)} times progress",
        describe(run),
    )
    long_run = of("longRun")
    calls = long_run.get("calls") or []
    longest = max((call["seconds"] for call in calls), default=0)
    total = long_run.get("totalSeconds") or sum(call["seconds"] for call in calls)
    holds = (
        len(calls) > 1
        and is_unfinished(calls[0]["text"])
        and "completed" in calls[-1]["text"]
        and longest < CLIENT_LIMIT_SECONDS < total
    )
    words = f"{total:.0f} s in {len(calls)} calls, limit {CLIENT_LIMIT_SECONDS} s"
    report.check("long run", holds, words, describe(long_run))
    question = of("question")
    asked = question.get("asked")
    report.check(
        "question",
        PUBLISHED in question.get("text", ""),
        "a form" if asked else "in words, continue_run",
        describe(question),
    )
    report.check("cancel", status == "CANCELLED", "", f"the run was {status}; {describe(of('cancel'))}")
