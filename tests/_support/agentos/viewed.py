"""An AgentOS whose runs are looked at: slow enough to be seen, failed, paused and hostile, with traces."""

from __future__ import annotations

import agno.models.base
from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS
from agno.workflow import Step, Workflow
from fastapi import FastAPI

from agentos_mcp.demo.scripted_model import Script, ScriptedModel, stream_words
from tests._support.agentos.sample import deploy, failing_script, lookup, model, slow, tool_caller
from tests._support.view_samples import HOSTILE

STEPS = ("research", "write", "review")
STEP_SECONDS = 0.7


def build(db_file: str) -> AgentOS:
    # The tracer knows the models that it finds in agno.models, and no others.
    agno.models.base.ScriptedModel = ScriptedModel  # type: ignore[attr-defined]  # a script stands in for a provider
    db = SqliteDb(db_file=db_file, id="viewed-db")

    def agent(id: str, script: Script, **settings: object) -> Agent:
        return Agent(id=id, name=id.title(), db=db, model=model(script), telemetry=False, **settings)  # type: ignore[arg-type]  # a test's own

    def step(name: str) -> Step:
        writer = Agent(name="Writer", model=model(lambda turn: stream_words(f"{name} is done", STEP_SECONDS)))
        return Step(name=name, agent=writer)

    def workflow(id: str, *steps: Step) -> Workflow:
        return Workflow(id=id, name=id.title(), db=db, steps=list(steps), telemetry=False)

    looks_up = Step(name="look up", agent=Agent(name="Finder", model=model(_looks_up), tools=[lookup]))
    return AgentOS(
        id="viewed",
        db=db,
        agents=[
            agent("asker", tool_caller("deploy", env="prod"), tools=[deploy]),
            agent("broken", failing_script),
            agent("hostile", lambda turn: stream_words(HOSTILE + "x" * 1_000_000)),
            agent("slow", slow),
        ],
        workflows=[workflow("pipeline", *map(step, STEPS)), workflow("finds", looks_up)],
        base_app=FastAPI(telemetry={"tracing": False}),
        telemetry=False,
        tracing=True,
    )


_looks_up = tool_caller("lookup", term="honey")
