"""An AgentOS whose agents learn and keep files, with components that are stored as data, in two databases."""

from __future__ import annotations

import os
from typing import Any

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.fs import FileSystem
from agno.learn import LearningMachine, LearningMode, UserMemoryConfig
from agno.os import AgentOS
from agno.os.authz import Authorization
from agno.os.interfaces.base import BaseInterface
from agno.registry import Registry
from agno.team import Team
from agno.tools.reasoning import ReasoningTools
from agno.workflow import Step, Workflow
from fastapi import APIRouter

from agentos_mcp.demo.scripted_model import fixed_reply, stream_words
from tests._support.agentos.sample import LaunchInput, deploy, echo, lookup, model

JWT_KEY_VARIABLE = "STUDIO_JWT_KEY"
"""With it set, the studio takes only tokens that are signed with it (HS256)."""

LONG_FILE = "".join(f"line {number} of the plan\n" for number in range(4000))


class Doorbell(BaseInterface):
    type = "doorbell"
    version = "1"
    prefix = "/doorbell"

    def get_router(self, use_async: bool = True, **_: Any) -> APIRouter:
        return APIRouter(prefix=self.prefix)


def build(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="studio-db")
    attic = SqliteDb(db_file=f"{db_file}-attic", id="attic-db")

    notes = FileSystem(db=db, namespace="team/notes")
    notes.write("diary/monday.md", "Planted honey trees.\nFed the cat.\n")
    notes.write("diary/tuesday.md", f"{'A long day. ' * 40}Honey for tea.{' And so to bed.' * 40}\n")
    notes.write("plan.md", LONG_FILE)
    notes.write("empty.md", "")
    diaries = FileSystem(db=db, namespace="diaries", user_scoped=True)
    for user in ("ann", "bob"):
        diaries.partition(user).write("today.md", f"{user} hid the honey")

    keeper = Agent(id="keeper", name="Note Keeper", db=db, model=model(echo), filesystem=notes)
    agents: list[Any] = [
        keeper,
        Agent(
            id="drafter",
            name="Drafter",
            db=db,
            model=model(echo),
            filesystem=[FileSystem(db=db, namespace="drafts"), notes],
        ),
        Agent(id="diarist", name="Diarist", db=db, model=model(echo), filesystem=diaries),
        Agent(id="plain", name="Plain", db=attic, model=model(echo)),
        Agent(
            id="learner",
            name="Learner",
            db=db,
            model=model(lambda turn: stream_words(str(turn.messages[0].content))),
            learning=LearningMachine(db=db, user_memory=UserMemoryConfig(mode=LearningMode.AGENTIC)),
        ),
    ]
    _store_components(db)
    key = os.environ.get(JWT_KEY_VARIABLE)
    return AgentOS(
        id="studio",
        name="Studio",
        version="7.2",
        agents=agents,
        db=db,
        interfaces=[Doorbell()],
        registry=Registry(
            name="parts", tools=[lookup, deploy, ReasoningTools()], models=[model(echo)], schemas=[LaunchInput]
        ),
        authorization=Authorization(verification_keys=[key], algorithm="HS256") if key else False,
        telemetry=False,
    )


def _store_components(db: SqliteDb) -> None:
    """An agent in several versions, and a team and a workflow with it, each of which stores it anew."""
    writer = Agent(
        id="stored-writer",
        name="Stored Writer",
        description="Writes what is asked.",
        db=db,
        model=model(fixed_reply("written")),
        tools=[lookup, ReasoningTools()],
        instructions="Write slowly.",
    )
    writer.save(db=db, stage="draft", label="first try")
    writer.instructions = ["Write well.", "Never hurry."]
    writer.save(db=db, notes="Good enough for everyone.")
    Team(id="stored-pair", name="Stored Pair", db=db, model=model(echo), members=[writer]).save(db=db)
    Workflow(id="stored-flow", name="Stored Flow", db=db, steps=[Step(name="writing", agent=writer)]).save(db=db)
