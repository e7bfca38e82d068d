"""The past of the demo's AgentOS: runs of some days, one of which waits for an approval, a schedule, memories and more.

The runs are real ones, made without their models' delays; then their times are set back.
"""

import contextvars
import functools
import logging
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from agno.agent import Agent
from agno.db.schemas.evals import EvalRunRecord, EvalType
from agno.db.schemas.memory import UserMemory
from agno.db.schemas.scheduler import Schedule, ScheduleRun
from agno.db.sqlite import SqliteDb
from agno.scheduler.cron import compute_next_run
from agno.team import Team
from agno.workflow import Workflow
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from agentos_mcp.demo.articles import EXAMPLE_TOPIC

_DAILY = "0 7 * * *"
_TIME_FIELD = re.compile(r'("(?:created|updated)_at": )(\d{10})\b')


class PastRun(NamedTuple):
    """A run in the demo's past."""

    run_id: str
    session_id: str
    user_id: str
    component: Agent | Team | Workflow
    message: str
    started_at: datetime


def store_history(db: SqliteDb, agents: Mapping[str, Agent], team: Team, pipeline: Workflow) -> None:
    """Fill the empty database of the demo. The components' models must not wait."""
    now = datetime.now(UTC).replace(microsecond=0)
    yesterday_at_seven = now.replace(hour=7, minute=0, second=0) - timedelta(days=1)
    assistant, publisher = agents["assistant"], agents["publisher"]
    conversation = now - timedelta(days=3)
    daily_run = PastRun("tea-1", "daily-piece", "anna", pipeline, EXAMPLE_TOPIC, yesterday_at_seven)
    runs = [
        PastRun("anna-1", "anna-figures", "anna", assistant, "Hello, my name is Anna.", conversation),
        PastRun("anna-2", "anna-figures", "anna", assistant, "What is 12 * 7.5?", conversation + timedelta(minutes=1)),
        PastRun(
            "solar-1",
            "solar-headlines",
            "ben",
            team,
            "Headlines about solar panels",
            now - timedelta(days=2, hours=4),
        ),
        daily_run,
        PastRun("outage-1", "outage-drill", "ben", assistant, "Simulate an outage", now - timedelta(hours=3)),
        PastRun(
            "ghosts-1",
            "ghost-story",
            "ben",
            publisher,
            'Retract "Ten facts about ghosts"',
            now - timedelta(minutes=20),
        ),
    ]
    with _without_logs():
        for run in runs:
            start = functools.partial(run.component.run, run.message, run_id=run.run_id)
            # In a context of its own, since a team's span stays the current one.
            contextvars.copy_context().run(start, session_id=run.session_id, user_id=run.user_id)
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        provider.force_flush()
    _set_back(db, runs, now)
    _store_schedule(db, daily_run, now)
    _store_memories(db, assistant, now)
    _store_learning(db, agents["librarian"])
    _store_evaluation(db, assistant)


