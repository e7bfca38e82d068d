"""All that one user has on an AgentOS, and every way to ask for it: what another user must not get."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import PromptReference, ResourceTemplateReference, TextContent, TextResourceContents

from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.server.prompts import COMPARE, INVESTIGATE
from agentos_mcp.server.resources import RESOURCES, RUN_URI_PREFIX
from agentos_mcp.tools import TOOLSETS
from tests._support.agentos.users import JWT_KEY, SECRET
from tests._support.mcp_client import Peer, words
from tests._support.notification_recorder import NotificationRecorder, subscribed

ALICE, BOB, ADMIN = "alice", "bob", "operator"
USER_SCOPES = (
    "config:read",
    "registry:read",
    *(f"{kind}:{action}" for kind in ("agents", "teams", "workflows") for action in ("read", "run")),
    *(
        f"{data}:{action}"
        for data in ("sessions", "memories", "learnings", "knowledge", "evals", "schedules", "approvals", "components")
        for action in ("read", "write", "delete")
    ),
    *("traces:read", "metrics:read", "metrics:write", "filesystem:read"),
)
"""All that one may do who is no admin."""
TAG = f"tag-{SECRET}"
FOR_ONE_USER = re.compile(
    "(of|for) user 'bob'|for one user|of this user|this user's|No file 'today.md'|There are no such|"
    "No trace of this run|kept by user|does not serve GET /queue"
)
"""How what is another's is refused."""
NOT_FOUND = re.compile(f"{FOR_ONE_USER.pattern}|[Nn]ot found|There is no|No .* with")
"""The same where AgentOS isolates its users, and says so itself."""


def bearer(user: str, *scopes: str) -> str:
    return jwt.encode({"sub": user, "scopes": list(scopes), "aud": "users"}, JWT_KEY, "HS256")


@dataclass(frozen=True)
class Theirs:
    """An AgentOS with all that alice has, and what she calls it by."""

    url: str
    ledger: Path
    isolated: bool
    authorized: bool
    runs: Mapping[str, str]
    session: str
    empty_session: str
    memory: str
    learning: str
    eval: str
    schedule: str
    approval: str
    trace: str
    span: str
    prefix: str = ""
    """What stands before each name where there are several AgentOSes: "prod:"."""

    def token(self, user: str = ADMIN, *scopes: str) -> str:
        return bearer(user, *(scopes or ("agent_os:admin",))) if self.authorized else ""

    def rest(self, user: str = ADMIN) -> httpx.Client:
        headers = {"authorization": f"Bearer {self.token(user)}"} if self.authorized else {}
        return httpx.Client(base_url=self.url, timeout=30, headers=headers)

    @property
    def ids(self) -> list[str]:
        """What may not be found: only who knows it already may have said it."""
        runs = [RunRef.parse(run).run for run in self.runs.values()]
        others = (self.session, self.memory, self.learning, self.eval, self.schedule, self.approval, self.trace)
        return [*runs, *(item.removeprefix(self.prefix) for item in others)]

    def on(self, instance: str) -> Theirs:
        """The same, as it is named where it is on one AgentOS of several."""
        prefix = f"{instance}:"
        runs = {name: prefix + run for name, run in self.runs.items()}
        named = {name: prefix + getattr(self, name) for name in ("session", "memory", "trace")}
        return replace(self, prefix=prefix, runs=runs, **named)

    def everything(self) -> str:
        """All that alice has, as AgentOS has it, to see whether anything has changed."""
        with self.rest() as rest:
            seen: list[Any] = [
                rest.get("/sessions", params={"user_id": ALICE, "limit": 100}).json()["data"],
                rest.get(f"/sessions/{self.session}").json(),
                rest.get("/memories", params={"user_id": ALICE}).json()["data"],
                rest.get(f"/learnings/{self.learning}").json(),
                rest.get(f"/eval-runs/{self.eval}").json(),
                rest.get(f"/schedules/{self.schedule}").json(),
                rest.get(f"/approvals/{self.approval}").json(),
                *(self.stored(rest, run) for run in self.runs.values()),
            ]
        return json.dumps(seen, sort_keys=True) + self.ledger.read_text()

    def stored(self, rest: httpx.Client, run: str) -> Any:
        ref = RunRef.parse(run)
        path = f"/{ref.kind}s/{ref.component}/runs/{ref.run}"
        output = rest.get(path, params={"session_id": ref.session}).json()
        return [output.get(name) for name in ("status", "content", "requirements", "user_id")]


