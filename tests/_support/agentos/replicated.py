"""A real AgentOS for several workers on one PostgreSQL database: what it executes is in a ledger.

DATABASE_VARIABLE names the database; REDIS_VARIABLE a Redis that the workers share, if they do; with
QUEUE_VARIABLE its background runs ride a durable queue, which takes up what a dead worker held after so many seconds.
Every execution is a line in the file that LEDGER_VARIABLE names: `lookup tag-1f2e`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from agno.agent import Agent
from agno.db.postgres import PostgresDb
from agno.job_queue import QueueConfig
from agno.os import AgentOS
from agno.workflow import Step, Workflow
from agno.workflow.types import HumanReview

from agentos_mcp.demo.scripted_model import ModelOutput, ScriptedModel, ToolCall, Turn, stream_words
from tests._support.agentos.pausing import LEDGER_VARIABLE, lookup, step_executor, tag_in
from tests._support.agentos.sample import slow

__all__ = ["LEDGER_VARIABLE", "build"]

DATABASE_VARIABLE = "REPLICATED_DATABASE"
REDIS_VARIABLE = "REPLICATED_REDIS"
QUEUE_VARIABLE = "REPLICATED_QUEUE_GRACE"
PACE_VARIABLE = "REPLICATED_SECONDS"
"""How long the agent `counter` streams after it has looked something up."""


def counting_script(turn: Turn) -> Iterable[ModelOutput]:
    """Calls a tool that is in the ledger, then streams forty words."""
    if turn.requests_made == 0:
        yield ToolCall("lookup", {"tag": tag_in(turn)})
    else:
        words = " ".join(f"w{number}" for number in range(40))
        yield from stream_words(words, float(os.environ.get(PACE_VARIABLE, "0.3")))


def build(_: str) -> AgentOS:
    db = PostgresDb(db_url=os.environ[DATABASE_VARIABLE], id="replicated-db")
    grace, redis = os.environ.get(QUEUE_VARIABLE), os.environ.get(REDIS_VARIABLE)
    agents = [
        Agent(
            id="counter",
            name="Counter",
            db=db,
            model=ScriptedModel(script=counting_script),
            tools=[lookup],
            telemetry=False,
        ),
        Agent(id="slow", name="Slow", db=db, model=ScriptedModel(script=slow), telemetry=False),
    ]

    def step(name: str, **review: Any) -> Step:
        return Step(name=name, executor=step_executor(name), human_review=HumanReview(**review) if review else None)

    gated = Workflow(
        id="gated",
        name="Gated",
        db=db,
        steps=[step("first"), step("gate", requires_confirmation=True, on_reject="skip"), step("last")],
        telemetry=False,
    )
    return AgentOS(
        id="replicated",
        agents=[*agents],
        workflows=[gated],
        db=db,
        queue=QueueConfig(
            durable=grace is not None, redis=redis or None, max_concurrency=16, lock_grace_seconds=int(grace or 60)
        ),
        telemetry=False,
    )