@contextmanager
def _without_logs() -> Iterator[None]:
    """One of the runs fails on purpose, which agno logs as an error."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _set_back(db: SqliteDb, runs: Iterable[PastRun], now: datetime) -> None:
    """Make each run, and all that came of it, as old as it shall be. `runs` come oldest first."""
    earlier_numbers = "created_at = created_at - :age, updated_at = updated_at - :age"
    earlier_dates = ", ".join(
        f"{column} = earlier_date({column})" for column in ("start_time", "end_time", "created_at")
    )
    of_run = "run_id = :run"
    of_trace = f"trace_id IN (SELECT trace_id FROM {db.trace_table_name} WHERE {of_run})"  # noqa: S608 - agno's own names
    updates = (
        (
            db.session_table_name,
            "created_at = min(created_at, :started), updated_at = :started",
            "session_id = :session",
        ),
        (db.runs_table_name, f"{earlier_numbers}, run_data = earlier_run(run_data)", f"{of_run} OR parent_{of_run}"),
        (db.approvals_table_name, earlier_numbers, of_run),
        (db.span_table_name, earlier_dates, of_trace),
        (db.trace_table_name, earlier_dates, of_run),
    )
    with closing(sqlite3.connect(str(db.db_file))) as connection, connection:
        for run in runs:
            age = now - run.started_at
            connection.create_function("earlier_date", 1, functools.partial(_earlier_date, age=age))
            connection.create_function("earlier_run", 1, functools.partial(_earlier_run, age=age))
            values = {
                "run": run.run_id,
                "session": run.session_id,
                "started": int(run.started_at.timestamp()),
                "age": int(age.total_seconds()),
            }
            for table, changes, rows in updates:
                connection.execute(f"UPDATE {table} SET {changes} WHERE {rows}", values)  # noqa: S608 - likewise


def _earlier_date(date: str, age: timedelta) -> str:
    return (datetime.fromisoformat(date) - age).isoformat()


def _earlier_run(run_json: str, age: timedelta) -> str:
    return _TIME_FIELD.sub(lambda field: f"{field[1]}{int(field[2]) - int(age.total_seconds())}", run_json)


def _store_schedule(db: SqliteDb, last: PastRun, now: datetime) -> None:
    created_at = int((now - timedelta(days=7)).timestamp())
    triggered_at = int(last.started_at.timestamp())
    schedule = Schedule(
        id="daily-piece",
        name="Daily piece",
        description="A short piece every morning.",
        cron_expr=_DAILY,
        endpoint=f"/workflows/{last.component.id}/runs",
        payload={"message": last.message},
        next_run_at=compute_next_run(_DAILY),
        created_at=created_at,
        updated_at=created_at,
    )
    db.create_schedule(schedule.to_dict())
    run = ScheduleRun(
        id="daily-piece-1",
        schedule_id=schedule.id,
        triggered_at=triggered_at,
        completed_at=triggered_at + 1,
        status="success",
        status_code=200,
        run_id=last.run_id,
        session_id=last.session_id,
        created_at=triggered_at,
    )
    db.create_schedule_run(run.to_dict())


def _store_memories(db: SqliteDb, assistant: Agent, now: datetime) -> None:
    known_since = int((now - timedelta(days=3)).timestamp())
    for memory_id, user_id, topic, memory in (
        ("anna-puns", "anna", "style", "Anna wants headlines without puns."),
        ("anna-tea", "anna", "interests", "Anna writes about food, above all about tea."),
        ("ben-length", "ben", "style", "Ben wants summaries of at most five sentences."),
    ):
        db.upsert_user_memory(
            UserMemory(
                memory,
                memory_id=memory_id,
                topics=[topic],
                user_id=user_id,
                agent_id=assistant.id,
                created_at=known_since,
                updated_at=known_since,
            )
        )


def _store_learning(db: SqliteDb, librarian: Agent) -> None:
    decision = {
        "id": "dec_sources",
        "decision": "Every piece names its sources in its last line.",
        "reasoning": "Readers asked where the figures come from.",
    }
    db.upsert_learning(
        id="decision-sources", learning_type="decision_log", content=decision, agent_id=librarian.id, namespace="global"
    )


def _store_evaluation(db: SqliteDb, assistant: Agent) -> None:
    """An evaluation of the assistant's sums, as AgentOS stores one."""
    result = {
        "input": "What is 12 * 7.5?",
        "output": "12 * 7.5 = 90.",
        "expected_output": "90",
        "score": 10,
        "reason": "The answer is the expected one.",
    }
    db.create_eval_run(
        EvalRunRecord(
            run_id="sums-are-right",
            name="Sums are right",
            agent_id=assistant.id,
            evaluated_component_name=assistant.name,
            model_id="scripted",
            model_provider="agentos-mcp",
            eval_type=EvalType.ACCURACY,
            eval_data={"results": [result], "avg_score": 10, "min_score": 10, "max_score": 10, "std_dev_score": 0},
            eval_input={"input": result["input"], "expected_output": result["expected_output"], "num_iterations": 1},
        )
    )
