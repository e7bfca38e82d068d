"""Leads the MCP inspector's command line through all parts: each call is a process and a connection of its own."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.interop.conversation import LONG_MESSAGE, TITLE, is_unfinished, reference_in
from tests.interop.downloads import INSPECTOR, NpmProgram
from tests.interop.loopback import loopback_environment
from tests.interop.matrix import ClientFault, ClientReport, with_known_faults
from tests.interop.run_status import run_status, wait_for_status
from tests.interop.screen import wait_until
from tests.interop.sdk_trial import judge
from tests.interop.server_command import serve_command
from tests.interop.wire_record import read_wire_record, recorded_command

_PROGRAM = NpmProgram(INSPECTOR, "@modelcontextprotocol/inspector/clients/launcher/build/index.js", is_script=True)
_CALL_LIMIT = 60.0


@dataclass(frozen=True)
class InspectorClient:
    """The inspector in one of the protocol's eras."""

    key: str
    name: str
    era: str
    faults: dict[str, ClientFault] = field(default_factory=dict)
    version: str = INSPECTOR[1]


_FAULTS = {
    "run": ClientFault("it asks for no progress; the answer comes", f"inspector {INSPECTOR[1]}"),
    "cancel": ClientFault("Ctrl-C ends it without cancelling its call: the run goes on", f"inspector {INSPECTOR[1]}"),
}
INSPECTOR_CLIENTS = (
    InspectorClient("inspector", "MCP inspector's command line", "legacy", _FAULTS),
    InspectorClient("inspector-modern", "MCP inspector's command line, modern era", "modern", _FAULTS),
)


def run_inspector(client: InspectorClient, agentos: str, folder: Path) -> ClientReport:
    """All parts."""
    folder.mkdir(parents=True)
    inspector = _Inspector(client.era, agentos, folder)
    report = ClientReport(client.name, client.version)
    session = f"interop-{client.key}"
    listed = inspector.run("--method", "tools/list", "--strict")
    tools = [tool["name"] for tool in listed.get("tools") or ()]
    workflow = {"workflow_id": "content pipeline", "message": "Write about a cup of tea."}
    parts: dict[str, Any] = {
        "list": {
            **inspector.call("list_workflows", {}),
            "prompts": len(inspector.run("--method", "prompts/list").get("prompts") or ()),
            "resources": len(inspector.run("--method", "resources/list").get("resources") or ()),
        },
        "run": inspector.call("run_workflow", workflow),
    }
    recorded = read_wire_record(inspector.log)
    parts["run"]["progress"] = [value for call in recorded.of("run_workflow") for value in call.progress]
    calls = [inspector.call("run_agent", {"agent_id": "assistant", "message": LONG_MESSAGE})]
    while is_unfinished(calls[-1]["text"]) and len(calls) < 12:
        calls.append(inspector.call("get_run", {"run": reference_in(calls[-1]["text"])}))
    long_calls = read_wire_record(inspector.log).calls[-len(calls) :]
    total = (long_calls[-1].ended or 0) - long_calls[0].started
    parts["longRun"] = {"calls": calls, "totalSeconds": total}
    asking = inspector.call("run_agent", {"agent_id": "publisher", "message": f'Publish "{TITLE}".'})
    answers = {"run": reference_in(asking["text"]), "answers": {"approve": True}}
    parts["question"] = inspector.call("continue_run", answers)
    parts["cancel"] = inspector.interrupted("run_agent", session)
    status = wait_for_status(agentos, session, "CANCELLED", seconds=5)
    report.protocol = recorded.protocol_version
    judge(report, {"tools": tools, "parts": parts}, status, "")
    return with_known_faults(report, client.faults)


class _Inspector:
    def __init__(self, era: str, agentos: str, folder: Path) -> None:
        self.log = folder / "wire.log"
        self._agentos, self._era, self._folder = agentos, era, folder

    def _command(self, *arguments: str) -> list[str]:
        server = recorded_command(self.log, serve_command(self._agentos))
        options = ("--cli", "--quiet", "--format", "json", "--protocol-era", self._era)
        return [*_PROGRAM.command(), *options, *arguments, "--", *server]

    def run(self, *arguments: str) -> dict[str, Any]:
        """The result of one method; {"error": ...} where there is none."""
        done = subprocess.run(
            self._command(*arguments),
            env=loopback_environment(self._folder),
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_CALL_LIMIT,
        )
        try:
            document: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            return {"error": f"exit code {done.returncode}: {done.stdout[:300]} {done.stderr[:300]}"}
        result: dict[str, Any] = document.get("result", document)
        return result

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """{"text", "seconds"} of a tool's result, with {"error"} where there is none."""
        result = self.run("--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments))
        text = "\n".join(block.get("text", "") for block in result.get("content") or ())
        recorded = read_wire_record(self.log).calls
        return {**result, "text": text, "seconds": recorded[-1].seconds if recorded else 0.0}

    def interrupted(self, tool: str, session: str) -> dict[str, Any]:
        """Make a call, and press Ctrl-C once its run is going."""
        arguments = {"agent_id": "assistant", "message": "count to 400", "session_id": session, "wait": 60}
        command = self._command(
            "--method", "tools/call", "--tool-name", tool, "--tool-args-json", json.dumps(arguments)
        )
        process = subprocess.Popen(
            command,
            env=loopback_environment(self._folder),
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            is_going = wait_until(lambda: run_status(self._agentos, session) == "RUNNING", 20)
            process.send_signal(signal.SIGINT)
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return {"error": "Ctrl-C did not end it"}
        finally:
            process.kill()
            process.wait()
        call = read_wire_record(self.log).calls[-1]
        return {"is_going": is_going, "call_was_cancelled": call.is_cancelled}
