"""The AgentOS of the evals: a small company with a past, and with names that are easy to mix up.

Every id is fixed, so that a request can name what it is about and a check can look it up.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
from agno.agent import Agent
from agno.approval import approval
from agno.db.schemas.evals import EvalRunRecord, EvalType
from agno.db.schemas.memory import UserMemory
from agno.db.sqlite import SqliteDb
from agno.factory import RequestContext
from agno.fs import FileSystem
from agno.knowledge import Knowledge
from agno.os import AgentOS
from agno.team import Team
from agno.tools import tool
from agno.tracing.schemas import Trace
from agno.workflow import Step, Workflow, WorkflowFactory
from agno.workflow.types import HumanReview, OnError, StepInput, StepOutput
from pydantic import BaseModel, Field

from agentos_mcp.demo.scripted_model import ModelOutput, Script, ScriptedModel, ToolCall, Turn, stream_words
from agentos_mcp.demo.vector_db import HashedEmbedder, InMemoryVectorDb
from tests._support.agentos.sample import tool_caller

USER = "ann"
"""Who makes the requests."""

FAILED_RUN = "workflow/nightly-report/report-last-night/failed-report"
GOOD_REPORT_RUN = "workflow/nightly-report/report-night-before/good-report"
FAILURE = "the sales database refused the connection"
PAST_RUN = "workflow/content-pipeline/coffee-session/coffee-piece"
DEPLOY_RUN = "agent/deployer/deploy-session/deploy-checkout"
NEWSLETTER_RUN = "agent/mailer/newsletter-session/send-newsletter"
PAYMENT_RUN = "agent/bookkeeper/payment-session/pay-ada"
LONG_RUN = "agent/translator/novel-session/translate-novel"
OFFSITE_SESSION = "offsite-session"
CAMPAIGN_SESSION = "campaign-session"
JAZZ_MEMORY = "memory-jazz"

_PRODUCT_DOCS = {
    "Refunds": "A refund is paid within 30 days of the purchase, to the card that was charged.",
    "Shipping": "An order ships within two working days; express orders ship on the same day.",
    "Warranty": "The solar kettle has a warranty of five years.",
}
_HR_HANDBOOK = {
    "Vacation": "Everyone has 28 days of vacation a year.",
    "Parental leave": "Parental leave is 16 weeks on full pay.",
    "Expenses": "Expenses are paid back with the salary; a receipt is needed from 20 euros on.",
}


class LaunchBrief(BaseModel):
    """What a launch plan is built from."""

    product: str = Field(description="What is to be launched.")
    audience: Literal["everyone", "developers", "teachers"] = "everyone"
    weeks: int = Field(default=2, ge=1, le=6, description="Weeks until the launch.")


@tool(requires_confirmation=True)
def deploy(service: str, environment: str) -> str:
    """Deploy a service."""
    return f"deployed {service} to {environment}"


@tool(requires_confirmation=True)
def send_newsletter(subject: str, recipients: int) -> str:
    """Send the newsletter."""
    return f"sent {subject!r} to {recipients} people"


@tool(requires_confirmation=True)
@approval
def pay(amount: int, to: str) -> str:
    """Pay somebody."""
    return f"paid {amount} to {to}"


def echo(turn: Turn) -> Iterable[ModelOutput]:
    yield f"On it: {turn.user_message}"


def assistant(turn: Turn) -> Iterable[ModelOutput]:
    """Knows what was said before in the session."""
    earlier = turn.earlier_user_messages()
    yield f"Earlier you said: {' / '.join(earlier)}" if earlier else f"Noted: {turn.user_message}"


def translator(turn: Turn) -> Iterable[ModelOutput]:
    """Translates a word at once, and a novel for ten minutes."""
    if "novel" in turn.user_message:
        yield from stream_words("mot " * 600, 600)
    else:
        yield f"En français : {turn.user_message}"


def slow_words(turn: Turn) -> Iterable[ModelOutput]:
    yield from stream_words(f"A long look at {turn.user_message}", 30)


def about(kind: str) -> Script:
    def script(turn: Turn) -> Iterable[ModelOutput]:
        yield f"{kind} on {turn.user_message.splitlines()[0]}"

    return script


def research_lead(turn: Turn) -> Iterable[ModelOutput]:
    if turn.tool_results:
        yield f"The team found: {turn.tool_results[-1]}"
    else:
        yield ToolCall("delegate_task_to_member", {"member_id": "analyst", "task": turn.user_message})


def collect_figures(step_input: StepInput) -> StepOutput:
    return StepOutput(content="Figures of 12 shops collected.")


def write_report(step_input: StepInput) -> StepOutput:
    if "before" in str(step_input.input):
        return StepOutput(content="The report of 12 shops.")
    raise ConnectionError(FAILURE)


def build(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="company-db")

    def agent(id: str, name: str, description: str, script: Script, **options: Any) -> Agent:
        settings: dict[str, Any] = {"db": db, "telemetry": False} | options
        return Agent(id=id, name=name, description=description, model=ScriptedModel(script=script), **settings)

    def knowledge_base(name: str, description: str, texts: dict[str, str]) -> Knowledge:
        vector_db = InMemoryVectorDb(name=name, embedder=HashedEmbedder())
        base = Knowledge(name=name, description=description, contents_db=db, vector_db=vector_db)
        for title, text in texts.items():
            base.insert(name=title, text_content=text)
        return base

    def launch_plan(context: RequestContext) -> Workflow:
        brief = context.input if isinstance(context.input, LaunchBrief) else LaunchBrief(product="nothing")

        def plan(step_input: StepInput) -> StepOutput:
            return StepOutput(content=f"{brief.product} for {brief.audience}: {brief.weeks} weeks")

        return Workflow(id="launch-plan", name="Launch Plan", db=db, steps=[Step(name="plan", executor=plan)])

    product_docs = knowledge_base("Product Docs", "What customers are told.", _PRODUCT_DOCS)
    handbook = knowledge_base("HR Handbook", "What employees are told.", _HR_HANDBOOK)
    files = FileSystem(db=db, namespace="planner-notes")
    files.write("roadmap.md", "# Roadmap\nOctober: the solar kettle ships to teachers.\n")

    agents = {
        built.id: built
        for built in (
            agent("assistant", "Assistant", "General help; remembers the conversation.", assistant),
            agent("research-assistant", "Research Assistant", "Looks one fact up.", echo),
            agent(
                "hr-helper",
                "HR Helper",
                "Answers questions about vacation, leave and pay from the HR Handbook.",
                tool_caller("search_knowledge_base", query="days of vacation a year"),
                knowledge=handbook,
                search_knowledge=True,
            ),
            agent("support-desk", "Support Desk", "Answers customers' questions on orders.", echo),
            agent("support-escalation", "Support Escalation", "Takes complaints that the desk cannot solve.", echo),
            agent("translator", "Translator", "Translates into French.", translator),
            agent(
                "deployer",
                "Deployer",
                "Deploys services, once a person has confirmed it.",
                tool_caller("deploy", service="checkout", environment="staging"),
                tools=[deploy],
            ),
            agent(
                "mailer",
                "Mailer",
                "Sends the newsletter, once a person has confirmed it.",
                _calling(ToolCall("send_newsletter", {"subject": "Autumn news", "recipients": 4200})),
                tools=[send_newsletter],
            ),
            agent(
                "bookkeeper",
                "Bookkeeper",
                "Pays invoices, once an admin has approved them.",
                _calling(ToolCall("pay", {"amount": 250, "to": "Ada"})),
                tools=[pay],
            ),
            agent("planner", "Planner", "Keeps the roadmap in its files.", echo, filesystem=files),
        )
    }
    agents["assistant"].add_history_to_context = True
    teams = [
        Team(
            id="research-team",
            name="Research Team",
            description="Studies a topic from several sides.",
            db=db,
            model=ScriptedModel(script=research_lead),
            members=[agent("analyst", "Analyst", "Reads sources.", about("Findings"), db=None)],
            telemetry=False,
        ),
        Team(
            id="design-team",
            name="Design Team",
            description="Makes pictures and layouts.",
            db=db,
            model=ScriptedModel(script=echo),
            members=[agent("illustrator", "Illustrator", "Draws.", echo, db=None)],
            telemetry=False,
        ),
    ]

    def step(name: str, script: Script) -> Step:
        return Step(name=name, agent=agent(f"{name}-agent", name.title(), "A step.", script, db=None))

    def workflow(id: str, name: str, description: str, *steps: Any) -> Workflow:
        return Workflow(id=id, name=name, description=description, db=db, steps=[*steps], telemetry=False)

    failing_step = Step(
        name="write", executor=write_report, max_retries=0, human_review=HumanReview(on_error=OnError.fail)
    )
    content_pipeline = workflow(
        "content-pipeline",
        "Content Pipeline",
        "Writes a short piece about any topic: research, draft, edit.",
        step("research", about("Notes")),
        step("draft", about("Draft")),
        step("edit", about("Piece")),
    )
    nightly_report = workflow(
        "nightly-report",
        "Nightly Report",
        "Reports the day's sales of all shops.",
        Step(name="collect", executor=collect_figures),
        failing_step,
    )
    workflows: list[Any] = [
        content_pipeline,
        nightly_report,
        workflow("deep-dive", "Deep Dive", "Studies a topic at length; takes a while.", step("study", slow_words)),
        WorkflowFactory(
            id="launch-plan",
            name="Launch Plan",
            description="Plans a product's launch.",
            db=db,
            factory=launch_plan,
            input_schema=LaunchBrief,
        ),
    ]
    _store_past_runs(agents, content_pipeline, nightly_report)
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    _move_to(db_file, "report-last-night", _latest(hour=2))
    _move_to(db_file, "report-night-before", _latest(hour=2) - timedelta(days=1))
    for session in ("coffee-session", "letter-session"):
        _move_to(db_file, session, noon - timedelta(days=1))
    _store_facts(db)
    return AgentOS(
        id="company",
        name="Company",
        agents=list(agents.values()),
        teams=[*teams],
        workflows=workflows,
        knowledge=[product_docs, handbook],
        db=db,
        telemetry=False,
    )


def _calling(call: ToolCall) -> Script:
    """A script that makes a call, then says what came of it."""

    def script(turn: Turn) -> Iterable[ModelOutput]:
        if turn.requests_made:
            yield f"Done: {' '.join(turn.tool_results)}"
        else:
            yield call

    return script


def _ids(run: str) -> dict[str, Any]:
    """Where a run reference says that the run is, as a component's `run` takes it."""
    _, _, session, run_id = run.split("/")
    return {"session_id": session, "run_id": run_id, "user_id": USER}


