"""An AgentOS whose tool fails for the region "north", and for each region "...-once" but the first time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agno.agent import Agent
from agno.os import AgentOS
from agno.tools import tool
from agno.workflow import Step, Workflow
from agno.workflow.types import StepInput, StepOutput

from agentos_mcp.demo.scripted_model import ModelOutput, ScriptedModel, ToolCall, Turn, stream_words
from tests._support.agentos.storage import storage

REASON = "the table of north is locked"


_fetched: set[str] = set()


@tool
def fetch_sales(region: str) -> str:
    """Fetch the sales of a region."""
    if region == "north" or (region.endswith("-once") and region in _fetched):
        raise RuntimeError(REASON)
    _fetched.add(region)
    return f"{region}: 12 kettles"


def analyst(turn: Turn) -> Iterable[ModelOutput]:
    if turn.tool_results:
        yield f"the sales: {turn.tool_results[-1]}"
    else:
        yield ToolCall("fetch_sales", {"region": turn.user_message.split()[-1]})


def check(step_input: StepInput) -> StepOutput:
    if "locked" in str(step_input.previous_step_content):
        raise RuntimeError("there are no sales to report")
    return StepOutput(content="checked")


def build(db_file: str) -> AgentOS:
    db, queue = storage(db_file, "regressing-db")

    def model(script: Any) -> ScriptedModel:
        return ScriptedModel(script=script)

    seller = Agent(id="analyst", name="Analyst", db=db, model=model(analyst), tools=[fetch_sales])
    writer = Agent(id="writer", name="Writer", model=model(lambda turn: stream_words("a fine report")))
    workflow = Workflow(
        id="sales-report",
        name="Sales Report",
        db=db,
        steps=[
            Step(name="fetch", agent=seller),
            Step(name="check", executor=check, max_retries=0, skip_on_failure=True),
            Step(name="write", agent=writer),
        ],
    )
    return AgentOS(id="regressing", agents=[seller, writer], workflows=[workflow], db=db, queue=queue, telemetry=False)
