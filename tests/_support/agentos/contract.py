"""An AgentOS that every supported agno can build: one component for each thing that a request can be about.

It also runs in environments that hold agno and nothing of ours but this repository's files.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agno.agent import Agent
from agno.approval import approval
from agno.db.sqlite import SqliteDb
from agno.knowledge.knowledge import Knowledge
from agno.knowledge.remote_content.base import ListFilesResult
from agno.knowledge.remote_content.s3 import S3Config
from agno.os import AgentOS
from agno.registry import Registry
from agno.team import Team
from agno.tools import tool
from agno.workflow import Step, Workflow
from fastapi import FastAPI
from pydantic import BaseModel

from agentos_mcp.demo.scripted_model import Delay, ModelOutput, Script, ScriptedModel, ToolCall, Turn, fixed_reply
from agentos_mcp.demo.vector_db import HashedEmbedder, InMemoryVectorDb
from tests._support.agno_environments import PORT_VARIABLE

JWT_KEY_VARIABLE = "CONTRACT_JWT_KEY"
ISOLATED_VARIABLE = "CONTRACT_ISOLATED"


class Brief(BaseModel):
    product: str


@tool(requires_confirmation=True)
def deploy(env: str) -> str:
    """Deploy to an environment."""
    return f"deployed to {env}"


@tool(requires_confirmation=True)
@approval
def pay(amount: str) -> str:
    """Pay an amount, once an admin says so."""
    return f"paid {amount}"


@tool(requires_user_input=True, user_input_fields=["amount"])
@approval
def refund(amount: str) -> str:
    """Pay back an amount that an admin names."""
    return f"paid back {amount}"


def lookup(term: str) -> str:
    """Look a term up."""
    return f"{term} is a fine thing"


def echo(turn: Turn) -> Iterable[ModelOutput]:
    yield f"echo: {turn.user_message}"


def slow(turn: Turn) -> Iterable[ModelOutput]:
    yield "one "
    yield Delay(0.7)
    yield "two"


def judge(turn: Turn) -> Iterable[ModelOutput]:
    """Finds everything good, in each of the forms in which it is asked."""
    task = str(turn.messages[0].content)
    if "expert judge" in task:
        yield '{"accuracy_score": 9, "accuracy_reason": "It is good."}'
    elif "expert evaluator" in task and "Scoring (1-10)" in task:
        yield '{"score": 8, "reason": "Fine words."}'
    elif "expert evaluator" in task:
        yield '{"passed": true, "reason": "Fine words."}'
    else:
        yield from echo(turn)


def calling(name: str, **args: str) -> Script:
    def script(turn: Turn) -> Iterable[ModelOutput]:
        if turn.tool_results:
            yield f"the tool said: {turn.tool_results[-1]}"
        else:
            yield ToolCall(name, args)

    return script


class Shelf(S3Config):
    """A remote source that lists one file, and cannot be reached to read it."""

    async def alist_files(
        self, prefix: str | None = None, delimiter: str = "/", limit: int = 100, page: int = 1
    ) -> ListFilesResult:
        file = {
            "key": "guides/one.txt",
            "name": "one.txt",
            "size": 10,
            "last_modified": datetime(2026, 1, 1, tzinfo=UTC),
            "content_type": "text/plain",
        }
        return ListFilesResult(files=[file], folders=[], page=page, limit=limit, total_count=1, total_pages=1)


def build(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="contract-db")

    def agent(id: str, script: Script, **more: Any) -> Agent:
        return Agent(id=id, name=id.title(), db=db, model=ScriptedModel(script=script), telemetry=False, **more)

    knowledge = Knowledge(
        name="Facts",
        vector_db=InMemoryVectorDb(embedder=HashedEmbedder()),
        contents_db=db,
        content_sources=[Shelf(id="shelf", name="Shelf", bucket_name="shelf")],
    )
    knowledge.insert(name="giraffe", text_content="A giraffe sleeps two hours a day.", metadata={"kind": "mammal"})
    leaflets = Path(db_file).parent / "leaflets"
    leaflets.mkdir()
    (leaflets / "trees.txt").write_text("Trees grow slowly.", encoding="utf-8")
    knowledge.insert(name="leaflets", path=str(leaflets))
    speaker = agent("echo", echo, description="Repeats what it is told.", **_filesystem(db))
    one, two = (Agent(name=name, model=ScriptedModel(script=fixed_reply(f"{name} words"))) for name in ("One", "Two"))

    def pair(id: str, script: Script = echo) -> Team:
        return Team(id=id, name=id.title(), db=db, model=ScriptedModel(script=script), members=[one], telemetry=False)

    def two_steps(id: str) -> Workflow:
        steps = [Step(name="one", agent=one), Step(name="two", agent=two)]
        return Workflow(id=id, name=id.title(), db=db, steps=[*steps], telemetry=False)

    asker = agent("asker", calling("deploy", env="prod"), tools=[deploy])
    _store_components(db)
    return AgentOS(
        id="contract",
        agents=[
            speaker,
            asker,
            agent("payer", calling("pay", amount="5"), tools=[pay]),
            agent("refunder", calling("refund"), tools=[refund]),
            agent("slow", slow),
            agent("judge", judge),
            agent("tooler", calling("lookup", term="honey"), tools=[lookup]),
            *_factories("agent", "AgentFactory", db, lambda: agent("made", echo)),
        ],
        teams=[
            pair("pair"),
            pair("slow", slow),
            Team(
                id="asking-pair",
                name="Asking Pair",
                db=db,
                model=ScriptedModel(script=calling("deploy", env="prod")),
                members=[one],
                tools=[deploy],
                telemetry=False,
            ),
            *_factories("team", "TeamFactory", db, lambda: pair("made")),
        ],
        workflows=[
            two_steps("two-steps"),
            Workflow(
                id="slow", name="Slow", db=db, steps=[Step(name="slow", agent=agent("slow", slow))], telemetry=False
            ),
            Workflow(id="asks", name="Asks", db=db, steps=[Step(name="publish", agent=asker)], telemetry=False),
            *_factories("workflow", "WorkflowFactory", db, lambda: two_steps("made")),
        ],
        knowledge=[knowledge],
        db=db,
        registry=Registry(name="parts", tools=[lookup], models=[ScriptedModel(script=echo)]),
        scheduler=True,
        scheduler_base_url=f"http://127.0.0.1:{os.environ[PORT_VARIABLE]}",
        tracing=True,
        # Without the web framework's own spans a trace is a run's, and can be asked for by what it is of.
        base_app=FastAPI(telemetry={"tracing": False}),
        telemetry=False,
        **_authorization(),
    )


def _authorization() -> dict[str, Any]:
    """Behind JWTs where a key is set, with isolated users if that is asked for."""
    if not (key := os.environ.get(JWT_KEY_VARIABLE)):
        return {}
    authorization = importlib.import_module("agno.os.authz").Authorization(verification_keys=[key], algorithm="HS256")
    return {"authorization": authorization, "user_isolation": bool(os.environ.get(ISOLATED_VARIABLE))}


def _filesystem(db: SqliteDb) -> dict[str, Any]:
    """Files of an agent's own, where this agno has them."""
    if importlib.util.find_spec("agno.fs") is None:
        return {}
    files = importlib.import_module("agno.fs").FileSystem(db=db, namespace="notes")
    files.write("diary/monday.md", "Planted honey trees.\n")
    return {"filesystem": files}


def _factories(kind: str, name: str, db: SqliteDb, make: Callable[[], Any]) -> list[Any]:
    """A component that is built anew for every run, where this agno has such."""
    factory = getattr(importlib.import_module(f"agno.{kind}"), name, None)
    if factory is None:
        return []
    return [factory(id="made", name="Made", db=db, factory=lambda _: make(), input_schema=Brief)]


def _store_components(db: SqliteDb) -> None:
    """Components that are kept as data, and so have versions."""
    writer = Agent(id="stored", name="Stored", db=db, model=ScriptedModel(script=fixed_reply("stored")))
    writer.save(db=db)
    Team(id="stored-pair", name="Stored Pair", db=db, model=ScriptedModel(script=echo), members=[writer]).save(db=db)
    Workflow(id="stored-flow", name="Stored Flow", db=db, steps=[Step(name="writing", agent=writer)]).save(db=db)