def _store_past_runs(agents: dict[str | None, Agent], content_pipeline: Workflow, nightly_report: Workflow) -> None:
    with suppress(ConnectionError):
        nightly_report.run("sales of yesterday", **_ids(FAILED_RUN))
    nightly_report.run("sales of the day before", **_ids(GOOD_REPORT_RUN))
    content_pipeline.run("coffee", **_ids(PAST_RUN))
    agents["translator"].run("word " * 200, session_id="letter-session", user_id=USER)
    agents["deployer"].run("deploy checkout to staging", **_ids(DEPLOY_RUN))
    agents["mailer"].run("send the autumn newsletter", **_ids(NEWSLETTER_RUN))
    agents["bookkeeper"].run("pay Ada's invoice", **_ids(PAYMENT_RUN))
    for session, name, message in (
        (OFFSITE_SESSION, "Planning the offsite", "We booked the Lakeside room for the offsite."),
        (CAMPAIGN_SESSION, "Untitled", "Let us collect slogans for spring."),
        ("lunch-session", "Lunch orders", "Soup on Tuesdays."),
    ):
        agents["assistant"].run(message, session_id=session, user_id=USER)
        agents["assistant"].set_session_name(session_id=session, session_name=name)


def _latest(*, hour: int) -> datetime:
    """The last time at which that hour began, UTC."""
    now = datetime.now(UTC)
    today = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return today if today <= now else today - timedelta(days=1)


