"""AgentOSes that trace: with the web framework's spans around those of runs, and without; and stored traces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import agno.models.base
from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS
from agno.team import Team
from agno.tracing.schemas import Trace
from agno.workflow import Step, Workflow
from fastapi import FastAPI
from opentelemetry import context, propagate
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_mcp.demo.scripted_model import Script, ScriptedModel
from tests._support.agentos.sample import (
    deploy,
    echo,
    explode,
    failing_script,
    function_step,
    lookup,
    model,
    slow,
    team_leader,
    tool_caller,
)


def build(db_file: str) -> AgentOS:
    """As it comes: every request is a trace, and runs lie inside."""
    return _build(db_file)


def build_named(db_file: str) -> AgentOS:
    """With the framework's own spans off, so that traces have the ids of runs."""
    return _build(db_file, base_app=FastAPI(telemetry={"tracing": False}))


def build_joining(db_file: str) -> AgentOS:
    """With the framework's own spans off, behind something that joins the trace of a request's `traceparent`."""
    app = FastAPI(telemetry={"tracing": False})
    app.add_middleware(_JoinTrace)
    return _build(db_file, base_app=app)


class _JoinTrace:
    """ASGI middleware, as instrumentations of web servers have one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode("latin-1") for name, value in scope.get("headers", ())}
        token = context.attach(propagate.extract(headers))
        try:
            await self._app(scope, receive, send)
        finally:
            context.detach(token)


def build_untraced(db_file: str) -> AgentOS:
    return _build(db_file, tracing=False)


def _build(db_file: str, **options: Any) -> AgentOS:
    # The tracer knows the models that it finds in agno.models, and no others.
    agno.models.base.ScriptedModel = ScriptedModel  # type: ignore[attr-defined]  # a script stands in for a provider
    db = SqliteDb(db_file=db_file, id="traced-db")

    def agent(id: str, script: Script, **settings: Any) -> Agent:
        return Agent(id=id, name=id.replace("-", " ").title(), db=db, model=model(script), **settings)

    look_up = agent("look-up", tool_caller("lookup", term="honey"), tools=[lookup])
    return AgentOS(
        id="traced",
        db=db,
        agents=[
            agent("echo", echo),
            look_up,
            agent("tool-fail", tool_caller("explode", reason="bad day"), tools=[explode]),
            agent("broken", failing_script),
            agent("slow", slow),
            agent("asker", tool_caller("deploy", env="prod"), tools=[deploy]),
        ],
        teams=[Team(id="pair", name="Pair", db=db, model=model(team_leader), members=[agent("team-writer", echo)])],
        workflows=[
            Workflow(
                id="two-steps",
                name="Two Steps",
                db=db,
                steps=[Step(name="handle", executor=function_step), Step(name="find it", agent=look_up)],
            )
        ],
        telemetry=False,
        **({"tracing": True} | options),
    )


def build_stored(db_file: str) -> AgentOS:
    """An AgentOS with traces of its agent from yesterday on: one that lasts, then three that began in one moment."""
    db = SqliteDb(db_file=db_file, id="stored-db")
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    for number, (start, lasts) in enumerate([(0, 600), (1, 1), (1, 2), (1, 3), (5, 1), (6, 60)]):
        started = begun + timedelta(seconds=start)
        db.upsert_trace(
            Trace(
                trace_id=f"{number:032x}",
                name="Echo.run",
                status="OK",
                start_time=started,
                end_time=started + timedelta(seconds=lasts),
                duration_ms=lasts * 1000,
                total_spans=0,
                error_count=0,
                run_id=f"run-{number}",
                session_id="stored",
                user_id=None,
                agent_id="echo",
                team_id=None,
                workflow_id=None,
                created_at=started,
            )
        )
    return AgentOS(id="stored", db=db, agents=[Agent(id="echo", db=db, model=model(echo))], telemetry=False)
