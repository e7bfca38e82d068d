"""A real AgentOS of several users: open to whoever asks, or behind JWTs, with or without isolation of users."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import agno.models.base
from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.fs import FileSystem
from agno.knowledge import Knowledge
from agno.os import AgentOS
from agno.os.authz import Authorization
from agno.team import Team
from agno.workflow import Step, Workflow
from fastapi import FastAPI

from agentos_mcp.demo.scripted_model import Delay, ModelOutput, Script, ScriptedModel, Turn
from agentos_mcp.demo.vector_db import HashedEmbedder, InMemoryVectorDb
from tests._support.agentos.pausing import deploy, pay, tool_caller
from tests._support.agentos.sample import echo

JWT_KEY = "a key of the tests that is long enough"
SECRET = "zebraquartz"
"""What alice says everywhere, and nobody else may read."""
ISOLATED_VARIABLE = "USERS_ISOLATED"
AUTHORIZED_VARIABLE = "USERS_AUTHORIZED"
"""Behind JWTs, without isolation: whoever may read sessions reads those of everybody."""


def lasting(turn: Turn) -> Iterable[ModelOutput]:
    """Goes on for longer than any test looks at it."""
    yield "on and on: " + turn.user_message
    yield Delay(600)


def build(db_file: str) -> AgentOS:
    # The tracer knows the models that it finds in agno.models, and no others.
    agno.models.base.ScriptedModel = ScriptedModel  # type: ignore[attr-defined]  # a script stands in for a provider
    db = SqliteDb(db_file=db_file, id="users-db")

    def agent(id: str, script: Script, *tools: Any, **more: Any) -> Agent:
        return Agent(id=id, name=id.title(), db=db, model=ScriptedModel(script=script), tools=[*tools], **more)

    deployer = agent("deployer", tool_caller("deploy"), deploy)
    diaries = FileSystem(db=db, namespace="diaries", user_scoped=True)
    diaries.partition("alice").write("today.md", f"{SECRET} is hidden here")
    more: dict[str, Any] = {}
    isolated = bool(os.environ.get(ISOLATED_VARIABLE))
    if isolated or os.environ.get(AUTHORIZED_VARIABLE):
        authorization = Authorization(verification_keys=[JWT_KEY], algorithm="HS256")
        more = {"authorization": authorization, "user_isolation": isolated}
    return AgentOS(
        id="users",
        agents=[
            agent("echo", echo),
            deployer,
            agent("payer", tool_caller("pay"), pay),
            agent("lasting", lasting),
            agent("keeper", echo, filesystem=diaries),
        ],
        teams=[Team(id="boss", name="Boss", db=db, model=ScriptedModel(script=echo), members=[agent("member", echo)])],
        workflows=[Workflow(id="ship", name="Ship", db=db, steps=[Step(name="ship", agent=deployer)])],
        knowledge=[Knowledge(name="Facts", vector_db=InMemoryVectorDb(embedder=HashedEmbedder()), contents_db=db)],
        db=db,
        tracing=True,
        base_app=FastAPI(telemetry={"tracing": False}),
        telemetry=False,
        **more,
    )
