"""An AgentOS whose agents lie in two databases."""

from __future__ import annotations

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS

from tests.live.zoo import echo, model


def build(db_file: str) -> AgentOS:
    first = SqliteDb(db_file=db_file, id="first-db")
    second = SqliteDb(db_file=f"{db_file}-second", id="second-db")
    return AgentOS(
        id="two",
        agents=[
            Agent(id="one", name="One", db=first, model=model(echo), update_memory_on_run=True),
            Agent(id="two", name="Two", db=second, model=model(echo), update_memory_on_run=True),
        ],
        telemetry=False,
    )
