"""What a call is about, made afresh for each call over the AgentOS's own REST API: each function returns its id."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx

from agentos_mcp.agentos.pauses.answers import find_pending
from agentos_mcp.agentos.runs.run import RunRef, RunState
from agentos_mcp.agentos.runs.stored_run import read_stored_run

USER = "ann"


@dataclass(frozen=True)
class Rest:
    """The REST API of an AgentOS, as it is.

    `pages` is a web server that it can fetch from; `given` holds the arguments of a call as they are made.
    """

    http: httpx.AsyncClient
    pages: str = ""
    given: dict[str, Any] = field(default_factory=dict)

    async def get(self, path: str, **query: Any) -> Any:
        return self._answer(await self.http.get(path, params=query))

    async def post(self, path: str, json: Any = None, **query: Any) -> Any:
        return self._answer(await self.http.post(path, json=json, params=query))

    async def form(self, path: str, fields: dict[str, str], **query: Any) -> Any:
        return self._answer(await self.http.post(path, data=fields, params=query))

    def _answer(self, response: httpx.Response) -> Any:
        assert response.is_success, f"{response.request.method} {response.request.url}: {response.text}"
        return response.json() if response.content else None


async def a_name(rest: Rest) -> str:
    return unique("name")


async def a_web_page(rest: Rest) -> str:
    return f"{rest.pages}/tides.txt"


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:8]}"


async def a_run(rest: Rest) -> str:
    return await _run(rest, "agent", "echo")


async def a_running_run(rest: Rest) -> str:
    """It goes on for a while."""
    return await _run(rest, "agent", "slow", background="true")


async def a_running_team_run(rest: Rest) -> str:
    return await _run(rest, "team", "slow", background="true")


async def a_running_workflow_run(rest: Rest) -> str:
    return await _run(rest, "workflow", "slow", background="true")


async def a_team_run(rest: Rest) -> str:
    return await _run(rest, "team", "pair")


async def a_workflow_run(rest: Rest) -> str:
    return await _run(rest, "workflow", "two-steps")


async def a_paused_run(rest: Rest) -> str:
    return await _run(rest, "agent", "asker")


async def a_paused_team_run(rest: Rest) -> str:
    return await _run(rest, "team", "asking-pair")


async def a_paused_workflow_run(rest: Rest) -> str:
    return await _run(rest, "workflow", "asks")


async def a_yes_to_all(rest: Rest) -> dict[str, bool]:
    """To all that the run asks which is given."""
    run = RunRef.parse(rest.given["run"])
    stored = await rest.get(f"/{run.kind}s/{run.component}/runs/{run.run}", session_id=run.session)
    return {one.key: True for one in find_pending(run, read_stored_run(RunState(ref=run), stored).requirements)}


async def _run(rest: Rest, kind: str, id: str, **more: str) -> str:
    fields = {"message": "hello", "stream": "false", "session_id": unique("session"), "user_id": USER, **more}
    answer = await rest.form(f"/{kind}s/{id}/runs", fields)
    return f"{kind}/{id}/{answer['session_id']}/{answer['run_id']}"


async def a_session(rest: Rest) -> str:
    return (await a_run(rest)).split("/")[2]


async def a_team_session(rest: Rest) -> str:
    return (await a_team_run(rest)).split("/")[2]


async def a_memory(rest: Rest) -> str:
    made = await rest.post("/memories", {"memory": "Likes tea", "user_id": USER, "topics": ["tea"]})
    return str(made["memory_id"])


async def a_knowledge_base(rest: Rest) -> str:
    """Its id where AgentOS gives it one, else its name."""
    there = (await rest.get("/config"))["knowledge"]["knowledge_instances"][0]
    return str(there.get("id") or there["name"])


async def a_folder(rest: Rest) -> str:
    """The content that stands for a folder, which is there from the beginning."""
    contents = (await rest.get("/knowledge/content", limit=100))["data"]
    return str(next(content["id"] for content in contents if content["name"] == "leaflets"))


async def a_content(rest: Rest) -> str:
    name = unique("content")
    taken = await rest.form("/knowledge/content", {"name": name, "text_content": f"Otters hold hands in {name}."})
    status = await _settled(rest, f"/knowledge/content/{taken['id']}/status", lambda it: it["status"] != "processing")
    assert status["status"] == "completed", status
    return str(taken["id"])


async def _settled(rest: Rest, path: str, done: Callable[[Any], bool], **query: Any) -> Any:
    """What is at a path, once it is as it should be: AgentOS does some things a moment after it has answered."""
    with anyio.fail_after(10):
        while True:
            if done(found := await rest.get(path, **query)):
                return found
            await anyio.sleep(0.05)


async def a_trace(rest: Rest) -> str:
    await a_run(rest)
    found = await _settled(rest, "/traces", lambda page: page["data"], limit=1)
    return str(found["data"][0]["trace_id"])


async def a_span(rest: Rest) -> str:
    """One of the trace that is given."""
    return str((await rest.get(f"/traces/{rest.given['id']}"))["tree"][0]["id"])


async def an_approval(rest: Rest) -> str:
    return await _approval(rest, "payer")


async def an_open_approval(rest: Rest) -> str:
    """One that brings a value along."""
    return await _approval(rest, "refunder")


async def _approval(rest: Rest, agent: str) -> str:
    run = (await _run(rest, "agent", agent)).split("/")[3]
    return str((await rest.get("/approvals", run_id=run))["data"][0]["id"])


async def a_schedule(rest: Rest) -> str:
    body = {
        "name": unique("schedule"),
        "cron_expr": "0 9 * * *",
        "endpoint": "/agents/echo/runs",
        "method": "POST",
        "payload": {"message": "hello"},
    }
    return str((await rest.post("/schedules", body))["id"])


async def a_disabled_schedule(rest: Rest) -> str:
    schedule = await a_schedule(rest)
    await rest.post(f"/schedules/{schedule}/disable")
    return schedule


async def a_learning(rest: Rest) -> str:
    memories = {"memories": [{"content": "Likes tea"}]}
    body = {"learning_type": "user_memory", "content": memories, "user_id": unique("user")}
    return str((await rest.post("/learnings", body))["learning_id"])


async def an_eval(rest: Rest) -> str:
    body = {"agent_id": "tooler", "eval_type": "reliability", "input": "honey", "expected_tool_calls": ["lookup"]}
    return str((await rest.post("/eval-runs", body))["id"])


async def some_evals(rest: Rest) -> list[str]:
    return [await an_eval(rest), await an_eval(rest)]
