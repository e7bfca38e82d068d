"""An AgentOS whose components have inputs of every shape, in two versions: the second has one agent more."""

from __future__ import annotations

from typing import Any, Literal

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.factory import RequestContext
from agno.os import AgentOS
from agno.workflow import Step, Workflow, WorkflowFactory
from agno.workflow.types import StepInput, StepOutput
from pydantic import BaseModel, Field

from tests._support.agentos.sample import echo, model


class Place(BaseModel):
    city: str
    country: str = "Japan"


class Trip(BaseModel):
    place: Place
    days: int = Field(default=3, ge=1, le=9, description="How long")
    pace: Literal["slow", "fast"] = "slow"
    budget: float | None = None
    tags: list[str] = []
    session_id: str = "none"


def told(step_input: StepInput) -> StepOutput:
    return StepOutput(content=f"planned {step_input.input!r}")


def build(db_file: str) -> AgentOS:
    return _build(db_file, [])


def build_grown(db_file: str) -> AgentOS:
    return _build(db_file, [Agent(id="late-comer", name="Late Comer", model=model(echo))])


def _build(db_file: str, more: list[Any]) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="exposed-db")

    def build_trip(ctx: RequestContext) -> Workflow:
        def step(step_input: StepInput) -> StepOutput:
            return StepOutput(content=f"{step_input.input} with {ctx.input!r}")

        return Workflow(name="Made", db=db, steps=[Step(name="make", executor=step)])

    return AgentOS(
        id="exposed",
        db=db,
        agents=[
            Agent(id="writer", name="Writer", description="Writes what it is told.", db=db, model=model(echo)),
            Agent(id="日本 Café", name="Café", db=db, model=model(echo)),
            Agent(id="run-agent", name="Run Agent", db=db, model=model(echo)),
            Agent(id="x" * 60, name="Long", db=db, model=model(echo)),
            *more,
        ],
        workflows=[
            Workflow(
                id="plan-trip",
                name="Plan Trip",
                description="Plans a trip.",
                db=db,
                input_schema=Trip,
                steps=[Step(name="plan", executor=told)],
            ),
            WorkflowFactory(id="make-trip", name="Make Trip", db=db, factory=build_trip, input_schema=Trip),
            Workflow(id="writer", name="Writer Flow", db=db, steps=[Step(name="tell", executor=told)]),
        ],
        telemetry=False,
    )
