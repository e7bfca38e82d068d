"""The AgentOS of the demo: its agents, team, workflows and knowledge base."""

import ast
import operator
import os
import re
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import agno.models.base
from agno.agent import Agent
from agno.approval import approval
from agno.db.sqlite import SqliteDb
from agno.factory import RequestContext
from agno.knowledge.knowledge import Knowledge
from agno.os import AgentOS
from agno.team import Team
from agno.tools import tool
from agno.tracing import setup_tracing
from agno.workflow import Step, Workflow
from agno.workflow.factory import WorkflowFactory
from fastapi import FastAPI
from pydantic import BaseModel, Field
from sqlalchemy import event

from agentos_mcp.demo import scripted_replies as scripts
from agentos_mcp.demo.articles import ARTICLES
from agentos_mcp.demo.history import store_history
from agentos_mcp.demo.host_process import PACE_VARIABLE, URL_VARIABLE
from agentos_mcp.demo.scripted_model import Script, ScriptedModel, Turn, stream_words
from agentos_mcp.demo.vector_db import InMemoryVectorDb

_OPERATIONS: dict[type[ast.AST], Callable[..., float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


def calculate(expression: str) -> str:
    """Evaluate an arithmetic expression.

    Args:
        expression: Numbers with + - * / // % ** and parentheses, for example "2 * (3 + 4)".
    """
    result = _evaluate(ast.parse(expression, mode="eval").body)
    return str(int(result)) if result == int(result) else f"{result:.10g}"


def _evaluate(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _OPERATIONS:
            return _OPERATIONS[type(op)](_evaluate(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            a, b = _evaluate(left), _evaluate(right)
            if isinstance(op, ast.Pow) and (abs(a) > 10_000 or abs(b) > 64):
                raise ValueError("that power is too large for this calculator")
            return _OPERATIONS[type(op)](a, b)
    raise ValueError("only numbers, + - * / // % ** and parentheses, please")


def today() -> str:
    """The date and the time of day, with the time zone."""
    return datetime.now().astimezone().strftime("%A, %d %B %Y, %H:%M %Z")


@tool(requires_confirmation=True)
def publish(title: str) -> str:
    """Publish a piece on the newsroom's bulletin, where everyone can read it.

    Args:
        title: The title of the piece.
    """
    slug = re.sub(r"[\W_]+", "-", title.lower()).strip("-")
    return f"Published “{title}” as /bulletin/{slug or 'untitled'}."


@tool(requires_confirmation=True)
@approval
def retract(title: str) -> str:
    """Take a piece off the newsroom's bulletin.

    Args:
        title: The title of the piece.
    """
    return f"Retracted “{title}”: it is off the bulletin."


class LaunchBrief(BaseModel):
    """What a launch plan is built from."""

    product: str = Field(min_length=1, max_length=80, description="What is to be launched.")
    audience: Literal["everyone", "developers", "designers", "teachers"] = Field(
        default="everyone", description="Whom it is for."
    )
    weeks: int = Field(default=2, ge=1, le=6, description="Weeks until the launch: one step for each.")


_LAUNCH_WEEKS = (
    ("Tell the story", "one sentence that {audience} would repeat, and a page that shows {product} at work"),
    ("Find the first ten", "ten of the {audience} to try {product}, and what they say, word for word"),
    ("Fix what they trip over", "the three things that stopped people from using {product}, gone"),
    ("Teach it", "a five-minute guide to {product}, written for {audience}"),
    ("Rehearse", "the whole launch of {product} played through once, with somebody asking awkward questions"),
    ("Go", "{product} in the open, and somebody there to answer {audience} all day"),
)


class Newsroom(NamedTuple):
    """The components of the demo."""

    agents: dict[str, Agent]
    team: Team
    pipeline: Workflow
    launch_plan: WorkflowFactory


def build_agent_os(db_file: str) -> AgentOS:
    """The demo's AgentOS, with its sessions, runs, memories and contents in the SQLite file `db_file`.

    A new file gets the newsroom's past few days.
    """
    is_new = not Path(db_file).exists()
    db = SqliteDb(db_file=db_file, id="demo-db")
    # A demo outlives no loss of power; waiting for the disk at every commit would double the time of a run.
    event.listen(db.db_engine, "connect", _do_not_wait_for_the_disk)
    archive = _newsroom_archive(db)
    newsroom = _newsroom(db, archive, pace=float(os.environ.get(PACE_VARIABLE) or 1.0))
    url = os.environ.get(URL_VARIABLE)
    # The tracer looks for models in agno's own modules only.
    agno.models.base.ScriptedModel = ScriptedModel  # type: ignore[attr-defined]  # it is not one of agno's
    # AgentOS by itself would write each span as it ends, on its event loop.
    setup_tracing(db, batch_processing=True, schedule_delay_millis=500)
    agent_os = AgentOS(
        id="demo-os",
        name="Newsroom Demo",
        description="A small newsroom whose models play from scripts: real AgentOS, no key, no network.",
        db=db,
        agents=[*newsroom.agents.values()],
        teams=[newsroom.team],
        workflows=[newsroom.pipeline, newsroom.launch_plan],
        knowledge=[archive],
        # A trace that began with the HTTP request would not have the run's id.
        base_app=FastAPI(title="Newsroom Demo", telemetry={"tracing": False}),
        tracing=True,
        scheduler=bool(url),
        scheduler_base_url=url,
        telemetry=False,
    )
    if is_new:
        unhurried = _newsroom(db, archive, pace=0)
        store_history(db, unhurried.agents, unhurried.team, unhurried.pipeline)
    return agent_os


def _do_not_wait_for_the_disk(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous = OFF").close()


def _newsroom(db: SqliteDb, archive: Knowledge, pace: float) -> Newsroom:
    def agent(id: str, script: Script, description: str, **options: Any) -> Agent:
        return Agent(
            id=id,
            name=id.capitalize(),
            description=description,
            model=ScriptedModel(script=script, pace=pace),
            db=db,
            telemetry=False,
            **options,
        )

    def launch_plan(context: RequestContext) -> Workflow:
        brief = context.input if isinstance(context.input, LaunchBrief) else LaunchBrief(product="it")
        steps = [
            Step(name=f"week-{number}", agent=agent("planner", _week_script(brief, number), "Plans a week."))
            for number in range(1, brief.weeks + 1)
        ]
        return Workflow(id="launch-plan", name="Launch Plan", db=db, steps=list(steps), telemetry=False)

    agents = [
        agent(
            "assistant",
            scripts.assistant,
            "General helper: does sums with a calculator, tells the date, and remembers the session. "
            "Also counts slowly ('count to 20'), or fails on request ('simulate an outage').",
            tools=[calculate, today],
            add_history_to_context=True,
            num_history_runs=20,
        ),
        agent(
            "librarian",
            scripts.librarian,
            "Answers questions from the Newsroom Archive and cites the article.",
            knowledge=archive,
        ),
        agent(
            "publisher",
            scripts.publisher,
            "Publishes a finished piece on the bulletin, once a person has confirmed it; "
            "retracts one, once an admin has approved it.",
            tools=[publish, retract],
        ),
    ]
    return Newsroom(
        agents={str(agent.id): agent for agent in agents},
        team=Team(
            id="newsroom",
            name="Newsroom",
            description="An editor in chief who asks a reporter for facts, or a columnist for headlines.",
            model=ScriptedModel(script=scripts.newsroom, pace=pace),
            members=[
                agent("reporter", scripts.librarian, "Looks things up in the archive.", knowledge=archive),
                agent("columnist", scripts.columnist, "Finds headlines."),
            ],
            db=db,
            telemetry=False,
        ),
        pipeline=Workflow(
            id="content-pipeline",
            name="Content Pipeline",
            description="Writes a short piece about any topic: research, draft, edit.",
            steps=[
                Step(
                    name="research",
                    description="Searches the Newsroom Archive and takes notes.",
                    agent=agent("researcher", scripts.researcher, "Takes notes.", knowledge=archive),
                ),
                Step(
                    name="draft",
                    description="Writes a draft from the notes.",
                    agent=agent("writer", scripts.writer, "Writes drafts."),
                ),
                Step(
                    name="edit",
                    description="Cuts the draft to the house style.",
                    agent=agent("editor", scripts.editor, "Edits drafts.", knowledge=archive),
                ),
            ],
            db=db,
            telemetry=False,
        ),
        launch_plan=WorkflowFactory(
            id="launch-plan",
            name="Launch Plan",
            description="Plans a product's launch, a step for each week; built anew from factory_input.",
            db=db,
            factory=launch_plan,
            input_schema=LaunchBrief,
        ),
    )


def _newsroom_archive(db: SqliteDb) -> Knowledge:
    archive = Knowledge(
        name="Newsroom Archive",
        description="Short explainers of everyday things (solar panels, tea, bees...) and the house style.",
        contents_db=db,
        vector_db=InMemoryVectorDb(name="newsroom-archive", similarity_threshold=0.1),
        max_results=3,
    )
    for article in ARTICLES:
        archive.insert(
            name=article.title,
            text_content=article.text,
            metadata={"section": article.section},
        )
    return archive


def _week_script(brief: LaunchBrief, number: int) -> Script:
    audience = "people" if brief.audience == "everyone" else brief.audience
    # The last week is always the launch itself.
    title, goal = _LAUNCH_WEEKS[-1] if number == brief.weeks else _LAUNCH_WEEKS[number - 1]
    goal = goal.format(product=brief.product, audience=audience)

    def script(turn: Turn) -> Any:
        # Each step gets the text of the step before it, so the plan grows.
        plan_so_far = f"{turn.user_message}\n\n" if number > 1 else f"# Launch plan: {brief.product} for {audience}\n\n"
        yield from stream_words(f"{plan_so_far}**Week {number}. {title}**: {goal}.", 0.7)

    return script
