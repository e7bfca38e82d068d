"""An AgentOS that traces: with its web framework's spans around those of runs, and without."""

from __future__ import annotations

from typing import Any

import agno.models.base
from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS
from agno.team import Team
from agno.workflow import Step, Workflow
from fastapi import FastAPI

from agentos_mcp.demo.model import Script, ScriptedModel
from tests.live.zoo import calling, deploy, echo, explode, failing, function_step, leader, lookup, model


def build(db_file: str) -> AgentOS:
    """As it comes: every request is a trace, and runs lie inside."""
    return _build(db_file)


def build_named(db_file: str) -> AgentOS:
    """With the framework's own spans off, so that traces have the ids of runs."""
    return _build(db_file, base_app=FastAPI(telemetry={"tracing": False}))


def build_untraced(db_file: str) -> AgentOS:
    return _build(db_file, tracing=False)


def _build(db_file: str, **options: Any) -> AgentOS:
    # The tracer knows the models that it finds in agno.models, and no others.
    agno.models.base.ScriptedModel = ScriptedModel  # type: ignore[attr-defined]
    db = SqliteDb(db_file=db_file, id="traced-db")

    def agent(id: str, script: Script, **settings: Any) -> Agent:
        return Agent(id=id, name=id.replace("-", " ").title(), db=db, model=model(script), **settings)

    look_up = agent("look-up", calling("lookup", term="honey"), tools=[lookup])
    return AgentOS(
        id="traced",
        db=db,
        agents=[
            agent("echo", echo),
            look_up,
            agent("tool-fail", calling("explode", reason="bad day"), tools=[explode]),
            agent("broken", failing),
            agent("asker", calling("deploy", env="prod"), tools=[deploy]),
        ],
        teams=[Team(id="pair", name="Pair", db=db, model=model(leader), members=[agent("team-writer", echo)])],
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
