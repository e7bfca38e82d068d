"""The runs that wait for a person: what each asks, what it may only do once approved, and ways to answer it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import anyio
import httpx

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.pauses.requirements import Question, questions
from agentos_mcp.agentos.runs.run import RunRef
from tests._support.mcp_client import Peer, reference, words
from tests._support.person import answers

Choice = Literal["approve", "reject"]


class Case(NamedTuple):
    kind: Literal["agent", "team", "workflow"]
    id: str
    gated: str
    """What may only be done once it is approved."""
    approved: int = 1


CASES = (
    Case("agent", "deployer", "deploy"),
    Case("agent", "twice", "deploy", approved=2),
    Case("agent", "mixed", "wipe"),
    Case("agent", "sender", "send"),
    Case("agent", "noter", "note_down"),
    Case("team", "boss", "deploy"),
    Case("team", "crew", "deploy"),
    Case("workflow", "gate-skip", "gate"),
    Case("workflow", "gate-cancel", "gate"),
    Case("workflow", "gate-and-form", "fill"),
    Case("workflow", "route-gate", "quick"),
    Case("workflow", "review-cancel", "last"),
    Case("workflow", "loop-gate", "round", approved=3),
    Case("workflow", "branch", "yes-way"),
    Case("workflow", "group-gate", "two"),
    Case("workflow", "in-step", "deploy"),
    Case("workflow", "in-team-step", "deploy"),
    Case("workflow", "in-crew-step", "deploy"),
    Case("workflow", "gate-then-tool", "deploy"),
)


UNDECLINABLE = (
    Case("agent", "interviewer", ""),
    Case("agent", "chooser", ""),
    Case("workflow", "form", "fill"),
    Case("workflow", "open-form", "fill"),
    Case("workflow", "route-one", "quick"),
    Case("workflow", "route-many", "quick"),
)


def done(ledger: Path, what: str, tag: str) -> int:
    return ledger.read_text().splitlines().count(f"{what} {tag}")


async def run(peer: Peer, case: Case, tag: str) -> str:
    result = await peer.call(f"run_{case.kind}", **{f"{case.kind}_id": case.id}, message=f"do it, {tag}")
    return words(result)


async def waiting(url: str, ref: RunRef) -> Sequence[Question]:
    """What the run asks, as AgentOS has it."""
    async with AgentOS(url) as client:
        path = f"/{ref.kind}s/{{id}}/runs/{{run}}"
        stored = await client.get(path, {"id": ref.component, "run": ref.run}, {"session_id": ref.session})
    return questions(ref, stored.get("requirements") or stored.get("step_requirements") or [])


async def tell(peer: Peer, url: str, result: str, decision: Choice) -> str:
    """Answer by continue_run until the run waits for nothing more."""
    with anyio.fail_after(50):
        while "\npaused: " in f"\n{result}":
            assert "call continue_run(run, answers)" in result
            asked = await waiting(url, RunRef.parse(reference(result)))
            for question in asked:
                assert f"- {question.key}: " in result
            given = await peer.call("continue_run", run=reference(result), answers=answers(asked, decision))
            result = words(given)
    return result


async def submitted(url: str, workflow: str, tag: str) -> RunRef:
    """A run that somebody submitted without streaming, once it waits for its answer."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as rest:
        form = {"message": f"go, {tag}", "stream": "false", "background": "true"}
        taken = (await rest.post(f"/workflows/{workflow}/runs", data=form)).json()
        ref = RunRef("workflow", workflow, taken["session_id"], taken["run_id"])
        with anyio.fail_after(20):
            while not await waiting(url, ref):  # noqa: ASYNC110 - nothing tells of it
                await anyio.sleep(0.05)
    return ref
