"""AgentOS's sentences, recorded from live ones, and what each of them means."""

from __future__ import annotations

import httpx
import pytest

from agentos_mcp.agentos.agentos_messages import (
    Conflict,
    ProviderProblem,
    ScheduleProblem,
    continuation_conflict,
    factory_failure,
    is_factory_input_error,
    is_input_schema_error,
    is_invalid_path,
    is_memory_optimization_useless,
    is_missing_endpoint,
    is_missing_file,
    is_missing_scope,
    is_missing_service,
    is_missing_span,
    needs_background_database,
    provider_problem,
    required_scopes,
    schedule_problem,
    summarize_validation_errors,
    without_endpoint_advice,
)
from agentos_mcp.agentos.errors import AgentOSError, Forbidden
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
    return error_for_response("POST", "/x", status=status, headers={}, body=body, url="here", with_token=False)


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
        message = [
            continuation_conflict(answered(item.status_code, item.json()["detail"]))
            for item in (plain, streamed, unqueued)
        ]
    assert message == [Conflict.QUEUED, Conflict.NOT_STREAMED, Conflict.NOT_QUEUED]


@pytest.mark.parametrize(("detail", "is_missing"), [("Not Found", True), ("", True), ("Agent not found", False)])
def test_missing_endpoint_is_told_from_a_missing_component(detail: str, is_missing: bool) -> None:
    assert is_missing_endpoint(detail) is is_missing


def test_missing_service_is_told_from_an_outage() -> None:
    assert is_missing_service("Knowledge not available: pass a `knowledge` to AgentOS to enable this feature.")
    assert not is_missing_service("Service Unavailable")


def test_background_run_needs_a_database() -> None:
    refusal = answered(
        400, "Background execution requires a database to be configured on the agent for run persistence"
    )
    assert needs_background_database(refusal)
    assert not needs_background_database(answered(400, "Invalid background value"))
    assert not needs_background_database(answered(500, "background: the database is locked"))


@pytest.mark.parametrize(
    ("detail", "scopes"),
    [
        ("Insufficient permissions. Required scope(s): agents:run", "agents:run"),
        ("Forbidden. Required scope(s): sessions:read, sessions:write.", "sessions:read, sessions:write"),
        ("Missing required scope(s): config:read", "config:read"),
        ("Insufficient permissions", ""),
        ("", ""),
    ],
)
def test_forbidden_has_the_scopes_that_agentos_names(detail: str, scopes: str) -> None:
    error = answered(403, detail)
    assert isinstance(error, Forbidden)
    assert error.required_scopes == required_scopes(detail) == scopes
    assert error.reworded("other", "words").required_scopes == scopes
    assert is_missing_scope(detail) is bool(scopes)


def test_input_errors_are_told_apart() -> None:
    schema = "Input failed schema validation: 1 validation error for Trip days Field required [type=missing]"
    factory = "factory_input validation failed: 1 validation error for Trip city Field required [type=missing]"
    assert (is_input_schema_error(schema), is_factory_input_error(schema)) == (True, False)
    assert (is_input_schema_error(factory), is_factory_input_error(factory)) == (False, True)


@pytest.mark.parametrize(
    ("detail", "reason"),
    [
        ("Error in workflow factory: the map has no Nowhere", "the map has no Nowhere"),
        ("Agent factory error", ""),
        ("Workflow not found", None),
    ],
)
def test_factory_failure_has_its_reason(detail: str, reason: str | None) -> None:
    assert factory_failure(detail) == reason


def test_validation_errors_are_summarized_by_location() -> None:
    detail = (
        "factory_input validation failed: 2 validation errors for Trip "
        "city Field required [type=missing, input_value={}, input_type=dict] "
        "For further information visit https://errors.pydantic.dev/2.14/v/missing "
        "days Input should be a valid integer [type=int_type, input_value='x', input_type=str] "
        "For further information visit https://errors.pydantic.dev/2.14/v/int_type."
    )
    problems = "city: Field required; days: Input should be a valid integer."
    assert summarize_validation_errors(detail) == f"factory_input validation failed: {problems}"
    assert summarize_validation_errors("nothing of the kind") == "nothing of the kind"


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        ("Your credit balance is too low to access the Anthropic API", ProviderProblem.PAYMENT),
        ("Error code: 429 - Rate limit reached for requests", ProviderProblem.OVERLOADED),
        ("Incorrect API key provided: sk-1", ProviderProblem.CREDENTIALS),
        ("This model's maximum context length is 8192 tokens", ProviderProblem.CONTEXT_TOO_LONG),
        ("Request timed out.", ProviderProblem.TIMEOUT),
        ("KeyError: 'port 4290'", None),
    ],
)
def test_provider_problem_is_told_from_a_component_error(error: str, problem: ProviderProblem | None) -> None:
    assert provider_problem(error) is problem


@pytest.mark.parametrize(
    ("detail", "problem"),
    [
        ("Invalid cron expression: * * *", ScheduleProblem.CRON),
        ("Invalid timezone: Nowhere", ScheduleProblem.TIMEZONE),
        ("CroniterBadDateError: failed to find next date", ScheduleProblem.NEVER_DUE),
        ("Schedule with name 'daily' already exists", ScheduleProblem.NAME_TAKEN),
        ("Scheduler is not running", ScheduleProblem.SCHEDULER_OFF),
        ("Schedule not found", None),
    ],
)
def test_schedule_problem_is_known_by_its_words(detail: str, problem: ScheduleProblem | None) -> None:
    assert schedule_problem(detail) is problem


def test_single_toolsets_know_their_refusals() -> None:
    assert is_missing_span("Span not found")
    assert not is_missing_span("Trace not found")
    assert is_missing_file("File not found")
    assert not is_missing_file("Namespace not found")
    assert is_invalid_path("invalid path '..': it leaves the namespace. Use relative paths like notes/topic.md.")
    assert is_memory_optimization_useless(
        "1 validation error for OptimizeMemoriesResponse tokens_saved Input should be greater than"
    )
    exists = "A 'user_profile' learning already exists for this identity (id 'x')."
    assert without_endpoint_advice(f"{exists} Use PATCH /learnings/x to update it.") == exists
