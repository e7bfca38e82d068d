"""A real AgentOS that runs its scheduler. It has to know its own port: PORT_VARIABLE names it."""

from __future__ import annotations

import functools
import os
from typing import Any

import agno.scheduler
import agno.scheduler.cron
from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS
from agno.scheduler import ScheduleExecutor
from agno.workflow import Step, Workflow

from agentos_mcp.demo.scripted_model import Script, ScriptedModel
from tests._support.agentos.sample import (
    HOSTILE_IDS,
    broken_step,
    deploy,
    echo,
    failing_script,
    thinking_script,
    tool_caller,
)

PORT_VARIABLE = "SCHEDULING_PORT"


def build(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="scheduling-db")

    def agent(id: str, script: Script, **more: Any) -> Agent:
        return Agent(id=id, name=id.title(), db=db, model=ScriptedModel(script=script), telemetry=False, **more)

    agents = [
        agent("echo", echo),
        agent("thinker", thinking_script),
        agent("broken", failing_script),
        agent("confirmer", tool_caller("deploy", env="prod"), tools=[deploy]),
        *(agent(hostile, echo) for hostile in HOSTILE_IDS),
    ]
    # AgentOS looks after a run that it has started every 30 s, and has no setting for that.
    retry: Any = agno.scheduler
    retry.ScheduleExecutor = functools.partial(ScheduleExecutor, poll_interval=1)
    return AgentOS(
        id="scheduling",
        agents=[*agents],
        workflows=[
            Workflow(id="short", name="Short", db=db, steps=[Step(name="only", agent=agents[0])]),
            Workflow(
                id="stumbling",
                name="Stumbling",
                db=db,
                steps=[
                    Step(name="bad", executor=broken_step, skip_on_failure=True, max_retries=0),
                    Step(name="only", agent=agents[0]),
                ],
            ),
        ],
        db=db,
        scheduler=True,
        scheduler_poll_interval=1,
        scheduler_base_url=f"http://127.0.0.1:{os.environ[PORT_VARIABLE]}",
        telemetry=False,
    )


def build_without_croniter(db_file: str) -> AgentOS:
    """An AgentOS that was installed without what reads cron expressions."""
    missing: Any = agno.scheduler.cron
    missing.croniter = None
    idler = Agent(id="idler", model=ScriptedModel(script=echo), telemetry=False)
    return AgentOS(id="unscheduled", agents=[idler], db=SqliteDb(db_file=db_file, id="unscheduled-db"), telemetry=False)
