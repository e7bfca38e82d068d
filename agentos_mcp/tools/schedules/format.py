"""A schedule and what it started, in words; and the errors for one that AgentOS does not take."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from agentos_mcp.agentos.agentos_messages import ScheduleProblem, schedule_problem
from agentos_mcp.agentos.catalog import display_id
from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, RunFailed, ServerFailure, Unsupported
from agentos_mcp.agentos.hints import Action, Hint, as_hint, hint
from agentos_mcp.agentos.http_errors import error_detail
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.agentos.plain_text import as_name
from agentos_mcp.agentos.runs.run import KINDS, Kind, RunRef
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.typed_values import TypedValue, time_value

Schedule = Mapping[str, Any]

SCHEDULER = "its scheduler (AgentOS(scheduler=True))"

_RUN_PATH = re.compile(r"/(agent|team|workflow)s/([^/]+)/runs/?")
_OVERDUE_SECONDS = 60.0
"""Seconds after which a schedule that has not fired is called overdue; AgentOS looks every 15 s."""


def target_text(schedule: Schedule) -> str:
    """What it runs: "agent echo", or "POST /metrics/refresh"."""
    if (component := component_of(schedule)) is not None:
        return f"{component[0]} {display_id(component[1])}"
    return one_line(f"{schedule.get('method')} {schedule.get('endpoint')}", max_length=120)


def times_text(schedule: Schedule) -> str:
    """ "0 9 * * 1-5 Europe/Berlin"."""
    cron = schedule.get("cron_expr")
    return f"{cron} {schedule.get('timezone') or 'UTC'}" if cron else "only when triggered"


def is_overdue(schedule: Schedule) -> bool:
    """Whether it should have fired: it is running now, or AgentOS does not run its scheduler."""
    due = schedule.get("next_run_at")
    return bool(schedule.get("enabled")) and isinstance(due, int | float) and due < time.time() - _OVERDUE_SECONDS


def next_time(schedule: Schedule) -> TypedValue:
    """When it fires next; nothing where it does not."""
    if not schedule.get("enabled"):
        return TypedValue("", None)
    due = time_value(schedule.get("next_run_at"))
    return replace(due, words=f"{due.words}, overdue") if is_overdue(schedule) else due


def state_text(schedule: Schedule) -> str:
    """Whether it is on; and if AgentOS switched it off, why."""
    if schedule.get("enabled"):
        return "on"
    return f"off: {schedule['disabled_reason']}" if schedule.get("disabled_reason") else "off"


def schedule_summary(schedule: Schedule) -> str:
    """A schedule in one sentence; its name is left out where it is not known."""
    next_run = f", next at {next_time(schedule)}" if next_time(schedule) else ""
    name = f"{as_name(schedule['name'])}: " if schedule.get("name") else ""
    return f"{name}{target_text(schedule)} at {times_text(schedule)}, {state_text(schedule)}{next_run}."


def component_of(schedule: Schedule) -> tuple[Kind, str] | None:
    """The kind and the id of what a schedule runs; None where it calls another endpoint."""
    match = _RUN_PATH.fullmatch(str(schedule.get("endpoint")))
    if match is None or str(schedule.get("method")).upper() != "POST":
        return None
    return next(kind for kind in KINDS if kind == match[1]), unquote(match[2])


def started_run(schedule: Schedule, run: Mapping[str, Any], instance: str = "") -> RunRef | None:
    """The run that it started, None where there is none."""
    component, session, run_id = component_of(schedule), run.get("session_id"), run.get("run_id")
    return RunRef(*component, str(session), str(run_id), instance) if component and session and run_id else None


def error_text(run: Mapping[str, Any]) -> str:
    """What went wrong: AgentOS's answer to itself, or the failed run's own words."""
    message = str(run.get("error") or "")
    content = mapping(run.get("output")).get("content")
    if isinstance(content, str) and content and message.startswith("Run failed"):
        return one_line(content)
    code = f"{run['status_code']}: " if run.get("status_code") not in (None, 200, 202) else ""
    return one_line(code + (error_detail(message.encode()) or message or "no reason given"))


def run_failure(schedule: Schedule, outcome: Mapping[str, Any], run: str) -> RunFailed:
    """The error for a schedule that was triggered and failed."""
    if run:
        return RunFailed(
            f"It ran and failed: {error_text(outcome)}.",
            hint("{explain} says more.", explain=Action.of("explain_run", run=run)),
        ).with_run(run)
    reason: Hint | str = hint("Look at what it calls: {get}.", get=Action.of("get_schedule"))
    if outcome.get("status_code") is None:
        reason = "AgentOS calls itself at the wrong address: start it with its own in AgentOS(scheduler_base_url=...)."
    return RunFailed(f"AgentOS called {target_text(schedule)}, which failed: {error_text(outcome)}.", reason)


def check_cron(cron: str) -> None:
    """Raises InvalidRequest for what is not five fields, or a name such as @daily."""
    # AgentOS takes a sixth field for seconds at the end, where others have them first: a misread hour.
    if len(cron.split()) != 5 and not cron.strip().startswith("@"):
        raise InvalidRequest(
            f"'{one_line(cron, max_length=60)}' is not five fields.",
            "Give minute, hour, day, month and weekday: '0 9 * * 1-5' is 9:00 from Monday to Friday.",
        )


@contextmanager
def translate_cron_errors(cron: str = "", timezone: str = "") -> Iterator[None]:
    """Inside it, AgentOS's refusals of a schedule say what is wrong with it and what to give instead."""
    try:
        yield
    except AgentOSError as error:
        problem = schedule_problem(error.detail)
        if problem is ScheduleProblem.CRON:
            raise InvalidRequest(
                f"'{one_line(cron, max_length=60)}' is not a valid cron expression.",
                "Its fields are minute, hour, day, month, weekday: '0 9 * * 1-5' is 9:00 from Monday to Friday.",
            ) from error
        if problem is ScheduleProblem.TIMEZONE:
            raise InvalidRequest(
                f"'{one_line(timezone, max_length=60)}' is not a valid timezone.",
                "Give a name such as Europe/Berlin, or UTC.",
            ) from error
        if problem is ScheduleProblem.NEVER_DUE:
            raise InvalidRequest(
                f"'{one_line(cron, max_length=60)}' never comes.", "Give a date that exists."
            ) from error
        if problem is ScheduleProblem.NAME_TAKEN:
            raise InvalidRequest(
                error.message,
                as_hint("Choose another name.")
                + hint("{update} changes that one.", update=Action.of("update_schedule")),
            ) from error
        if problem is ScheduleProblem.SCHEDULER_OFF:
            raise Unsupported(
                f"This AgentOS does not run {SCHEDULER}, so none of its schedules ever fires.",
                "Start it with that, or run the component yourself now.",
            ) from error
        if isinstance(error, ServerFailure) and error.status == 503:
            raise Unsupported(error.message, "Its schedules need that.", status=503) from error
        raise
