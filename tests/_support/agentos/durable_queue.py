"""A real AgentOS with a durable queue, in the PostgreSQL that the variable DATABASE_VARIABLE names."""

from __future__ import annotations

import os
from collections.abc import Iterable

from agno.agent import Agent
from agno.db.postgres import PostgresDb
from agno.job_queue import QueueConfig
from agno.os import AgentOS
from agno.workflow import Step, Workflow

from agentos_mcp.demo.scripted_model import Delay, ModelOutput, Script, ScriptedModel, Turn
from tests._support.agentos.sample import echo, failing_script

DATABASE_VARIABLE = "QUEUEING_DATABASE"


def slow(turn: Turn) -> Iterable[ModelOutput]:
    """Takes as many seconds as its message says."""
    yield Delay(float(turn.user_message))
    yield "at last"


def build(_: str) -> AgentOS:
    db = PostgresDb(db_url=os.environ[DATABASE_VARIABLE], id="queueing-db")

    def agent(id: str, script: Script) -> Agent:
        return Agent(id=id, name=id.title(), db=db, model=ScriptedModel(script=script), telemetry=False)

    agents = [agent("echo", echo), agent("slow", slow), agent("broken", failing_script)]
    return AgentOS(
        id="queueing",
        agents=[*agents],
        workflows=[Workflow(id="short", db=db, steps=[Step(name="only", agent=agents[0])], telemetry=False)],
        db=db,
        queue=QueueConfig(durable=True, max_concurrency=2),
        telemetry=False,
    )