def prepare(url: str, ledger: Path, *, isolated: bool = False, authorized: bool = False) -> Theirs:
    authorized = authorized or isolated
    headers = {"authorization": f"Bearer {bearer(ALICE, 'agent_os:admin')}"} if authorized else {}
    with httpx.Client(base_url=url, timeout=30, headers=headers) as rest:

        def sent(path: str, **options: Any) -> Any:
            answer = rest.post(path, **options)
            assert answer.is_success, answer.text
            return answer.json()

        def form_of(name: str) -> dict[str, str]:
            return {"message": f"{SECRET} {TAG}", "user_id": ALICE, "session_id": f"s-{name}", "run_id": f"r-{name}"}

        components = {
            "done": "agent/echo",
            "team": "team/boss",
            "paused": "agent/deployer",
            "workflow": "workflow/ship",
            "approved": "agent/payer",
        }
        for name, component in components.items():
            kind, _, its_id = component.partition("/")
            sent(f"/{kind}s/{its_id}/runs", data=form_of(name) | {"stream": "false"})
        running = form_of("going") | {"background": "true", "stream": "true"}
        with rest.stream("POST", "/agents/lasting/runs", data=running) as events:
            next(line for line in events.iter_lines() if SECRET in line)
        components["going"] = "agent/lasting"
        runs = {name: f"{component}/s-{name}/r-{name}" for name, component in components.items()}
        sent("/sessions/s-done/rename", params={"user_id": ALICE}, json={"session_name": f"{SECRET} talk"})
        empty = {"session_id": "s-empty", "agent_id": "echo", "user_id": ALICE, "session_name": f"{SECRET} empty"}
        sent("/sessions", params={"type": "agent"}, json=empty)
        memory = sent("/memories", json={"memory": f"Likes {SECRET}", "user_id": ALICE, "topics": [f"{SECRET} topic"]})
        learning = sent(
            "/learnings",
            json={"learning_type": "user_profile", "content": {"name": SECRET}, "user_id": ALICE},
        )
        evaluation = sent(
            "/eval-runs",
            json={"agent_id": "echo", "eval_type": "performance", "input": SECRET, "num_iterations": 1, "name": SECRET},
        )
        schedule = sent(
            "/schedules",
            json={
                "name": f"{SECRET}-schedule",
                "cron_expr": "0 9 1 1 *",
                "method": "POST",
                "endpoint": "/agents/echo/runs",
                "payload": {"message": SECRET, "user_id": ALICE},
            },
        )
        approvals = rest.get("/approvals").json()["data"]
        traces = rest.get("/traces", params={"user_id": ALICE}).json()["data"]
        trace = next(item for item in traces if item["run_id"] == "r-done")["trace_id"]
        span = rest.get(f"/traces/{trace}").json()["tree"][0]["id"]
    return Theirs(
        url=url,
        ledger=ledger,
        isolated=isolated,
        authorized=authorized,
        runs=runs,
        session="s-done",
        empty_session="s-empty",
        memory=memory["memory_id"],
        learning=learning["learning_id"],
        eval=evaluation["id"],
        schedule=schedule["id"],
        approval=approvals[0]["id"],
        trace=trace,
        span=span,
    )


# Tools: for each, calls with what is alice's


Calls = Mapping[str, list[dict[str, Any]]]


def refused(theirs: Theirs) -> Calls:
    """Calls that name something of alice's: each has to be an error."""
    runs = [{"run": run} for run in theirs.runs.values()]
    sessions = [{"session_id": item} for item in ("s-done", "s-empty", "s-paused", "s-team", "s-workflow")]
    schedules = [{"schedule": theirs.schedule}, {"schedule": f"{SECRET}-schedule"}]
    memory = {"memory_id": theirs.memory}
    learning = {"learning_id": theirs.learning}
    scheduled = {"name": "mine", "cron": "0 9 1 1 *", "kind": "agent", "id": "echo", "message": "hello"}
    return {
        "run_agent": [{"agent_id": "echo", "message": "hello", **item} for item in sessions],
        "run_team": [{"team_id": "boss", "message": "hello", "session_id": "s-team"}],
        "run_workflow": [{"workflow_id": "ship", "message": "hello", "session_id": "s-workflow"}],
        "get_run": runs,
        "continue_run": [*runs, *({**run, "answers": {"deploy": True}} for run in runs)],
        "explain_run": runs,
        "compare_runs": [{"run_a": item["run"], "run_b": item["run"]} for item in runs],
        "cancel_run": runs,
        "get_session": sessions,
        "list_session_runs": sessions,
        "rename_session": [{**item, "name": "mine"} for item in sessions],
        "update_session": [{**item, "name": "mine", "session_state": {"a": 1}} for item in sessions],
        "delete_session": sessions,
        "fork_session": sessions,
        "compact_session": sessions,
        "get_memory": [memory],
        "update_memory": [{**memory, "memory": "mine"}],
        "delete_memory": [memory],
        "get_trace": [
            {"id": theirs.trace},
            {"id": theirs.trace, "span_id": theirs.span},
            *({"id": run} for run in theirs.runs.values()),
        ],
        "get_eval": [{"id": theirs.eval}],
        "rename_eval": [{"id": theirs.eval, "name": "mine"}],
        "delete_evals": [{"ids": [theirs.eval]}],
        "get_approval": [{"approval_id": theirs.approval}],
        "resolve_approval": [{"approval_id": theirs.approval, "decision": "approved"}],
        "get_learning": [learning],
        "update_learning": [{**learning, "content": {"name": "mine"}}],
        "delete_learning": [learning],
        "create_learning": [
            {"learning_type": "session_context", "content": {"summary": "mine"}, "session_id": theirs.session}
        ],
        "get_schedule": schedules,
        "update_schedule": [{**item, "message": "mine"} for item in schedules],
        "enable_schedule": schedules,
        "disable_schedule": schedules,
        "trigger_schedule": schedules,
        "list_schedule_runs": schedules,
        "delete_schedule": schedules,
        "create_schedule": [
            {**scheduled, "payload": {"session_id": theirs.session}},
            {**scheduled, "payload": {"user_id": ALICE}},
            {**scheduled, "payload": {"run_id": "r-done"}},
            {"name": "mine", "cron": "0 9 1 1 *", "endpoint": f"DELETE /sessions/{theirs.session}"},
        ],
        "read_agent_file": [{"path": "today.md", "agent_id": "keeper"}, {"path": "today.md", "namespace": "diaries"}],
        "get_queue_stats": [{}],
    }


