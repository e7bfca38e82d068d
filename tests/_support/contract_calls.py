"""Every tool, called with all of its parameters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests._support.factories import (
    USER,
    Rest,
    a_content,
    a_disabled_schedule,
    a_folder,
    a_knowledge_base,
    a_learning,
    a_memory,
    a_name,
    a_paused_run,
    a_paused_team_run,
    a_paused_workflow_run,
    a_run,
    a_running_run,
    a_running_team_run,
    a_running_workflow_run,
    a_schedule,
    a_session,
    a_span,
    a_team_session,
    a_trace,
    a_web_page,
    a_workflow_run,
    a_yes_to_all,
    an_approval,
    an_eval,
    an_open_approval,
    some_evals,
)

Thing = Callable[[Rest], Awaitable[Any]]


@dataclass(frozen=True)
class Call:
    """One call. Arguments that are functions are made for it, in their order.

    `refused`: what it is refused with everywhere, once its requests are sent, since it needs what
    a test has not (a provider, a network). `refused_by`: the same, for single versions of agno.
    """

    arguments: Mapping[str, Any | Thing]
    refused: str = ""
    refused_by: Mapping[str, str] | None = None


def call(**arguments: Any) -> Call:
    return Call(arguments)


async def arguments_of(call: Call, rest: Rest) -> dict[str, Any]:
    """A call's arguments, with what they are about made for it."""
    rest.given.clear()
    for name, value in call.arguments.items():
        rest.given[name] = await value(rest) if callable(value) else value
    return dict(rest.given)


OLDEST = "2.5.17"
TINY = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PICTURE = f"data:image/png;base64,{TINY}"
STORY = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
DB = {"db_id": "contract-db"}
PAGE = {"limit": 5, "page": 1}
BASE = {"knowledge_id": a_knowledge_base}
SPAN = {"since": "2026-01-01", "until": "2030-01-01"}
NO_FACTORY = {OLDEST: "No "}
NO_FILES = {OLDEST: "no attribute 'copy'"}
"""It takes a workflow's files for texts."""
NO_CONTINUE = {OLDEST: "too old"}


def talk(kind: str) -> dict[str, Any]:
    return {
        "message": "hello",
        "session_id": f"{kind}-talk",
        "user_id": USER,
        "session_state": {"mood": "good"},
        "dependencies": {"city": "Rome"},
        "metadata": {"by": "contract"},
        "version": 1,
        "wait": 20,
    }


def made(kind: str) -> Call:
    return Call({f"{kind}_id": "made", "message": "hello", "factory_input": {"product": "tea"}}, refused_by=NO_FACTORY)


