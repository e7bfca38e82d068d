"""The AgentOS of the benchmarks: it streams words at a known speed and stores its runs in SQLite."""

from __future__ import annotations

import os
from collections.abc import Iterable

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS
from agno.workflow import Step, Workflow

from agentos_mcp.demo.scripted_model import ModelOutput, ScriptedModel, Turn, stream_words

OWN_MCP_VARIABLE = "BENCHMARK_OWN_MCP"
"""Environment variable: serve AgentOS's own /mcp too (it needs fastmcp)."""

LAST_WORD_OF_STEP = "finis"
"""The last word of a step's answer."""


def stream_message(turn: Turn) -> Iterable[ModelOutput]:
    """ "50 1.5" streams 50 words over 1.5 seconds."""
    words, seconds = turn.user_message.split()[:2]
    yield from stream_words(" ".join(f"word{number}" for number in range(int(words))), float(seconds))


def stream_step(turn: Turn) -> Iterable[ModelOutput]:
    """A step streams for half a second: a third of the workflow."""
    yield from stream_words(
        f"a few words that a step of a workflow may say before the next one {LAST_WORD_OF_STEP}", 0.5
    )


def build(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="benchmark-db")
    streamer = Agent(id="streamer", name="Streamer", db=db, model=ScriptedModel(script=stream_message))
    steps = [
        Step(name=name, agent=Agent(name=name.title(), model=ScriptedModel(script=stream_step)))
        for name in ("gather", "write", "review")
    ]
    workflow = Workflow(id="three-steps", name="Three Steps", db=db, steps=list(steps))
    return AgentOS(
        id="benchmarks",
        agents=[streamer],
        workflows=[workflow],
        db=db,
        mcp=bool(os.environ.get(OWN_MCP_VARIABLE)),
        telemetry=False,
    )
