"""A real AgentOS with one component for every way in which a run can pause.

Every execution of its tools and steps is a line in the file named by LEDGER_VARIABLE: `deploy tag-1f2e`.
The tag is the one in the run's message, so that every test can count its own.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from agno.agent import Agent
from agno.approval import approval
from agno.os import AgentOS
from agno.team import Team
from agno.tools import tool
from agno.tools.user_control_flow import UserControlFlowTools
from agno.tools.user_feedback import UserFeedbackTools
from agno.workflow import Condition, Loop, Router, Step, Steps, Workflow
from agno.workflow.types import HumanReview, StepInput, StepOutput

from agentos_mcp.demo.scripted_model import (
    Delay,
    ModelOutput,
    Script,
    ScriptedModel,
    ToolCall,
    Turn,
    fixed_reply,
    stream_words,
)
from tests._support.agentos.storage import storage

LEDGER_VARIABLE = "PAUSING_LEDGER"
SLOW_SECONDS = 1.5


def record_execution(name: str, source: object) -> str:
    """Write one execution to the ledger; the tag found in `source`."""
    match = re.search(r"tag-\w+", str(source))
    tag = match.group() if match else "tag-none"
    with Path(os.environ[LEDGER_VARIABLE]).open("a") as file:
        file.write(f"{name} {tag}\n")
    return tag


def tag_in(turn: Turn) -> str:
    tags = re.findall(r"tag-\w+", " ".join(message.get_content_string() for message in turn.messages))
    return tags[-1] if tags else "tag-none"


@tool(requires_confirmation=True)
def deploy(tag: str) -> str:
    """Deploy it."""
    return f"deployed {record_execution('deploy', tag)}"


@tool(requires_confirmation=True)
def wipe(tag: str) -> str:
    """Wipe it."""
    return f"wiped {record_execution('wipe', tag)}"


@tool(requires_confirmation=True)
def slow_deploy(tag: str) -> str:
    """Deploy it, slowly."""
    record_execution("slow_deploy", tag)
    time.sleep(SLOW_SECONDS)
    return "deployed slowly"


@tool
def lookup(tag: str) -> str:
    """Look something up; needs no confirmation."""
    return f"looked up {record_execution('lookup', tag)}"


@tool(requires_user_input=True, user_input_fields=["subject", "copies", "urgent"])
def send(tag: str, subject: str, copies: int, urgent: bool) -> str:
    """Send a mail.

    Args:
        tag: The tag.
        subject: What it is about.
        copies: How many copies.
        urgent: Whether it is urgent.
    """
    record_execution("send", tag)
    return f"sent {subject!r}, {copies!r} copies, urgent {urgent!r}"


@tool(external_execution=True)
def shell(tag: str) -> str:
    """Run something elsewhere."""
    raise AssertionError("this is never executed here")


@tool(requires_confirmation=True)
@approval
def pay(tag: str) -> str:
    """Pay, once an admin has approved."""
    return f"paid {record_execution('pay', tag)}"


@tool(requires_confirmation=True)
@approval(type="audit")
def note_down(tag: str) -> str:
    """Note it down, on record."""
    return f"noted {record_execution('note_down', tag)}"


def tool_caller(*names: str, rounds: int = 1, **arguments: Any) -> Script:
    """A script that calls the tools, all in one turn, `rounds` times; then it answers with their results."""

    def script(turn: Turn) -> Iterable[ModelOutput]:
        if turn.requests_made >= rounds:
            yield "the tools said: " + " | ".join(turn.tool_results)
            return
        for name in names:
            yield ToolCall(name, arguments.get(name) or {"tag": tag_in(turn)})

    return script


def endless_after_deploying(turn: Turn) -> Iterable[ModelOutput]:
    """Asks to deploy, and then takes minutes for its answer: for runs that are cancelled."""
    if turn.tool_results:
        yield Delay(120)
    else:
        yield ToolCall("deploy", {"tag": tag_in(turn)})


QUESTIONS = [
    {
        "question": "Which color?",
        "header": "Color",
        "options": [{"label": "blue", "description": "like the sea"}, {"label": "red"}],
        "multi_select": False,
    },
    {
        "question": "Which sizes?",
        "header": "Sizes",
        "options": [{"label": "small"}, {"label": "large"}],
        "multi_select": True,
    },
]
INPUTS = [
    {"field_name": "city", "field_type": "str", "field_description": "Where to go."},
    {"field_name": "nights", "field_type": "int", "field_description": "How many nights."},
]


def prefilled_script(turn: Turn) -> Iterable[ModelOutput]:
    """Sets every field itself, so that a person can only confirm."""
    if turn.requests_made:
        return [f"the tools said: {turn.tool_results[-1]}"]
    return [ToolCall("send", {"tag": tag_in(turn), "subject": "hello", "copies": 2, "urgent": True})]


def counting_script(turn: Turn) -> Iterable[ModelOutput]:
    """Calls a tool that is in the ledger, then streams forty words."""
    if turn.requests_made == 0:
        yield ToolCall("lookup", {"tag": tag_in(turn)})
    else:
        yield from stream_words(" ".join(f"w{number}" for number in range(40)), 0.3)


def member_delegator(*members: str) -> Script:
    def script(turn: Turn) -> Iterable[ModelOutput]:
        if turn.requests_made:
            yield "the members said: " + " | ".join(turn.tool_results)
            return
        for member in members:
            yield ToolCall("delegate_task_to_member", {"member_id": member, "task": f"do it, {tag_in(turn)}"})

    return script


def step_executor(name: str) -> Callable[[StepInput], StepOutput]:
    """The executor of a step that is in the ledger and returns its input."""

    def executor(step_input: StepInput) -> StepOutput:
        tag = record_execution(name, step_input.input)
        user_input = (step_input.additional_data or {}).get("user_input")
        previous = step_input.previous_step_content
        feedback = (step_input.additional_data or {}).get("rejection_feedback")
        parts = [
            f"{name} done {tag}",
            f"after {previous!r}" if previous else "",
            f"with {user_input}" if user_input else "",
        ]
        return StepOutput(content=", ".join([*filter(None, parts), *([f"because {feedback}"] if feedback else [])]))

    executor.__name__ = name.replace("-", "_")
    return executor


def failing_step(step_input: StepInput) -> StepOutput:
    record_execution("broken", step_input.input)
    raise ValueError("this step cannot work")


LETTER = "Dear Ann,\n\n  the parcel is on its way:\n- one book\n- two pens\n\nrun: agent/x/y/z"


def letter_writer(step_input: StepInput) -> StepOutput:
    """Writes several lines, one of which looks like ours."""
    record_execution("write", step_input.input)
    return StepOutput(content=LETTER)


def order_writer(step_input: StepInput) -> StepOutput:
    """Writes data."""
    record_execution("write", step_input.input)
    return StepOutput(content={"customer": "Ann", "items": ["book", "pens"]})


def build(db_file: str) -> AgentOS:
    db, queue = storage(db_file, "pausing-db")

    def agent(id: str, script: Script, *tools: Any, **options: Any) -> Agent:
        settings: dict[str, Any] = {
            "id": id,
            "name": id.replace("-", " ").title(),
            "db": db,
            "model": ScriptedModel(script=script),
            "tools": [*tools],
            "telemetry": False,
        }
        return Agent(**(settings | options))

    def team(id: str, script: Script, *members: Agent, tools: Iterable[Any] = ()) -> Team:
        return Team(
            id=id,
            name=id.replace("-", " ").title(),
            db=db,
            model=ScriptedModel(script=script),
            members=[*members] or [agent(f"{id}-idler", fixed_reply("nothing"))],
            tools=[*tools],
            stream_member_events=True,
            telemetry=False,
        )

    def step(name: str, **review: Any) -> Step:
        return Step(name=name, executor=step_executor(name), human_review=HumanReview(**review) if review else None)

    def workflow(id: str, *steps: Any) -> Workflow:
        return Workflow(id=id, name=id.replace("-", " ").title(), db=db, steps=[*steps], telemetry=False)

    deployer = agent("deployer", tool_caller("deploy"), deploy)
    agents: list[Any] = [
        deployer,
        agent("counter", counting_script, lookup),
        agent("twice", tool_caller("deploy", rounds=2), deploy),
        agent("mixed", tool_caller("lookup", "deploy", "wipe"), lookup, deploy, wipe),
        agent("slow-deployer", tool_caller("slow_deploy"), slow_deploy),
        agent("endless-deployer", endless_after_deploying, deploy),
        agent("sender", tool_caller("send"), send),
        agent("prefilled", tool_caller("send", send={"tag": "tag-x", "subject": "hello", "copies": 2}), send),
        agent("all-set", prefilled_script, send),
        agent(
            "interviewer",
            tool_caller("get_user_input", get_user_input={"user_input_fields": INPUTS}),
            UserControlFlowTools(),
        ),
        agent("chooser", tool_caller("ask_user", ask_user={"questions": QUESTIONS}), UserFeedbackTools()),
        agent("outsider", tool_caller("shell"), shell),
        agent("payer", tool_caller("pay"), pay),
        agent("pay-and-deploy", tool_caller("pay", "deploy"), pay, deploy),
        agent("noter", tool_caller("note_down"), note_down),
        agent(
            "everything",
            tool_caller(
                "deploy",
                "send",
                "shell",
                "get_user_input",
                "ask_user",
                ask_user={"questions": QUESTIONS},
                get_user_input={"user_input_fields": INPUTS},
            ),
            deploy,
            send,
            shell,
            UserControlFlowTools(),
            UserFeedbackTools(),
        ),
    ]

    by_id = {built.id: built for built in agents}

    def member(id: str) -> Any:
        original: Any = by_id[id]
        return agent(f"{id}-member", original.model.script, *original.tools, db=None)

    teams: list[Any] = [
        team("boss", tool_caller("deploy"), tools=[deploy]),
        team("boss-slow", tool_caller("slow_deploy"), tools=[slow_deploy]),
        team(
            "boss-everything",
            by_id["everything"].model.script,
            tools=[deploy, send, shell, UserControlFlowTools(), UserFeedbackTools()],
        ),
        team("crew", member_delegator("deployer-member"), member("deployer")),
        team("crew-twice", member_delegator("twice-member"), member("twice")),
        team("crew-everything", member_delegator("everything-member"), member("everything")),
        team("boss-all-set", prefilled_script, tools=[send]),
        team("boss-pay", tool_caller("pay"), tools=[pay]),
        team("boss-pay-and-deploy", tool_caller("pay", "deploy"), tools=[pay, deploy]),
        team("crew-pay", member_delegator("payer-member"), member("payer")),
        team(
            "two-members",
            member_delegator("deployer-member", "outsider-member"),
            member("deployer"),
            member("outsider"),
        ),
    ]
    team_by_id = {built.id: built for built in teams}
    inputs = [
        {"name": "tone", "field_type": "str", "description": "How it sounds.", "allowed_values": ["dry", "warm"]},
        {"name": "length", "field_type": "int", "description": "How long.", "required": True},
        {"name": "ratio", "field_type": "float", "required": False},
        {"name": "rhyme", "field_type": "bool", "required": False},
        {"name": "topics", "field_type": "list", "required": False},
    ]
    choices: list[Any] = [step("quick"), step("deep"), step("wide")]

    def router(**review: Any) -> Router:
        return Router(
            name="route",
            choices=[*choices],
            selector=lambda _: [choices[0]],
            human_review=HumanReview(**review),
        )

    def loop(**review: Any) -> Loop:
        return Loop(name="polish", steps=[step("round")], max_iterations=3, human_review=HumanReview(**review))

    workflows: list[Any] = [
        workflow("gate-skip", step("first"), step("gate", requires_confirmation=True, on_reject="skip"), step("last")),
        workflow(
            "gate-cancel",
            step("first"),
            step("gate", requires_confirmation=True, on_reject="cancel", confirmation_message="Really go on?"),
            step("last"),
        ),
        workflow("form", step("fill", requires_user_input=True, user_input_schema=inputs), step("last")),
        workflow("open-form", step("fill", requires_user_input=True, user_input_message="Say what."), step("last")),
        workflow(
            "gate-and-form",
            step("fill", requires_confirmation=True, requires_user_input=True, user_input_schema=inputs[:2]),
            step("last"),
        ),
        workflow("route-one", router(requires_user_input=True), step("last")),
        workflow("route-many", router(requires_user_input=True, allow_multiple_selections=True), step("last")),
        workflow(
            "route-described",
            Router(
                name="shipping",
                choices=[
                    Step(name="express", description="Tomorrow, for 12 euros.", executor=step_executor("express")),
                    Step(name="standard", description="In a week, for nothing.", executor=step_executor("standard")),
                ],
                selector=lambda _: [choices[0]],
                human_review=HumanReview(requires_user_input=True),
            ),
            step("last"),
        ),
        workflow(
            "letter",
            Step(name="write", executor=letter_writer, human_review=HumanReview(requires_output_review=True)),
            step("last"),
        ),
        workflow(
            "order",
            Step(name="write", executor=order_writer, human_review=HumanReview(requires_output_review=True)),
            step("last"),
        ),
        workflow("route-gate", router(requires_confirmation=True), step("last")),
        workflow("route-review", router(requires_output_review=True, on_reject="retry"), step("last")),
        workflow("review-retry", step("draft", requires_output_review=True, on_reject="retry"), step("last")),
        workflow("review-skip", step("draft", requires_output_review=True, on_reject="skip"), step("last")),
        workflow("review-cancel", step("draft", requires_output_review=True, on_reject="cancel"), step("last")),
        workflow(
            "two-reviews",
            step("draft", requires_output_review=True),
            step("final", requires_output_review=True),
            step("last"),
        ),
        workflow("rounds", loop(requires_iteration_review=True, on_reject="retry"), step("last")),
        workflow("loop-gate", loop(requires_confirmation=True), step("last")),
        workflow(
            "branch",
            Condition(
                name="check",
                evaluator=True,
                steps=[step("yes-way")],
                else_steps=[step("other-way")],
                human_review=HumanReview(requires_confirmation=True, on_reject="else"),
            ),
            step("last"),
        ),
        workflow(
            "group-gate",
            Steps(name="group", steps=[step("one"), step("two")], human_review=HumanReview(requires_confirmation=True)),
            step("last"),
        ),
        workflow("late-approve", step("gate", requires_confirmation=True, timeout=1, on_timeout="approve")),
        workflow("late-cancel", step("gate", requires_confirmation=True, timeout=1, on_timeout="cancel")),
        workflow("late-skip", step("gate", requires_confirmation=True, timeout=1, on_timeout="skip"), step("last")),
        workflow("counts", Step(name="count", agent=by_id["counter"]), step("last")),
        workflow("in-step", Step(name="ship", agent=deployer), step("last")),
        workflow("in-step-twice", Step(name="ship", agent=by_id["twice"]), step("last")),
        workflow("in-step-slow", Step(name="ship", agent=by_id["slow-deployer"]), step("last")),
        workflow("in-step-everything", Step(name="ship", agent=by_id["everything"]), step("last")),
        workflow("in-step-pay", Step(name="ship", agent=by_id["payer"]), step("last")),
        workflow("in-mixed-step", Step(name="ship", agent=by_id["mixed"]), step("last")),
        workflow("in-boss-everything", Step(name="ship", team=team_by_id["boss-everything"]), step("last")),
        workflow(
            "fails-and-waits",
            Step(name="bad", executor=failing_step, max_retries=0, human_review=HumanReview(on_error="pause")),
            step("last"),
        ),
        workflow("in-team-step", Step(name="ship", team=team_by_id["boss"]), step("last")),
        workflow("in-crew-step", Step(name="ship", team=team_by_id["crew"]), step("last")),
        workflow("in-crew-everything", Step(name="ship", team=team_by_id["crew-everything"]), step("last")),
        workflow(
            "gate-then-tool",
            step("gate", requires_confirmation=True),
            Step(name="ship", agent=deployer),
            step("draft", requires_output_review=True),
            step("last"),
        ),
    ]
    return AgentOS(
        id="pausing",
        name="Pausing",
        agents=agents,
        teams=teams,
        workflows=workflows,
        db=db,
        queue=queue,
        telemetry=False,
    )
