"""A trace's tree of spans, read: the runs that are in it, and the tree as short indented lines.

A span is what AgentOS shows of it: {id, name, type, start_time, end_time, status, input, output,
error, spans, metadata}. FastAPI from 0.165 on traces every HTTP request, so that a run's spans lie
inside a request's; the trace itself then has no ids of a run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentos_mcp.agentos.catalog import Component
from agentos_mcp.agentos.formats import format_interval
from agentos_mcp.agentos.json_values import decode, integer, mapping, objects, text
from agentos_mcp.agentos.runs.run import KINDS, Kind, RunRef
from agentos_mcp.agentos.timestamps import parse_timestamp
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.typed_values import TypedValue, exact_time_value, interval_value

Span = Mapping[str, Any]

COLUMNS = ("id", "name", "user", "status", "duration", "spans", "errors", "started")
"""Of a list of traces; `trace_row` fills them."""

_KINDS: Mapping[str, Kind] = {"AGENT": "agent", "TEAM": "team", "WORKFLOW": "workflow"}
_FRAMEWORK = "fastapi."
_MAX_WORDS_LENGTH = 120
WITH_ERRORS = "with errors"


@dataclass(frozen=True)
class TracedRun:
    """A run as its trace shows it. Ids are '' where the trace does not tell."""

    kind: Kind
    name: str
    """The span's: "Content_Pipeline.arun"."""
    status: str
    run: str = ""
    session: str = ""
    user: str = ""
    component: str = ""

    def of(self, component: Component) -> bool:
        """Whether it is a run of this component: by id, else by name, which is all that an inner span tells."""
        if self.component:
            return self.kind == component.kind and self.component == component.id
        return self.kind == component.kind and _tracer_name(self.name.rpartition(".")[0]) == _tracer_name(
            component.name
        )


def tree_of(trace: Mapping[str, Any]) -> list[Span]:
    """A trace's outermost spans."""
    return objects(trace.get("tree"))


def runs_of(trace: Mapping[str, Any], *, inner: bool = False) -> list[TracedRun]:
    """The runs in a trace: the outermost ones; with `inner` those too that run within another."""
    return [
        _traced_run(trace, span, root=not above)
        for span, above in _walk(tree_of(trace))
        if _kind(span) and not _is_step(span, above) and (inner or not any(map(_kind, above)))
    ]


def is_named(trace: Mapping[str, Any]) -> bool:
    """Whether AgentOS knows the run of this trace, so that its own filters find it."""
    return any(trace.get(key) for key in ("run_id", "agent_id", "team_id", "workflow_id"))


def has_errors(trace: Mapping[str, Any]) -> bool:
    """Whether the run failed, or anything in it."""
    return bool(trace.get("error_count")) or _own_status(trace) == "ERROR"


def status_of(trace: Mapping[str, Any]) -> str:
    """OK, ERROR, or "with errors": a streamed run that failed is OK to AgentOS, and only its model's span is not."""
    status = _own_status(trace)
    return WITH_ERRORS if status != "ERROR" and has_errors(trace) else status


def name_of(trace: Mapping[str, Any]) -> str:
    """What ran: "agent writer"; for a trace without a run, its request."""
    for kind in KINDS:
        if trace.get(f"{kind}_id"):
            return f"{kind} {trace[f'{kind}_id']}"
    runs = runs_of(trace)
    if runs:
        more = f" and {len(runs) - 1} more" if len(runs) > 1 else ""
        return f"{runs[0].kind} {runs[0].name.rpartition('.')[0]}{more}"
    roots = tree_of(trace)
    return str((roots[0] if roots else trace).get("name") or "")


def user_of(trace: Mapping[str, Any]) -> str:
    """Whose run it is, '' where the trace does not tell."""
    users = (text(trace.get("user_id")), *(run.user for run in runs_of(trace)))
    return next(filter(None, users), "")


