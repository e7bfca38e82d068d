"""AgentOS's durable job queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from agentos_mcp.agentos.hints import Action, hint
from agentos_mcp.agentos.json_values import integer, mapping, number
from agentos_mcp.agentos.ownership import without_owner
from agentos_mcp.agentos.runs.run import KINDS, RunRef
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.parameters import Limit, Page, UserId
from agentos_mcp.tooling.results import Message, Table
from agentos_mcp.tooling.tool_spec import Toolset, read
from agentos_mcp.tooling.typed_values import time_value


async def list_queue_jobs(
    ctx: ToolContext,
    status: Literal["", "queued", "running", "paused", "completed", "failed", "cancelled"] = "",
    user_id: UserId = "",
    limit: Limit = 20,
    page: Page = 1,
) -> Table:
    """Background runs in the queue, latest first, with the errors of failed ones. Look closer with get_run."""
    jobs = await ctx.own_page("/queue/jobs", status=status, user_id=user_id, limit=limit, page=page)
    return Table(
        ("run", "status", "accepted", "ended", "tries", "user", "error"),
        [
            (
                _run_reference(job, ctx.agent_os.instance),
                job.get("status"),
                time_value(job.get("created_at")),
                time_value(job.get("completed_at")),
                _attempts_text(job),
                job.get("user_id"),
                job.get("error"),
            )
            for job in jobs
        ],
        empty=f"No {status + ' ' if status else ''}jobs in the queue.",
        meta=jobs.meta,
    )


async def get_queue_stats(ctx: ToolContext) -> Message:
    """How many jobs wait, run, failed and are done, and how long the oldest has waited."""
    if ctx.ownership.user_id:
        raise without_owner(
            "The queue's statistics",
            "AgentOS counts the jobs of all users together.",
            hint("See {list}.", list=Action.of("list_queue_jobs")),
        )
    stats = mapping(await ctx.get("/queue/stats"))
    counts = mapping(stats.get("counts"))
    if not counts:
        return Message("The queue is empty.")
    lines = [", ".join(f"{integer(count):,} {status}" for status, count in sorted(counts.items()))]
    if counts.get("queued"):
        age_seconds = number(stats.get("oldest_queued_age_seconds"))
        lines.append(f"The oldest queued job has waited for {age_seconds:,.0f} s.")
    failed = hint("{list} shows why they failed.", list=Action.of("list_queue_jobs", status="failed"))
    return Message("\n".join(lines), failed if counts.get("failed") else "")


def _run_reference(job: Mapping[str, Any], instance: str) -> str:
    """A job is named by its run's id, so its run is known."""
    kind = next((kind for kind in KINDS if kind == job.get("component_type")), None)
    component, session, run = (str(job.get(name) or "") for name in ("component_id", "session_id", "id"))
    return str(RunRef(kind, component, session, run, instance)) if kind and component and session and run else run


def _attempts_text(job: Mapping[str, Any]) -> str:
    """'2 of 3'; '' where there is only one."""
    max_attempts = job.get("max_attempts")
    return f"{job.get('attempt') or 0} of {max_attempts}" if isinstance(max_attempts, int) and max_attempts > 1 else ""


TOOLSET = Toolset(
    "queue",
    "The queue holds background runs that wait for a worker.",
    read(list_queue_jobs, "GET /queue/jobs"),
    read(get_queue_stats, "GET /queue/stats"),
)