def searched(theirs: Theirs) -> Calls:
    """Calls that look for things: they may find something, but nothing of alice's."""
    runs = [{"run": run} for run in theirs.runs.values()]
    sessions = [{"session_id": item} for item in ("s-done", "s-paused", "s-team", "s-workflow")]
    filters = [{"status": "OK"}, {"user_id": ALICE}, {"op": "NOT", "condition": {"user_id": BOB}}]
    return {
        "list_runs": [{}, *sessions, {"status": "paused"}, {"kind": "agent", "id": "deployer"}],
        "list_pending": [{}],
        "list_sessions": [{}, {"name": SECRET}, {"kind": "workflow"}, {"kind": "agent", "id": "echo"}],
        "list_memories": [{}, {"search": SECRET}, {"topics": [f"{SECRET} topic"]}],
        "list_memory_topics": [{}],
        "get_memory_stats": [{}],
        "list_traces": [{}, *runs, *sessions, {"kind": "agent", "id": "echo"}],
        "search_traces": [
            {},
            *({"filter": item} for item in filters),
            *({"filter": {"op": "OR", "conditions": [item, item]}, "group_by": "session"} for item in filters),
        ],
        "list_trace_sessions": [{}],
        "list_evals": [{}, {"kind": "agent", "id": "echo"}],
        "list_approvals": [{}, *runs, {"status": "all"}, {"kind": "agent", "id": "payer"}, {"kind": "workflow"}],
        "count_approvals": [{}],
        "list_learnings": [{}, {"learning_type": "user_profile"}, *sessions],
        "list_learning_users": [{}],
        "list_schedules": [{}],
        "list_agent_files": [{}, {"agent_id": "keeper"}, {"namespace": "diaries"}],
        "search_agent_files": [{"query": SECRET}, {"query": SECRET, "agent_id": "keeper"}],
        "list_queue_jobs": [{}],
        "get_metrics": [{}],
        "optimize_memories": [{}],
    }


SHARED = frozenset(
    {
        *("list_agents", "list_teams", "list_workflows", "get_component", "get_config", "list_databases"),
        *("search_knowledge", "list_knowledge", "get_knowledge", "add_knowledge", "add_remote_knowledge"),
        *("refresh_knowledge", "update_knowledge", "delete_knowledge", "get_knowledge_config"),
        *("list_knowledge_sources", "list_stored_components", "get_stored_component", "list_registry"),
        *("refresh_metrics", "get_metrics_status"),
    }
)
"""What is the AgentOS's own and no user's: docs/configuration.md says so."""
NEW = frozenset({"create_session", "create_memory", "run_eval"})
"""What only makes something new, which is the user's."""


SETS = [toolset.name for toolset in TOOLSETS if not {tool.name for tool in toolset.tools} <= SHARED]


def of(toolset: str, calls: Calls) -> Calls:
    """Those of one toolset."""
    names = {tool.name for item in TOOLSETS if item.name == toolset for tool in item.tools}
    return {tool: its for tool, its in calls.items() if tool in names}


# Every way to ask, as the other user


