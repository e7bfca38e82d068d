"""AgentOSes that start, but have a broken database or no components."""

from __future__ import annotations

from pathlib import Path

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.knowledge import Knowledge
from agno.os import AgentOS

from agentos_mcp.demo.vector_db import HashedEmbedder, InMemoryVectorDb
from tests._support.agentos.sample import echo, model


def build_with_broken_database(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="spoiled-db")
    agent_os = AgentOS(id="spoiled", agents=[Agent(id="echo", name="Echo", db=db, model=model(echo))], telemetry=False)
    Path(db_file).write_bytes(b"This is text, and no longer a database. " * 100)
    return agent_os


def build_without_components(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="empty-db")
    knowledge = Knowledge(name="Facts", vector_db=InMemoryVectorDb(embedder=HashedEmbedder()), contents_db=db)
    return AgentOS(id="empty", knowledge=[knowledge], db=db, telemetry=False)
