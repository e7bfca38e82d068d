"""An AgentOS as the two skills expect it: `my-agent`, and one workflow, whose id is in WORKFLOW_VARIABLE."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS
from agno.workflow import Step, Workflow

from agentos_mcp.demo import scripted_replies as scripts
from agentos_mcp.demo.components import calculate
from agentos_mcp.demo.scripted_model import ModelOutput, ScriptedModel, Turn

WORKFLOW_VARIABLE = "SKILLS_WORKFLOW"


def my_agent_script(turn: Turn) -> Iterable[ModelOutput]:
    """Answers with its instructions, with JSON, or as the demo's assistant does."""
    instructions = " ".join(str(message.content) for message in turn.messages if message.role == "system")
    if "greet" in turn.user_message.lower():
        yield f"I was told: {instructions}"
    elif "capital" in turn.user_message:
        yield '{"answer": "Paris", "confidence": 1}'
    else:
        yield from scripts.assistant(turn)


def build(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="skills-db")
    workflow_id = os.environ.get(WORKFLOW_VARIABLE) or "qa-workflow"
    options: dict[str, Any] = {"db": db, "telemetry": False}
    agent = Agent(
        id="my-agent",
        name="My Agent",
        model=ScriptedModel(script=my_agent_script),
        instructions="Call the robot {robot_name}.",
        tools=[calculate],
        add_history_to_context=True,
        **options,
    )
    workflow = Workflow(
        id=workflow_id,
        name=workflow_id.replace("-", " ").title(),
        description="Simple Q&A workflow",
        steps=[Step(name="Answer", agent=agent)],
        **options,
    )
    return AgentOS(id="skills", agents=[agent], workflows=[workflow], db=db, telemetry=False)
