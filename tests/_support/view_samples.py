"""What views show in tests: spans and runs as AgentOS stores them, few, many, failed, paused and hostile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from agentos_mcp.agentos.hints import PLAIN
from agentos_mcp.agentos.runs.run import RunRef, RunState
from agentos_mcp.agentos.runs.stored_run import read_stored_run
from agentos_mcp.runs.comparison import compare
from agentos_mcp.runs.pending import PendingItem, PendingList
from agentos_mcp.runs.run_parts import read_parts
from agentos_mcp.tooling.results import Table
from agentos_mcp.views.comparison_view import comparison_view
from agentos_mcp.views.content import View, ViewContent
from agentos_mcp.views.inbox_view import inbox_view
from agentos_mcp.views.metrics_view import figures_view
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


def pictured_run() -> ViewContent:
    """A run as they usually are: steps whose agents call tools, of which one failed."""
    begin = BEGIN.timestamp()

    def call(name: str, start: float, seconds: float, **fields: Any) -> dict[str, Any]:
        times = {"start_time": begin + start, "end_time": begin + start + seconds, "duration": seconds}
        return {"tool_name": name, "tool_args": {"query": "tea"}, "result": "found", "metrics": times, **fields}

    tools = {
        "research": [call("search_web", 0.4, 1.1), call("search_knowledge", 1.9, 1.4)],
        "write": [call("word_count", 6.1, 0.2)],
        "publish": [call("publish_page", 8.2, 1.6, tool_call_error=True, result="the site is read-only")],
    }
    seconds = {"research": 3.6, "write": 4.1, "publish": 2.2}
    error = "publish_page: the site is read-only"
    return run_content(
        "ERROR",
        metrics={"duration": 10.1, "total_tokens": 4_820},
        events=[{"event": "WorkflowError", "run_id": REF.run, "error": error}],
        step_results=[
            {
                "step_name": name,
                "executor_name": {"research": "Researcher", "write": "Writer", "publish": "Publisher"}[name],
                "step_run_id": name,
                "metrics": {"duration": duration, "total_tokens": int(duration * 480)},
                **({"success": False, "error": error} if name == "publish" else {"content": f"{name} done"}),
            }
            for name, duration in seconds.items()
        ],
        step_executor_runs=[{"run_id": name, "tools": calls} for name, calls in tools.items()],
    )


def pictured_trace() -> ViewContent:
    """A trace as they usually are: a workflow of two steps, whose agents call models and a tool."""

    def llm(number: int, start: float, seconds: float) -> dict[str, Any]:
        fields = {"model": "gpt-5-mini", "input_tokens": 900 + number, "output_tokens": 120}
        return span(number, start, seconds, type="LLM", name="OpenAI.ainvoke_stream", metadata=fields)

    tool = span(5, 1.9, 0.8, name="search_knowledge", status="ERROR", error="the index is locked")
    research = span(2, 0.1, 4.2, type="AGENT", name="Researcher.arun", spans=[llm(4, 0.2, 1.6), tool, llm(6, 2.8, 1.4)])
    write = span(3, 4.4, 3.1, type="AGENT", name="Writer.arun", spans=[llm(7, 4.5, 2.9)])
    workflow = span(1, 0, 7.6, type="WORKFLOW", name="Content_Pipeline.arun", spans=[research, write])
    return trace_view(trace(workflow, seconds=7.6, error_count=1))


def pictured(view: View) -> ViewContent:
    """What pictures of a view show."""
    match view:
        case "run":
            return pictured_run()
        case "trace":
            return pictured_trace()
        case "metrics":
            return metrics()
        case "inbox":
            return inbox()
        case "compare":
            return comparison()


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


def metrics(count: int = 14, odd_day: str = "") -> ViewContent:
    """Figures of so many days, and of a day that is none where one is given."""
    first = BEGIN.date()
    rows: list[tuple[object, ...]] = [
        (
            f"{first + timedelta(days=at)}",
            3 + at * 7 % 5,
            at % 3,
            1 + at * 3 % 4,
            900 + at * 431 % 700,
            300 + at * 97 % 200,
        )
        for at in range(count)
    ]
    rows += [(odd_day, *rows[0][1:])] if odd_day else []
    total = ("total", *(sum(int(str(row[at])) for row in rows) for at in range(1, 6)))
    columns = ("day (UTC)", "agent runs", "team runs", "workflow runs", "tokens in", "tokens out")
    return figures_view(Table(columns, [total, *reversed(rows)], empty=""), "")


def inbox(asked: str = "Deployer wants to call deploy.", details: str = '{"env": "prod"}') -> ViewContent:
    items = [
        PendingItem(
            RunRef("agent", "deployer", "session-1", f"run-{number}"),
            (asked,),
            BEGIN.timestamp() + number * 3600,
            "ada",
            ("approval-1",) if number else (),
            can_be_answered=not number,
            details=(details,),
        )
        for number in range(2)
    ]
    return inbox_view(PendingList(tuple(items)), PLAIN)


def comparison(message: str = "tea", **fields: Any) -> ViewContent:
    """A good run and one that failed: a call with other arguments, a step that failed, one that was never begun."""
    failed = {
        "run_id": "run-2",
        "input": message,
        "step_results": _compared_steps("gyokuro", "failed")[:2],
        "step_executor_runs": _compared_runs("gyokuro"),
        "metrics": {"duration": 9.8, "total_tokens": 3_400},
        "events": [{"event": "WorkflowError", "run_id": "run-2", "error": "the provider is out of tokens"}],
    }
    return compared(good_run(), run("ERROR", **(failed | fields)))


def good_run() -> tuple[RunState, dict[str, Any]]:
    """The good one of the two."""
    return run(
        step_results=_compared_steps("sencha", "completed"),
        step_executor_runs=_compared_runs("sencha"),
        metrics={"duration": 6.2, "total_tokens": 1_200},
    )


def compared(before: tuple[RunState, dict[str, Any]], after: tuple[RunState, dict[str, Any]]) -> ViewContent:
    """What the view of two stored runs shows."""
    parts = [read_parts(output, state) for state, output in (before, after)]
    other = RunRef(REF.kind, REF.component, REF.session, "run-2")
    return comparison_view(compare(REF, parts[0], other, parts[1]), parts[0], parts[1], PLAIN)


def _compared_steps(found: str, end: str) -> list[dict[str, Any]]:
    failed = {"success": False, "error": "the provider is out of tokens"}
    return [
        {
            "step_name": "research",
            "executor_name": "Researcher",
            "step_run_id": "research",
            "content": f"A note on {found}, which is grown in the shade for three weeks.",
            "metrics": {"duration": 2.4, "total_tokens": 500},
        },
        {
            "step_name": "write",
            "executor_name": "Writer",
            "metrics": {"duration": 2.6 if end == "completed" else 7.1, "total_tokens": 600},
            **({"content": "All about tea."} if end == "completed" else failed),
        },
        {"step_name": "review", "executor_name": "Editor", "content": "Fine.", "metrics": {"duration": 1.2}},
    ]


def _compared_runs(query: str) -> list[dict[str, Any]]:
    begin = BEGIN.timestamp()
    times = {"start_time": begin + 0.4, "end_time": begin + 1.5, "duration": 1.1}
    call = {"tool_name": "search_web", "tool_args": {"query": query, "limit": 5}, "result": "found", "metrics": times}
    return [{"run_id": "research", "model": "gpt-5-mini", "tools": [call]}]


def hostile_comparison() -> ViewContent:
    tool = {"tool_name": HOSTILE, "tool_args": {HOSTILE: HOSTILE}, "result": HOSTILE + MEGABYTE}
    step = {"step_name": HOSTILE, "success": False, "error": HOSTILE + MEGABYTE, "executor_name": HOSTILE}
    return comparison(
        HOSTILE + MEGABYTE, workflow_name=HOSTILE, content=HOSTILE + MEGABYTE, step_results=[step], tools=[tool]
    )


def hostile_run() -> ViewContent:
    tool = {"tool_name": HOSTILE, "tool_args": {HOSTILE: HOSTILE}, "result": HOSTILE + MEGABYTE}
    step = {"step_name": HOSTILE, "success": False, "error": HOSTILE, "executor_name": HOSTILE}
    return run_content(
        workflow_name=HOSTILE, input=HOSTILE, content=HOSTILE + MEGABYTE, step_results=[step], tools=[tool]
    )


def _time(seconds: float) -> str:
    return (BEGIN + timedelta(seconds=seconds)).isoformat()
