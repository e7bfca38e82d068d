"""A real AgentOS with one component for every behavior that a test needs.

Messages control it: `slow` streams "30 3", 30 words over 3 seconds.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from agno.agent import Agent
from agno.db.base import BaseDb
from agno.factory import FactoryPermissionError, RequestContext
from agno.knowledge import Knowledge
from agno.os import AgentOS
from agno.os.settings import AgnoAPISettings
from agno.run.agent import CustomEvent, RunInput, RunOutput
from agno.team import Team
from agno.team.mode import TeamMode
from agno.tools import tool
from agno.tools.reasoning import ReasoningTools
from agno.workflow import Condition, Loop, Parallel, Router, Step, Steps, Workflow, WorkflowFactory
from agno.workflow.types import HumanReview, OnError, StepInput, StepOutput
from pydantic import BaseModel

from agentos_mcp.demo.scripted_model import (
    Delay,
    ModelOutput,
    ProviderFailure,
    Script,
    ScriptedModel,
    ToolCall,
    Turn,
    fixed_reply,
    stream_words,
)
from agentos_mcp.demo.vector_db import HashedEmbedder, InMemoryVectorDb
from tests._support.agentos.storage import storage

KEY_VARIABLE = "SAMPLE_AGENTOS_KEY"
HOSTILE_IDS = ("a?b#c", "100%", "日本", "..", "a b&c=d", "a;b", "ünï:code@x")


def model(script: Script) -> ScriptedModel:
    return ScriptedModel(script=script)


@tool
def lookup(term: str) -> str:
    """Look a term up."""
    return f"{term} is a fine thing"


@tool
def explode(reason: str) -> str:
    """Always fails."""
    raise RuntimeError(f"boom: {reason}")


@tool(requires_confirmation=True)
def deploy(env: str) -> str:
    """Deploy to an environment."""
    return f"deployed to {env}"


@dataclass
class Announcement(CustomEvent):
    note: str = ""


@tool
async def announce(note: str) -> AsyncIterator[Any]:
    """Announce something as an event of its own."""
    yield Announcement(note=note)
    yield f"announced {note}"


def check_input(run_input: RunInput) -> None:
    """A hook that changes nothing."""


def check_output(run_output: RunOutput) -> None:
    """A hook that changes nothing."""


def echo(turn: Turn) -> Iterable[ModelOutput]:
    yield f"echo: {turn.user_message}"


def slow(turn: Turn) -> Iterable[ModelOutput]:
    words, seconds = (float(part) for part in turn.user_message.split()[:2])
    yield from stream_words(" ".join(f"w{i}" for i in range(int(words))), seconds)


def thinking_script(turn: Turn) -> Iterable[ModelOutput]:
    yield Delay(float(turn.user_message))
    yield "thought it over"


def tool_caller(name: str, **args: str) -> Script:
    def script(turn: Turn) -> Iterable[ModelOutput]:
        if turn.tool_results:
            yield f"the tool said: {turn.tool_results[-1]}"
        else:
            yield Delay(0.05)
            yield ToolCall(name, args)

    return script


def failing_script(turn: Turn) -> Iterable[ModelOutput]:
    yield "a first word "
    yield ProviderFailure("the provider is out of tokens")


def long_answer(turn: Turn) -> Iterable[ModelOutput]:
    size, _, letter = turn.user_message.partition(" ")
    chunk = (letter or "x") * 999 + "\n"
    for _ in range(int(size)):
        yield chunk


def task_leader(turn: Turn) -> Iterable[ModelOutput]:
    if turn.requests_made == 0:
        yield ToolCall("create_task", {"title": "write it up", "description": "write", "assignee": "team-writer"})
    elif turn.requests_made == 1:
        task_id = turn.tool_results[-1].partition("[")[2].partition("]")[0]
        yield ToolCall("execute_task", {"task_id": task_id, "member_id": "team-writer"})
    elif turn.requests_made == 2:
        yield ToolCall("mark_all_complete", {"summary": "all written"})
    else:
        yield "all tasks are done"


def team_leader(turn: Turn) -> Iterable[ModelOutput]:
    if turn.tool_results:
        yield f"the member said: {turn.tool_results[-1]}"
    else:
        yield ToolCall("delegate_task_to_member", {"member_id": "team-writer", "task": turn.user_message})


class LaunchInput(BaseModel):
    product: str
    audience: str = "everyone"


def build_launch_workflow(ctx: RequestContext) -> Workflow:
    if ctx.user_id == "banned":
        raise FactoryPermissionError("banned may not launch")
    launch_input = ctx.input if isinstance(ctx.input, LaunchInput) else LaunchInput(product="nothing")
    writer = Agent(
        name="Launcher", model=model(fixed_reply(f"launching {launch_input.product} for {launch_input.audience}"))
    )
    return Workflow(name="Launch", db=factory_db(ctx), steps=[Step(name="launch", agent=writer)])


_db: list[BaseDb] = []


def factory_db(_: RequestContext) -> BaseDb:
    return _db[0]


def function_step(step_input: StepInput) -> StepOutput:
    return StepOutput(content=f"handled {step_input.input}")


def broken_step(step_input: StepInput) -> StepOutput:
    raise ValueError("this step cannot work")


def build(db_file: str) -> AgentOS:
    db, queue = storage(db_file, "sample-db")
    _db[:] = [db]

    def agent(id: str, script: Script, **options: Any) -> Agent:
        settings: dict[str, Any] = {"id": id, "name": id.title(), "db": db, "model": model(script)}
        return Agent(**(settings | options))

    def step(name: str, text: str, seconds: float = 0.05) -> Any:
        speaker = Agent(name=name.title(), model=model(lambda turn: stream_words(text, seconds)))
        return Step(name=name, agent=speaker)

    def workflow(name: str, *steps: Any) -> Workflow:
        return Workflow(id=name, name=name.replace("-", " ").title(), db=db, steps=list(steps))

    knowledge = Knowledge(
        name="Sample Facts",
        vector_db=InMemoryVectorDb(embedder=HashedEmbedder()),
        contents_db=db,
    )
    knowledge.insert(
        name="giraffe", text_content="A giraffe sleeps about two hours a day.", metadata={"kind": "mammal"}
    )
    knowledge.insert(name="penguin", text_content="A penguin cannot fly but swims well.", metadata={"kind": "bird"})

    inner = workflow("inner", step("inner one", "inner words"), step("inner two", "more inner words"))
    agents: list[Any] = [
        agent("echo", echo, description="Repeats what it is told.\nSecond line."),
        *(agent(hostile_id, echo) for hostile_id in HOSTILE_IDS),
        agent("slow", slow),
        agent("thinker", thinking_script),
        agent("tooler", tool_caller("lookup", term="honey"), tools=[lookup]),
        agent("toolfail", tool_caller("explode", reason="bad day"), tools=[explode]),
        agent("broken", failing_script),
        agent("big", long_answer),
        agent("confirmer", tool_caller("deploy", env="prod"), tools=[deploy]),
        agent("memo", echo, update_memory_on_run=True),
        agent("stateless", echo, db=None),
        agent("twin-one", echo, name="Twin Agent"),
        agent("twin-two", echo, name="Twin Agent"),
        agent(
            "facts",
            tool_caller("search_knowledge_base", query="giraffe"),
            knowledge=knowledge,
            search_knowledge=True,
        ),
        agent("folding", echo, compaction=True, add_history_to_context=True),
        agent(
            "story-writer-agent",
            lambda turn: stream_words(str(turn.messages[0].content)),
            instructions="You write stories. Always name the robot {robot_name}",
        ),
        agent("hooked", echo, pre_hooks=[check_input], post_hooks=[check_output]),
        agent("summed", echo, enable_session_summaries=True),
        agent("parsed", echo, parser_model=model(fixed_reply('{"product": "tea"}')), output_schema=LaunchInput),
        agent("polished", echo, output_model=model(fixed_reply("polished words"))),
        agent("followed", echo, followups=True, followup_model=model(fixed_reply('{"suggestions": ["and then?"]}'))),
        agent("announcer", tool_caller("announce", note="hear, hear"), tools=[announce]),
        agent("reasoner", tool_caller("think", title="first", thought="let me see"), tools=[ReasoningTools()]),
    ]
    by_id = {built.id: built for built in agents}
    member = Agent(
        id="team-writer", name="Team Writer", model=model(lambda turn: stream_words("member words here", 0.1))
    )
    failing_member = Agent(id="team-writer", name="Team Writer", model=model(failing_script))
    teams: list[Any] = [
        Team(id="pair", name="Pair", db=db, model=model(team_leader), members=[member], stream_member_events=True),
        Team(id="sad-pair", name="Sad Pair", db=db, model=model(team_leader), members=[failing_member]),
        Team(id="slow-team", name="Slow Team", db=db, model=model(slow), members=[member]),
        Team(
            id="tasker",
            name="Tasker",
            db=db,
            mode=TeamMode.tasks,
            model=model(task_leader),
            members=[member],
            max_iterations=2,
            stream_member_events=True,
        ),
        Team(id="broken-team", name="Broken Team", db=db, model=model(failing_script), members=[member]),
    ]
    workflows: list[Any] = [
        workflow(
            "three-steps",
            step("one", "first words"),
            step("two", "second words"),
            step("three", "third words"),
        ),
        workflow("slow-steps", step("one", "a b c d e f g h", 1.0), step("two", "i j k l m n o p", 1.0)),
        workflow("slow-message", Step(name="speak", agent=Agent(name="Speaker", model=model(slow)))),
        workflow("functions", Step(name="handle", executor=function_step), step("tell", "told")),
        workflow(
            "side-by-side",
            Parallel(step("left", "left"), step("right", "right"), name="both"),
            step("join", "ok"),
        ),
        workflow(
            "around",
            Loop(steps=[step("lap", "lap words")], name="laps", max_iterations=3),
            step("end", "done"),
        ),
        workflow(
            "maybe",
            Condition(evaluator=lambda _: True, steps=[step("when true", "true")], name="check"),
            step("end", "done"),
        ),
        workflow(
            "routed",
            Router(
                selector=lambda _: [step("chosen", "chosen words")],
                choices=[step("chosen", "x"), step("other", "y")],
                name="fork",
            ),
            step("end", "done"),
        ),
        workflow("grouped", Steps(name="group", steps=[step("inside", "inside words")]), step("end", "done")),
        workflow(
            "fails",
            step("good", "fine"),
            Step(name="bad", executor=broken_step, max_retries=0, human_review=HumanReview(on_error=OnError.fail)),
        ),
        workflow("outer", Step(name="nested", workflow=inner), step("after", "after words")),
        workflow("with-tools", Step(name="find", agent=by_id["tooler"]), step("end", "done")),
        workflow("with-team", Step(name="talk", team=teams[0]), step("end", "done")),
        workflow(
            "skips-failure",
            Step(name="bad", executor=broken_step, skip_on_failure=True, max_retries=0),
            step("end", "done"),
        ),
        workflow("stops-on-failure", step("good", "fine"), Step(name="bad", executor=broken_step, max_retries=0)),
        workflow("broken-model", step("good", "fine"), Step(name="bad", agent=by_id["broken"], max_retries=0)),
        workflow("asks-first", Step(name="publish", agent=by_id["confirmer"]), step("end", "done")),
        WorkflowFactory(
            id="launch",
            name="Launch",
            description="Plans a launch.",
            db=db,
            factory=build_launch_workflow,
            input_schema=LaunchInput,
        ),
    ]
    return AgentOS(
        id="sample",
        name="Sample",
        description="Everything a test needs.",
        agents=agents,
        teams=teams,
        workflows=workflows,
        knowledge=[knowledge],
        db=db,
        queue=queue,
        settings=AgnoAPISettings(os_security_key=os.environ.get(KEY_VARIABLE) or None),
        telemetry=False,
    )


def build_bare(db_file: str) -> AgentOS:
    """An AgentOS without a database: no background runs, sessions or memories."""
    speaker = Agent(id="echo", name="Echo", model=model(echo))
    return AgentOS(
        id="bare",
        agents=[
            speaker,
            Agent(id="slow", name="Slow", model=model(slow)),
            Agent(id="asks", name="Asks", model=model(tool_caller("deploy", env="prod")), tools=[deploy]),
        ],
        workflows=[
            Workflow(id="short", name="Short", steps=[Step(name="only", agent=speaker)]),
            Workflow(
                id="asks",
                name="Asks",
                steps=[Step(name="gate", agent=speaker, human_review=HumanReview(requires_confirmation=True))],
            ),
        ],
        telemetry=False,
    )