async def assert_tools_refuse(
    peer: Peer, theirs: Theirs, attempts: Calls, refusal: re.Pattern[str] = FOR_ONE_USER
) -> None:
    """Each call that names something of alice's fails, and says no more than for what does not exist."""
    before = theirs.everything()
    # It is stored, and refused by AgentOS when it fires: the user of a schedule is who made it.
    left_to_agentos = {"session_id": theirs.session} if refusal is NOT_FOUND else None
    for tool, calls in attempts.items():
        for call in (call for call in calls if left_to_agentos is None or call.get("payload") != left_to_agentos):
            result = await peer.call(tool, **call)
            assert result.is_error, (tool, call, words(result))
            assert refusal.search(words(result)), (tool, call, words(result))
            assert SECRET not in words(result).replace(f"{SECRET}-schedule", ""), (tool, call, words(result))
    assert theirs.everything() == before


async def assert_searches_find_nothing(peer: Peer, theirs: Theirs, attempts: Calls) -> None:
    before = theirs.everything()
    for tool, calls in attempts.items():
        for call in calls:
            assert_nothing_of_theirs(theirs, words(await peer.call(tool, **call)), call)
    assert theirs.everything() == before


def assert_nothing_of_theirs(theirs: Theirs, message: str, arguments: Mapping[str, Any]) -> None:
    query = json.dumps(arguments)
    assert SECRET not in message or SECRET in query, (arguments, message)
    for item in (*theirs.ids, ALICE):
        assert item not in message or item in query, (arguments, message)


VALUES: Mapping[str, str] = {"session_id": "session", "memory_id": "memory", "trace_id": "trace"}


async def assert_resources_refuse(peer: Peer, theirs: Theirs) -> None:
    shared = ("config", "agents", "teams", "workflows", "knowledge")
    for readable in RESOURCES:
        if not readable.is_template:
            assert_nothing_of_theirs(theirs, await read(peer, readable.template), {})
            continue
        name = readable.name.partition("{")[2].rstrip("}")
        if name in VALUES:
            uri = readable.template.replace(f"{{{name}}}", getattr(theirs, VALUES[name]))
            with pytest.raises(MCPError) as refusal:
                await read(peer, uri)
            assert SECRET not in str(refusal.value)
        elif readable.template.startswith(RUN_URI_PREFIX):
            for run in theirs.runs.values():
                with pytest.raises(MCPError) as refusal:
                    await read(peer, RUN_URI_PREFIX + run)
                assert SECRET not in str(refusal.value)
        else:
            assert readable.name.startswith(shared), readable


async def read(peer: Peer, uri: str) -> str:
    contents = (await peer.client.read_resource(uri)).contents
    return "\n".join(item.text for item in contents if isinstance(item, TextResourceContents))


async def assert_prompts_refuse(peer: Peer, theirs: Theirs) -> None:
    for prompt in (await peer.client.list_prompts()).prompts:
        arguments = {argument.name: "echo" for argument in prompt.arguments or () if argument.required}
        if prompt.name == COMPARE.name:
            arguments |= {"first": f"{theirs.prefix}echo", "second": f"{theirs.prefix}payer"}
        content = (await peer.client.get_prompt(prompt.name, arguments)).messages[0].content
        assert isinstance(content, TextContent)
        assert_nothing_of_theirs(theirs, content.text, {})
    for run in theirs.runs.values():
        with pytest.raises(MCPError, match="There is no run"):
            await peer.client.get_prompt(INVESTIGATE.name, {"run": run})


async def assert_completions_find_nothing(
    peer: Peer, theirs: Theirs, typed_values: Sequence[str] = ("", SECRET, "s-", "r-")
) -> None:
    ref = RunRef.parse(theirs.runs["done"])
    arguments = {"kind": f"{theirs.prefix}{ref.kind}", "component": ref.component, "session": ref.session}
    for readable in RESOURCES:
        template = ResourceTemplateReference(type="ref/resource", uri=readable.template)
        for variable in readable.completers:
            others = {name: value for name, value in arguments.items() if name != variable}
            for typed in typed_values:
                for context in ({}, others):
                    argument = {"name": variable, "value": typed}
                    result = await peer.client.complete(template, argument, context or None)
                    assert_nothing_of_theirs(theirs, json.dumps(result.completion.values), {})
    for typed in ("", SECRET):
        prompt = PromptReference(type="ref/prompt", name=INVESTIGATE.name)
        result = await peer.client.complete(prompt, {"name": "run", "value": typed})
        assert result.completion.values == []


async def assert_subscriptions_are_refused(peer: Peer, theirs: Theirs) -> None:
    for run in theirs.runs.values():
        with pytest.raises(MCPError, match="There is no run"):
            async with subscribed(peer, NotificationRecorder(), RUN_URI_PREFIX + run):
                pass