CALLS: dict[str, tuple[Call, ...]] = {
    # catalog
    "list_agents": (call(),),
    "list_teams": (call(),),
    "list_workflows": (call(),),
    "get_component": (
        call(kind="agent", id="echo"),
        call(kind="team", id="pair"),
        call(kind="workflow", id="two-steps"),
    ),
    # runs
    "run_agent": (
        call(agent_id="echo", knowledge_filters={"kind": "mammal"}, **talk("agent")),
        call(agent_id="echo", message="hello", output_schema=STORY, files=[PICTURE]),
        made("agent"),
    ),
    "run_team": (
        call(team_id="pair", knowledge_filters={"kind": "mammal"}, **talk("team")),
        call(team_id="pair", message="hello", output_schema=STORY, files=[PICTURE]),
        made("team"),
    ),
    "run_workflow": (
        call(workflow_id="two-steps", **talk("workflow")),
        Call({"workflow_id": "two-steps", "message": "hello", "files": [PICTURE]}, refused_by=NO_FILES),
        made("workflow"),
    ),
    "get_run": (
        call(run=a_run, offset=2, wait=5),
        call(run=a_running_run),
        call(run=a_running_team_run),
        call(run=a_running_workflow_run),
    ),
    "continue_run": (
        call(run=a_paused_run, answers=a_yes_to_all, wait=20),
        Call({"run": a_paused_team_run, "answers": a_yes_to_all}, refused_by=NO_CONTINUE),
        # The oldest has no pauses of workflows: there it has ended.
        call(run=a_paused_workflow_run, answers=a_yes_to_all),
    ),
    "list_runs": (
        call(kind="agent", id="echo", session_id=a_session, status="completed", user_id=USER, limit=5, **SPAN),
        call(),
    ),
    "list_pending": (call(user_id=USER), call()),
    "explain_run": (call(run=a_workflow_run),),
    "compare_runs": (call(run_a=a_run, run_b=a_run),),
    "cancel_run": (
        call(run=a_run),
        call(run=a_paused_run),
        call(run=a_running_run),
        call(run=a_running_team_run),
        call(run=a_running_workflow_run),
    ),
    # sessions
    "list_sessions": (
        call(kind="agent", id="echo", user_id=USER, **SPAN, **DB, **PAGE),
        call(kind="workflow", name="hello"),
    ),
    "get_session": (call(session_id=a_session, user_id=USER, **DB),),
    "list_session_runs": (call(session_id=a_session, status="completed", user_id=USER, **SPAN, **DB, **PAGE),),
    "create_session": (
        call(kind="agent", id="echo", name="Plans", session_state={"a": 1}, metadata={"b": 2}, user_id=USER, **DB),
    ),
    "rename_session": (call(session_id=a_session, name="Renamed", user_id=USER, **DB),),
    "update_session": (
        call(
            session_id=a_session,
            session_state={"a": 1},
            metadata={"b": 2},
            summary="All is well.",
            name="Updated",
            user_id=USER,
            **DB,
        ),
    ),
    "delete_session": (call(session_id=a_session, user_id=USER, **DB),),
    "fork_session": (
        call(session_id=a_session, user_id=USER, **DB),
        call(session_id=a_team_session),
    ),
    "compact_session": (call(session_id=a_session, user_id=USER, **DB),),
    # memory
    "list_memories": (call(user_id=USER, search="tea", topics=["tea"], **DB, **PAGE),),
    "get_memory": (call(memory_id=a_memory, user_id=USER, **DB),),
    "create_memory": (call(memory="Likes honey", user_id=USER, topics=["honey"], **DB),),
    "update_memory": (call(memory_id=a_memory, memory="Likes coffee", topics=["coffee"], user_id=USER, **DB),),
    "delete_memory": (call(memory_id=a_memory, user_id=USER, **DB),),
    # The oldest fails on a parameter of its own.
    "list_memory_topics": (Call({"user_id": USER, **DB}, refused_by={OLDEST: "failed on GET /memory_topics (500"}),),
    "get_memory_stats": (call(user_id=USER, **DB, **PAGE),),
    "optimize_memories": (
        Call({"user_id": USER, "apply": True, "model": "openai:gpt-4o", **DB}, refused="Give model"),
    ),
    # knowledge
    "search_knowledge": (
        call(query="giraffe", max_results=3, search_type="vector", filters={"kind": "mammal"}, **BASE),
    ),
    "list_knowledge": (call(**BASE, **PAGE),),
    "get_knowledge": (call(content_id=a_content, **BASE),),
    "add_knowledge": (
        call(text="Owls hunt.", name="owls", description="On owls", metadata={"kind": "bird"}, **BASE),
        call(file="data:text/plain;base64,T3R0ZXJzIHN3aW0u", name="otters"),
        call(text="Bees dance.", name="bees", reader_id="text", chunker="FixedSizeChunker", chunk_size=500),
        call(url=a_web_page),
    ),
    "add_remote_knowledge": (
        Call(
            {
                "source_id": "shelf",
                "path": "guides/one.txt",
                "name": "guide",
                "description": "A guide",
                "metadata": {"kind": "guide"},
                **BASE,
            },
        ),
        Call(
            {"source_id": "shelf", "path": "guides/", "source_params": {"repo": "owner/name"}},
            refused="does not accept source_params",
        ),
    ),
    "refresh_knowledge": (call(content_id=a_folder, **BASE),),
    "update_knowledge": (
        call(content_id=a_content, name="renamed", description="Anew", metadata={"kind": "mammal"}, **BASE),
    ),
    "delete_knowledge": (call(content_id=a_content, **BASE),),
    "get_knowledge_config": (call(**BASE),),
    "list_knowledge_sources": (call(**BASE), call(source_id="shelf", folder="guides/", **BASE, **PAGE)),
    # traces
    "list_traces": (
        call(run=a_run),
        call(session_id=a_session, kind="agent", id="echo", errors=True, user_id=USER, limit=5, **SPAN, **DB),
        call(order="slowest"),
    ),
    "get_trace": (call(id=a_trace, **DB), call(id=a_trace, span_id=a_span)),
    "search_traces": (
        call(filter={"key": "status", "op": "EQ", "value": "OK"}, group_by="session", **DB, **PAGE),
        call(order="slowest", **SPAN, **DB),
    ),
    "list_trace_sessions": (call(kind="agent", id="echo", user_id=USER, **SPAN, **DB, **PAGE),),
    # metrics
    "get_metrics": (
        call(**SPAN, **DB),
        # It would leave the user out of account without a word.
        Call({"user_id": USER}, refused_by={OLDEST: "cannot tell one user's figures"}),
    ),
    "refresh_metrics": (call(**DB),),
    "get_metrics_status": (call(**DB),),
    # evals
    "list_evals": (
        call(type="reliability", kind="agent", id="tooler", **SPAN, **DB, **PAGE),
        call(kind="team"),
    ),
    "get_eval": (call(id=an_eval, **DB),),
    "run_eval": (
        call(
            type="reliability",
            kind="agent",
            id="tooler",
            input="honey",
            expected_tools=["lookup"],
            expected_arguments={"lookup": {"term": "honey"}},
            allow_other_tools=True,
            name="uses its tool",
            **DB,
        ),
        call(type="accuracy", kind="agent", id="judge", input="good", expected_output="good", iterations=2),
        call(type="agent_as_judge", kind="agent", id="judge", input="good", criteria="It is good.", passing_score=7),
        call(type="performance", kind="team", id="pair", input="hello", iterations=1),
        Call(
            {
                "type": "accuracy",
                "kind": "agent",
                "id": "judge",
                "input": "good",
                "expected_output": "good",
                "openai_judge": True,
            },
            refused="Its judge is OpenAI's model",
        ),
    ),
    "rename_eval": (call(id=an_eval, name="renamed", **DB),),
    "delete_evals": (call(ids=some_evals, **DB),),
    # queue
    "list_queue_jobs": (call(status="completed", user_id=USER, **PAGE),),
    "get_queue_stats": (call(),),
    # approvals
    "list_approvals": (
        call(status="pending", run=a_run, user_id=USER, **SPAN, **PAGE),
        call(status="all", kind="agent", id="payer"),
    ),
    "count_approvals": (call(user_id=USER),),
    "get_approval": (call(approval_id=an_approval),),
    "resolve_approval": (
        call(approval_id=an_approval, decision="rejected", note="Too much.", user_id="boss"),
        call(approval_id=an_open_approval, decision="approved", values={"amount": "5"}),
    ),
    # schedules
    "list_schedules": (call(**PAGE),),
    "get_schedule": (call(schedule=a_schedule),),
    "create_schedule": (
        call(
            name=a_name,
            cron="0 9 * * *",
            kind="agent",
            id="echo",
            message="hello",
            timezone="Europe/Rome",
            payload={"session_id": "daily"},
        ),
        call(name=a_name, cron="0 9 * * *", endpoint="POST /metrics/refresh"),
    ),
    "update_schedule": (
        call(schedule=a_schedule, name=a_name, cron="0 10 * * *", timezone="Europe/Rome", message="good morning"),
    ),
    "enable_schedule": (call(schedule=a_disabled_schedule),),
    "disable_schedule": (call(schedule=a_schedule),),
    "trigger_schedule": (call(schedule=a_schedule),),
    "list_schedule_runs": (call(schedule=a_schedule, **SPAN, **PAGE),),
    "delete_schedule": (call(schedule=a_schedule),),
    # learnings
    "list_learnings": (
        call(learning_type="user_memory", user_id=USER, kind="agent", id="echo", session_id="talk", **DB, **PAGE),
    ),
    "get_learning": (call(learning_id=a_learning, **DB),),
    "create_learning": (
        call(
            learning_type="entity_memory",
            content={"name": "Acme"},
            user_id=USER,
            session_id="talk",
            entity_type="company",
            entity_id=a_name,
            namespace="global",
            **DB,
        ),
    ),
    "update_learning": (call(learning_id=a_learning, content={"memories": [{"content": "Likes coffee"}]}, **DB),),
    "delete_learning": (call(learning_id=a_learning, **DB),),
    "list_learning_users": (call(user_id=USER, **DB, **PAGE),),
    # filesystem
    "list_agent_files": (call(agent_id="echo", directory="diary", **PAGE), call(namespace="notes")),
    "read_agent_file": (
        call(path="diary/monday.md", agent_id="echo", offset=0, limit=50),
        call(path="diary/monday.md", namespace="notes", user_id=USER),
    ),
    "search_agent_files": (
        call(query="honey", agent_id="echo", directory="diary", **PAGE),
        call(query="honey", namespace="notes", user_id=USER),
    ),
    # components
    "list_stored_components": (call(kind="agent", **PAGE),),
    "get_stored_component": (call(id="stored", version=1),),
    "list_registry": (call(resource_type="tool", name="lookup", **PAGE),),
    # databases
    "get_config": (call(),),
    "list_databases": (call(),),
}
