"""A real AgentOS for many short runs: each execution of a tool or a step is in a ledger, nothing pauses for long.

A message names its run's tag (`tag-12x`), and may say for how long the model takes: `go, tag-12x, 0.4 seconds`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS
from agno.workflow import Step, Workflow

from agentos_mcp.demo.scripted_model import Delay, ModelOutput, ScriptedModel, ToolCall, Turn
from tests._support.agentos.pausing import LEDGER_VARIABLE, lookup, step_executor, tag_in

__all__ = ["ANSWER", "LEDGER_VARIABLE", "build"]

WORDS = tuple(f"w{number} " for number in range(8))
ANSWER = "".join(WORDS).strip()
"""What the agent answers, whatever it is asked."""
_SECONDS = re.compile(r"([\d.]+) seconds")


def counting_script(turn: Turn) -> Iterable[ModelOutput]:
    """Calls a tool that is in the ledger, then streams a few words over the time that the message gives."""
    if turn.requests_made == 0:
        yield ToolCall("lookup", {"tag": tag_in(turn)})
        return
    found = _SECONDS.search(turn.user_message)
    for word in WORDS:
        yield word
        if found:
            yield Delay(float(found[1]) / len(WORDS))


def build(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="soaked-db")
    counter = Agent(
        id="counter",
        name="Counter",
        db=db,
        model=ScriptedModel(script=counting_script),
        tools=[lookup],
        telemetry=False,
    )
    steps = [Step(name="first", executor=step_executor("first")), Step(name="count", agent=counter)]
    counts = Workflow(id="counts", name="Counts", db=db, steps=[*steps], telemetry=False)
    return AgentOS(id="soaked", agents=[counter], workflows=[counts], db=db, telemetry=False)
