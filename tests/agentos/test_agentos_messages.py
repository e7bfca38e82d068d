"""The refusals of agno's durable queue, in the words of a live one, and what each of them means."""

from __future__ import annotations

import httpx
import pytest

from agentos_mcp.agentos.agentos_messages import Conflict, continuation_conflict
from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.http_errors import error_for_response
from tests._support.paused_runs import submitted

RUN = "a3c0885d-693d-46c5-a680-26456dd9c6b4"
OWNED = (
    f"Run {RUN} was submitted through the durable queue; continue it with background=true (the queue owns its "
    "continuations). If background=true cannot find the run, its row is missing while the ticket survives: cancel "
    "the run and requeue the ticket from the /queue operations surface."
)
UNQUEUED = (
    "background=true continuation is only available for durably-submitted workflow runs (a paused queue ticket); "
    "this run has none. Retry without background, or submit the workflow with background=true and a durable queue."
)
UNDER_WAY = (
    f"A continuation of run {RUN} is already queued or executing; poll the run or attach via a background=true continue"
)
RECORDED = [
    (OWNED, Conflict.QUEUED),
    (UNQUEUED, Conflict.NOT_QUEUED),
    (UNDER_WAY, Conflict.CONTINUED),
    (f"Run was submitted non-streaming; poll run {RUN} instead of attaching a stream", Conflict.NOT_STREAMED),
    ("Run is settling between execution legs; retry in a moment", Conflict.SETTLING),
    ("run is already running", Conflict.CONTINUED),
    ("run is already pending", Conflict.CONTINUED),
    ("run is already completed", Conflict.CONTINUED),
    ("run is already cancelled", Conflict.REFUSED),
    ("run has errored", Conflict.REFUSED),
    ("Run is not continuable (ticket status: failed)", Conflict.REFUSED),
]


def answered(status: int, detail: str) -> AgentOSError:
    body = httpx.Response(status, json={"detail": detail}).content
    return error_for_response("POST", "/x", status=status, headers={}, body=body, place="here", with_token=False)


@pytest.mark.parametrize(("detail", "conflict"), RECORDED, ids=[conflict.name for _, conflict in RECORDED])
def test_continuation_conflict_reads_agentos_refusals(detail: str, conflict: Conflict) -> None:
    assert continuation_conflict(answered(409, detail)) is conflict


def test_continuation_conflict_of_an_unreachable_queue_store_is_settling() -> None:
    unsure = f"Could not verify continuation ownership for run {RUN}; retry the request"
    assert continuation_conflict(answered(503, unsure)) is Conflict.SETTLING


@pytest.mark.parametrize(("status", "detail"), [(400, "run is already running"), (500, "x"), (404, "Run not found")])
def test_continuation_conflict_ignores_other_errors(status: int, detail: str) -> None:
    assert continuation_conflict(answered(status, detail)) is None


@pytest.mark.anyio
async def test_continuation_conflict_matches_a_live_queue(queued_pausing: str) -> None:
    """The ways to continue a run that are wrong for it, on a live AgentOS: nothing is executed by them."""
    ref = await submitted(queued_pausing, "gate-skip", "tag-recorded")
    async with httpx.AsyncClient(base_url=queued_pausing, timeout=30) as rest:
        path = f"/workflows/gate-skip/runs/{ref.run}/continue"
        form = {"session_id": ref.session, "step_requirements": "[]"}
        plain = await rest.post(path, data={**form, "stream": "false"})
        streamed = await rest.post(path, data={**form, "stream": "true", "background": "true"})
        started = {"message": "go, tag-recorded", "stream": "false", "session_id": "recorded"}
        alone = (await rest.post("/workflows/gate-skip/runs", data=started)).json()["run_id"]
        path = f"/workflows/gate-skip/runs/{alone}/continue"
        unqueued = await rest.post(path, data={**form, "session_id": "recorded", "background": "true"})
        said = [
            continuation_conflict(answered(one.status_code, one.json()["detail"]))
            for one in (plain, streamed, unqueued)
        ]
    assert said == [Conflict.QUEUED, Conflict.NOT_STREAMED, Conflict.NOT_QUEUED]
