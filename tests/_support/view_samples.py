"""What views show in tests: spans and runs as AgentOS stores them, few, many, failed, paused and hostile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from agentos_mcp.agentos.hints import PLAIN
from agentos_mcp.agentos.runs.run import RunRef, RunState
from agentos_mcp.agentos.runs.stored_run import read_stored_run
from agentos_mcp.views.content import ViewContent
from agentos_mcp.views.run_view import run_view
from agentos_mcp.views.trace_view import trace_view

BEGIN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
REF = RunRef("workflow", "content-pipeline", "session-1", "run-1")
SCRIPT = "<script>alert('component')</script><img src=http://evil.test/x onerror=alert(1)>"
BIDI = "safe\u202egpj.exe\u2066\u200b"
HOSTILE = f"</script></style>{SCRIPT}{BIDI} javascript:alert(1) &lt;b&gt; <!-- ' \" ` ${{1}}"
MEGABYTE = "x" * 1_000_000


def span(number: int, start: float, seconds: float, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"span-{number}",
        "name": f"step {number}",
        "type": "TOOL",
        "start_time": _time(start),
        "end_time": _time(start + seconds),
        "status": "OK",
        "input": f"input {number}",
        "output": f"output {number}",
        "spans": [],
        **fields,
    }


def trace(*spans: dict[str, Any], seconds: float = 10.0, **fields: Any) -> dict[str, Any]:
    return {
        "trace_id": "0" * 32,
        "workflow_id": "content-pipeline",
        "status": "OK",
        "start_time": _time(0),
        "end_time": _time(seconds),
        "total_spans": len(spans),
        "tree": list(spans),
        **fields,
    }


def trace_of(count: int) -> ViewContent:
    """A trace of so many spans, ten to a parent."""
    parents = [
        span(at, at, 1.0, type="AGENT", spans=[span(at + inner, at + inner / 10, 0.1) for inner in range(1, 10)])
        for at in range(0, count, 10)
    ]
    return trace_view(trace(*parents, seconds=float(count)))


def hostile_trace() -> ViewContent:
    texts = {"name": HOSTILE, "input": HOSTILE, "output": HOSTILE + MEGABYTE, "error": HOSTILE, "type": HOSTILE}
    return trace_view(trace(span(1, 0, 1, status="ERROR", **texts), trace_id=HOSTILE, workflow_id=HOSTILE))


def run(status: str = "COMPLETED", **fields: Any) -> tuple[RunState, dict[str, Any]]:
    """A stored run of three steps and its state."""
    output = {
        "run_id": REF.run,
        "workflow_name": "Content Pipeline",
        "status": status,
        "created_at": int(BEGIN.timestamp()),
        "input": "tea",
        "content": "All about tea.",
        "metrics": {"duration": 6.0},
        "step_results": [
            {"step_name": name, "executor_name": "Writer", "content": f"{name} done", "metrics": {"duration": 2.0}}
            for name in ("research", "write", "review")
        ],
        **fields,
    }
    return read_stored_run(RunState(REF), output), output


def run_content(status: str = "COMPLETED", **fields: Any) -> ViewContent:
    state, output = run(status, **fields)
    return run_view(state, output, PLAIN)


def failed_run() -> ViewContent:
    failed = {"step_name": "write", "success": False, "error": "the provider is out of tokens"}
    events = [{"event": "WorkflowError", "run_id": REF.run, "error": "the provider is out of tokens"}]
    steps = [{"step_name": "research", "content": "found", "metrics": {"duration": 2.0}}, failed]
    return run_content("ERROR", step_results=steps, events=events)


def hostile_run() -> ViewContent:
    tool = {"tool_name": HOSTILE, "tool_args": {HOSTILE: HOSTILE}, "result": HOSTILE + MEGABYTE}
    step = {"step_name": HOSTILE, "success": False, "error": HOSTILE, "executor_name": HOSTILE}
    return run_content(
        workflow_name=HOSTILE, input=HOSTILE, content=HOSTILE + MEGABYTE, step_results=[step], tools=[tool]
    )


def _time(seconds: float) -> str:
    return (BEGIN + timedelta(seconds=seconds)).isoformat()