def seconds_of(trace: Mapping[str, Any]) -> float:
    """How long it took; 0 where its times do not tell."""
    start, end = parse_timestamp(trace.get("start_time")), parse_timestamp(trace.get("end_time"))
    return (end - start).total_seconds() if start is not None and end is not None else 0.0


def trace_row(trace: Mapping[str, Any], user_id: str = "") -> tuple[object, ...]:
    """A trace, with or without its tree, as a row of COLUMNS; without its user where only this one's were asked for."""
    return (
        trace.get("trace_id"),
        name_of(trace),
        "" if user_id else user_of(trace),
        status_of(trace),
        interval_value(trace.get("start_time"), trace.get("end_time")),
        trace.get("total_spans"),
        trace.get("error_count") or None,
        exact_time_value(trace.get("start_time")),
    )


def reference_of(trace: Mapping[str, Any], components: Sequence[Component], instance: str = "") -> str:
    """The reference of the trace's run; '' where the trace does not tell all of it."""
    for run in runs_of(trace)[:1]:
        ids = [run.component] if run.component else [c.id for c in components if run.of(c)]
        if run.run and run.session and len(ids) == 1:
            return str(RunRef(run.kind, ids[0], run.session, run.run, instance))
    return ""


def tokens_of(trace: Mapping[str, Any]) -> TypedValue:
    """What the models of a trace read and wrote: "120 in, 30 out"; nothing where no model was traced."""
    used = [span_tokens(span) for span, _ in _walk(tree_of(trace)) if span.get("type") == "LLM"]
    read, written = (sum(counts) for counts in zip(*used, strict=True)) if used else (0, 0)
    if not read and not written:
        return TypedValue("", None)
    return TypedValue(f"{read:,} in, {written:,} out", {"input": read, "output": written})


def tree_text(trace: Mapping[str, Any]) -> str:
    """A trace's spans, a line each, indented; without the framework's own, unless one failed."""
    return "\n".join(_lines(tree_of(trace), trace, 0, in_workflow=False))


def hidden_span_count(trace: Mapping[str, Any]) -> int:
    """How many spans `tree_text` leaves out."""
    return sum(is_framework(span) for span, _ in _walk(tree_of(trace)))


def _walk(spans: Sequence[Span], above: tuple[Span, ...] = ()) -> Iterator[tuple[Span, tuple[Span, ...]]]:
    """Every span, with those around it from the outside in."""
    for span in spans:
        yield span, above
        yield from _walk(children_of(span), (*above, span))


def children_of(span: Span) -> list[Span]:
    return objects(span.get("spans"))


def _kind(span: Span) -> Kind | None:
    return _KINDS.get(text(span.get("type")))


def _is_step(span: Span, above: tuple[Span, ...]) -> bool:
    """A workflow's step: AgentOS gives it the workflow's type."""
    return span.get("type") == "WORKFLOW" and any(parent.get("type") == "WORKFLOW" for parent in above)


def is_framework(span: Span) -> bool:
    """Whether it is the web framework's own, and did not fail."""
    return str(span.get("name")).startswith(_FRAMEWORK) and span.get("status") != "ERROR"


def _traced_run(trace: Mapping[str, Any], span: Span, *, root: bool) -> TracedRun:
    fields = mapping(span.get("metadata"))
    kind = _KINDS[text(span.get("type"))]
    # The ids of a root are the trace's, and AgentOS does not repeat them.
    ids = trace if root else {}
    return TracedRun(
        kind=kind,
        name=str(span.get("name") or ""),
        status=str(span.get("status") or ""),
        run=str(fields.get("run_id") or ids.get("run_id") or ""),
        session=str(fields.get("session_id") or ids.get("session_id") or ""),
        user=str(fields.get("user_id") or ids.get("user_id") or ""),
        component=str(ids.get(f"{kind}_id") or ""),
    )


