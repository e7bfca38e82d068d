"""The AgentOS under the benchmarks: it streams words at a known speed and stores its runs in SQLite."""

from __future__ import annotations

import os
from collections.abc import Iterable

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS
from agno.workflow import Step, Workflow

from agentos_mcp.demo.scripted_model import Beat, ScriptedModel, Turn, say

OWN_MCP = "BENCHMARK_OWN_MCP"
"""Set in the environment: serve AgentOS's own /mcp too (it needs fastmcp)."""

LAST_OF_A_STEP = "finis"
"""A step's last word."""


def stream(turn: Turn) -> Iterable[Beat]:
    """ "50 1.5" streams 50 words over 1.5 seconds."""
    words, seconds = turn.last_user.split()[:2]
    yield from say(" ".join(f"word{number}" for number in range(int(words))), float(seconds))


def third(turn: Turn) -> Iterable[Beat]:
    """A step's share of a workflow's 1.5 seconds."""
    yield from say(f"a few words that a step of a workflow may say before the next one {LAST_OF_A_STEP}", 0.5)


def build(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="benchmark-db")
    streamer = Agent(id="streamer", name="Streamer", db=db, model=ScriptedModel(script=stream))
    steps = [
        Step(name=name, agent=Agent(name=name.title(), model=ScriptedModel(script=third)))
        for name in ("gather", "write", "review")
    ]
    workflow = Workflow(id="three-steps", name="Three Steps", db=db, steps=list(steps))
    return AgentOS(
        id="benchmarks",
        agents=[streamer],
        workflows=[workflow],
        db=db,
        mcp=bool(os.environ.get(OWN_MCP)),
        telemetry=False,
    )
