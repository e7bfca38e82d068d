"""AgentOS's figures: runs, sessions, tokens and users by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import anyio
from pydantic import Field

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, ServerFailure
from agentos_mcp.agentos.formats import format_time
from agentos_mcp.agentos.hints import Action, as_hint, hint
from agentos_mcp.agentos.json_values import mapping, objects, text
from agentos_mcp.tooling.context import ToolContext, present_values, suggest_look
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.parameters import DbId, UserId
from agentos_mcp.tooling.results import Message, Table
from agentos_mcp.tooling.time_arguments import parse_day
from agentos_mcp.tooling.tool_spec import DATABASE, Toolset, read, write

Metrics = Sequence[Mapping[str, Any]]

_SEE_METRICS = hint("{metrics} has the figures.", metrics=Action.of("get_metrics"))
_UP_TO_DATE = Message("The figures are up to date.", hint("See {metrics}.", metrics=Action.of("get_metrics")))

_DEFAULT_DAYS = 30
_REFRESH_WAIT_SECONDS = 5.0
_STATUS = "/metrics/refresh/status"
_COLUMNS = (
    "day (UTC)",
    "agent runs",
    "team runs",
    "workflow runs",
    "sessions",
    "tokens in",
    "tokens out",
    "users",
    "runs by model",
)


async def get_metrics(
    ctx: ToolContext,
    since: Annotated[str, Field(description='Day (UTC): YYYY-MM-DD, "today", "last week"; default 30 days ago')] = "",
    until: str = "",
    user_id: UserId = "",
    db_id: DbId = "",
) -> Table:
    """Runs, sessions, tokens and users by day, newest first."""
    # AgentOS's days begin and end in UTC, wherever this machine is.
    now = datetime.now(UTC)
    last_day = parse_day(until, "until", now=now, last=True) or now.date()
    first_day = parse_day(since, "since", now=now) or last_day - timedelta(days=_DEFAULT_DAYS - 1)
    if first_day > last_day:
        raise InvalidRequest(f"since ({first_day}) is after until ({last_day}).", "Swap them.")
    if user_id:
        # AgentOS before 3 leaves the user out of account without a word; it has no such status either.
        features = await ctx.backend.discovery.features()
        features.require("GET", _STATUS, "tell one user's figures")
    answer = mapping(
        await ctx.get(
            "/metrics",
            starting_date=first_day.isoformat(),
            ending_date=last_day.isoformat(),
            user_id=user_id,
            db_id=await ctx.database("metrics", db_id),
        )
    )
    days = sorted(objects(answer.get("metrics")), key=lambda day: str(day.get("date")), reverse=True)
    rows = [
        (str(day.get("date"))[:10], *_figures([day]), day.get("users_count") or None, _runs_by_model([day]))
        for day in days
    ]
    if len(days) > 1:
        # A person may have come on several days, so users cannot be added up.
        rows.insert(0, ("total", *_figures(days), None, _runs_by_model(days)))
    return Table(
        _COLUMNS,
        rows,
        empty=as_hint(f"No figures from {first_day} to {last_day}.")
        + hint("{refresh} makes them from the sessions there are.", refresh=Action.of("refresh_metrics")),
        footer=f"{_sums(days)} As of {format_time(answer.get('updated_at'))}.",
    )


async def refresh_metrics(ctx: ToolContext, db_id: DbId = "") -> Message:
    """Bring the figures up to date; get_metrics shows them."""
    database = await ctx.database("metrics", db_id)
    query = present_values(db_id=database, background=True)
    features = await ctx.backend.discovery.features()
    with suggest_look("/metrics/refresh"):
        answer = await ctx.agent_os.request("POST", "/metrics/refresh", query=query, no_timeout=True)
    if isinstance(answer, list) or not features.has("GET", _STATUS):
        return _UP_TO_DATE
    was_running = mapping(answer).get("status") == "already_running"
    status: Mapping[str, Any] = {"status": "running"}
    # It has begun: that its end cannot be seen is no failure.
    with anyio.move_on_after(_REFRESH_WAIT_SECONDS), suppress(AgentOSError):
        status = mapping(await ctx.get(_STATUS, db_id=database))
        while status.get("status") == "running":
            await anyio.sleep(0.1)
            status = mapping(await ctx.get(_STATUS, db_id=database))
    match status.get("status"):
        case "completed":
            return _UP_TO_DATE
        case "failed":
            raise ServerFailure(f"The refresh failed: {_error_text(status)}.", "AgentOS's own log says why.")
        case _:
            state = "A refresh was already running" if was_running else "The refresh has started"
            return Message(f"{state}.", hint("{status} says when it is done.", status=Action.of("get_metrics_status")))


async def get_metrics_status(ctx: ToolContext, db_id: DbId = "") -> Message:
    """How the last refresh went; refresh_metrics does another."""
    status = mapping(await ctx.get(_STATUS, db_id=await ctx.database("metrics", db_id)))
    match status.get("status"):
        case "running":
            return Message(f"Running since {format_time(status.get('started_at'))}.")
        case "completed":
            return Message(f"Done {format_time(status.get('finished_at'))}.", _SEE_METRICS)
        case "failed":
            return Message(f"Failed {format_time(status.get('finished_at'))}: {_error_text(status)}.")
        case "idle":
            return Message(
                "No refresh since this AgentOS started.",
                hint("{refresh} starts one.", refresh=Action.of("refresh_metrics")),
            )
        case other:
            return Message(f"Status: {one_line(str(other))}.")


def _figures(days: Metrics) -> tuple[int | None, ...]:
    """The sums over some days; None for 0, so that a column of nothing is not shown."""
    counted = [
        (
            _count(day, "agent_runs_count"),
            _count(day, "team_runs_count"),
            _count(day, "workflow_runs_count"),
            sum(_count(day, f"{kind}_sessions_count") for kind in ("agent", "team", "workflow")),
            _count(mapping(day.get("token_metrics")), "input_tokens"),
            _count(mapping(day.get("token_metrics")), "output_tokens"),
        )
        for day in days
    ]
    return tuple(sum(column) or None for column in zip(*counted, strict=True))


def _sums(days: Metrics) -> str:
    """ "In all 12 runs, 4 sessions, 1,234 tokens."."""
    if not days:
        return ""
    *runs, sessions, tokens_in, tokens_out = (figure or 0 for figure in _figures(days))
    return f"In all {sum(runs):,} runs, {sessions:,} sessions, {tokens_in + tokens_out:,} tokens."


def _count(figures: Mapping[str, Any], key: str) -> int:
    value = figures.get(key)
    return value if isinstance(value, int) else 0


def _runs_by_model(days: Metrics) -> list[str]:
    """How many runs each model did, the busiest first."""
    runs: dict[str, int] = {}
    for day in days:
        for model in objects(day.get("model_metrics")):
            if name := text(model.get("model_id")):
                runs[name] = runs.get(name, 0) + _count(model, "count")
    return [f"{name} {count}" for name, count in sorted(runs.items(), key=lambda run: -run[1])]


def _error_text(status: Mapping[str, Any]) -> str:
    return one_line(str(status.get("error") or "no reason given")).rstrip(".")


TOOLSET = Toolset(
    "metrics",
    as_hint("Metrics are figures by day.")
    + hint("{refresh} brings them up to date.", refresh=Action.of("refresh_metrics")),
    read(get_metrics, "GET /metrics"),
    write(refresh_metrics, "POST /metrics/refresh", idempotent=True),
    read(get_metrics_status, "GET /metrics/refresh/status"),
    needs=DATABASE,
)
