"""An AgentOS whose workflow of two steps writes as much as such workflows do."""

from __future__ import annotations

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS
from agno.workflow import Step, Workflow

from agentos_mcp.demo.scripted_model import stream_words
from tests._support.agentos.sample import model

ESSAY = "\n\n".join(
    f"Part {number}. " + "Green tea wants water that has cooled a little, and two minutes of patience. " * 5
    for number in range(1, 7)
).strip()
"""2.3 KB."""


def build(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="lengthy-db")
    writer, editor = (
        Agent(name=name, db=db, model=model(lambda turn: stream_words(ESSAY)), telemetry=False)
        for name in ("Writer", "Editor")
    )
    steps = [Step(name="write", agent=writer), Step(name="edit", agent=editor)]
    essay = Workflow(id="essay", name="Essay", db=db, steps=[*steps], telemetry=False)
    return AgentOS(id="lengthy", workflows=[essay], db=db, telemetry=False)