def _move_to(db_file: str, session: str, time: datetime) -> None:
    """Let a session and its runs have begun at that time."""
    moment = int(time.timestamp())
    with sqlite3.connect(db_file) as raw:
        raw.execute(
            "UPDATE agno_sessions SET created_at = ?, updated_at = ? WHERE session_id = ?", (moment, moment, session)
        )
        raw.execute(
            "UPDATE agno_runs SET created_at = ?, updated_at = ?, run_data = json_set(run_data, '$.created_at', ?)"
            " WHERE session_id = ?",
            (moment, moment, moment, session),
        )
    raw.close()


def _store_facts(db: SqliteDb) -> None:
    """Memories, a learning, an eval and traces."""
    for memory_id, user, memory, topics in (
        (JAZZ_MEMORY, USER, "Likes jazz", ["music"]),
        ("memory-food", USER, "Is a vegetarian", ["food"]),
        ("memory-bob", "bob", "Likes rock music", ["music"]),
    ):
        db.upsert_user_memory(UserMemory(memory_id=memory_id, user_id=user, memory=memory, topics=topics))
    db.upsert_learning(
        "learning-globex",
        "entity_memory",
        {"name": "Globex", "facts": [{"content": "Pays by invoice only."}]},
        entity_type="company",
        entity_id="globex",
        agent_id="bookkeeper",
    )
    db.create_eval_run(
        EvalRunRecord(
            run_id="eval-greeting",
            name="translator greets",
            eval_type=EvalType.RELIABILITY,
            eval_data={"eval_status": "FAILED", "failed_tool_calls": ["look_up_word"], "passed_tool_calls": []},
            eval_input={"input": "hello", "expected_tool_calls": ["look_up_word"]},
            agent_id="translator",
            model_id="scripted",
            model_provider="agentos-mcp",
        )
    )
    now = datetime.now(UTC).replace(microsecond=0)
    for number, (component, seconds) in enumerate((("support-desk", 1), ("research-assistant", 41), ("hr-helper", 2))):
        db.upsert_trace(
            Trace(
                trace_id=f"{number:032x}",
                name=f"{component}.run",
                status="OK",
                start_time=now - timedelta(minutes=5),
                end_time=now - timedelta(minutes=5) + timedelta(seconds=seconds),
                duration_ms=seconds * 1000,
                total_spans=0,
                error_count=0,
                run_id=f"traced-{number}",
                session_id=f"traced-session-{number}",
                user_id=USER,
                agent_id=component,
                team_id=None,
                workflow_id=None,
                created_at=now,
            )
        )


async def start_present(rest: httpx.AsyncClient) -> None:
    """Add what only a serving AgentOS can have: schedules, figures by day, and a run that is going."""
    for name, workflow, cron in (
        ("nightly-report", "nightly-report", "0 2 * * *"),
        ("weekly-newsletter", "content-pipeline", "30 8 * * 5"),
    ):
        body = {
            "name": name,
            "cron_expr": cron,
            "endpoint": f"/workflows/{workflow}/runs",
            "method": "POST",
            "payload": {"message": name},
        }
        (await rest.post("/schedules", json=body)).raise_for_status()
    (await rest.post("/metrics/refresh")).raise_for_status()
    _, component, session, run_id = LONG_RUN.split("/")
    form = {
        "message": "translate my novel",
        "session_id": session,
        "run_id": run_id,
        "user_id": USER,
        "stream": "true",
        "background": "true",
    }
    async with rest.stream("POST", f"/agents/{component}/runs", data=form) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if line:
                break  # it goes on without us