def _own_status(trace: Mapping[str, Any]) -> str:
    """The run's status, where a request's own stands around it."""
    runs = runs_of(trace)
    if is_named(trace) or not runs:
        return str(trace.get("status") or "")
    return "ERROR" if any(run.status == "ERROR" for run in runs) else "OK"


def _lines(spans: Sequence[Span], parent: Mapping[str, Any], depth: int, *, in_workflow: bool) -> list[str]:
    lines = []
    for span in spans:
        children = children_of(span)
        if is_framework(span):
            lines += _lines(children, parent, depth, in_workflow=in_workflow)
            continue
        lines.append("  " * depth + _line(span, parent, root=depth == 0, in_workflow=in_workflow))
        # A root's own words are the trace's, and AgentOS does not repeat them.
        values = {key: span.get(key) or (parent.get(key) if depth == 0 else None) for key in ("input", "output")}
        lines += _lines(children, values, depth + 1, in_workflow=in_workflow or span.get("type") == "WORKFLOW")
    return lines


def _line(span: Span, parent: Mapping[str, Any], *, root: bool, in_workflow: bool) -> str:
    kind = str(span.get("type") or "")
    if kind == "WORKFLOW" and in_workflow:
        kind = str(span.get("step_type") or "step")
    parts = [
        "" if kind == "UNKNOWN" else kind.lower(),
        one_line(str(span.get("name") or "unnamed"), max_length=80),
        format_interval(span.get("start_time"), span.get("end_time")),
        f"[{one_line(str(span.get('id')), max_length=80)}]",
    ]
    parts += _model_parts(span) if kind == "LLM" else _span_parts(span, parent, root=root)
    if span.get("status") == "ERROR":
        parts.append(f"ERROR: {one_line(str(span.get('error') or 'no message'), max_length=300)}")
    return " ".join(part for part in parts if part)


def _span_parts(span: Span, parent: Mapping[str, Any], *, root: bool) -> list[str]:
    """What went in and came out, unless it went through from the part around it."""
    return [
        f"{label}: {one_line(str(words), max_length=_MAX_WORDS_LENGTH)}"
        for label, key in (("in", "input"), ("out", "output"))
        if (words := span.get(key) or (parent.get(key) if root else None)) and (root or words != parent.get(key))
    ]


def _model_parts(span: Span) -> list[str]:
    """A model's name, tokens and words; what it read is the whole conversation, and too long for a line."""
    metadata = span.get("metadata")
    model = metadata.get("model") if isinstance(metadata, Mapping) else None
    read, written = span_tokens(span)
    output = _output_text(span.get("output"))
    return [
        str(model or ""),
        f"{read:,}→{written:,} tokens" if read or written else "",
        f"out: {one_line(output, max_length=_MAX_WORDS_LENGTH)}" if output else "",
    ]


def span_tokens(span: Span) -> tuple[int, int]:
    """What a model's span read and wrote."""
    counts = mapping(span.get("metadata"))
    read, written = counts.get("input_tokens"), counts.get("output_tokens")
    return integer(read), integer(written)


def _output_text(output: object) -> str:
    """The words or calls in a model's output, which is a list of messages as JSON; else the output as it is."""
    try:
        messages = decode(str(output or "null"))
    except ValueError:
        return str(output)
    messages = messages.get("messages") if isinstance(messages, dict) else messages
    last_message = messages[-1] if isinstance(messages, list) and messages else None
    if not isinstance(last_message, Mapping):
        return str(output or "")
    call_names = map(_call_name, objects(last_message.get("tool_calls")))
    return " ".join(
        part for part in (str(last_message.get("content") or ""), *(f"calls {name}" for name in call_names)) if part
    )


def _call_name(call: Mapping[str, Any]) -> str:
    function = call.get("function")
    return str((function if isinstance(function, Mapping) else call).get("name") or "a tool")


def _tracer_name(name: str) -> str:
    """The tracer writes "Content Pipeline" as Content_Pipeline."""
    return name.replace(" ", "_").replace("-", "_")
