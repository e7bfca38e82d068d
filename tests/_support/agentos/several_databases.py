"""AgentOSes whose agents lie in several databases."""

from __future__ import annotations

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.knowledge import Knowledge
from agno.os import AgentOS

from agentos_mcp.demo.vector_db import HashedEmbedder, InMemoryVectorDb
from tests._support.agentos.sample import echo, model


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


def build_many(db_file: str) -> AgentOS:
    """Three agents in two databases, one of which has two names, and a knowledge base in a third one."""

    def agent(id: str, db: SqliteDb) -> Agent:
        return Agent(id=id, name=id.title(), db=db, model=model(echo))

    second = f"{db_file}-second"
    shelf = SqliteDb(db_file=f"{db_file}-shelf", id="shelf-db")
    return AgentOS(
        id="many",
        agents=[
            agent("one", SqliteDb(db_file=db_file, id="first-db")),
            agent("two", SqliteDb(db_file=second, id="second-db")),
            agent("three", SqliteDb(db_file=second, id="second-db-again")),
        ],
        knowledge=[Knowledge(name="Shelf", contents_db=shelf, vector_db=InMemoryVectorDb(embedder=HashedEmbedder()))],
        telemetry=False,
    )
