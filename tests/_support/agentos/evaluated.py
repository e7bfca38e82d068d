"""An AgentOS whose agents are evaluated: their scripted model answers, and judges when it is asked to."""

from __future__ import annotations

from collections.abc import Iterable

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS
from agno.team import Team

from agentos_mcp.demo.scripted_model import ModelOutput, Turn
from tests._support.agentos.sample import echo, explode, failing_script, lookup, model, slow, team_leader, tool_caller


def fair(turn: Turn) -> Iterable[ModelOutput]:
    """Answers with what it is told; as a judge it likes "good" answers."""
    task = str(turn.messages[0].content)
    good = "good" in turn.user_message
    if "accuracy" in task.casefold() and "expert judge" in task:
        yield f'{{"accuracy_score": {9 if good else 2}, "accuracy_reason": "{"It is good" if good else "It is bad"}."}}'
    elif "expert evaluator" in task and "Scoring (1-10)" in task:
        yield f'{{"score": {8 if good else 3}, "reason": "{"Fine" if good else "Poor"} words."}}'
    elif "expert evaluator" in task:
        yield f'{{"passed": {str(good).lower()}, "reason": "{"Fine" if good else "Poor"} words."}}'
    else:
        yield from echo(turn)


def build(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="judged-db")

    member = Agent(id="team-writer", name="Team Writer", model=model(echo))
    return AgentOS(
        id="judged",
        db=db,
        agents=[
            Agent(id="fair", name="Fair Judge", db=db, model=model(fair)),
            Agent(id="echo", name="Echo", db=db, model=model(echo)),
            Agent(id="timed", name="Timed", db=db, model=model(echo)),
            Agent(id="slow", name="Slow", db=db, model=model(slow)),
            Agent(id="broken", name="Broken", db=db, model=model(failing_script)),
            Agent(id="tooler", name="Tooler", db=db, model=model(tool_caller("lookup", term="honey")), tools=[lookup]),
            Agent(
                id="fails", name="Fails", db=db, model=model(tool_caller("explode", reason="bad day")), tools=[explode]
            ),
        ],
        teams=[Team(id="pair", name="Pair", db=db, model=model(team_leader), members=[member])],
        telemetry=False,
    )
