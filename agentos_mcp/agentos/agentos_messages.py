"""What AgentOS's own sentences mean, where no status, code or field says it.

The only place where its text is read: one function for each meaning, each tested on an answer that was recorded from
a running AgentOS. They take `AgentOSError.detail`, which is AgentOS's text on one line, or what a document says.
"""

from __future__ import annotations

import re
from enum import Enum, auto

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, ServerFailure

# Endpoints


def is_missing_endpoint(detail: str) -> bool:
    """Of a 404: whether AgentOS does not serve the path at all. These are FastAPI's words; AgentOS names what it
    misses ("Agent not found")."""
    return detail in {"Not Found", ""}


def is_missing_service(detail: str) -> bool:
    """Of a 503: whether AgentOS was set up without what the request needs, so that trying again does not help."""
    return "not available" in detail


def needs_background_database(error: AgentOSError) -> bool:
    """Whether AgentOS refused to run a component in the background because it has no database."""
    detail = error.detail.casefold()
    return error.status == 400 and "background" in detail and ("database" in detail or " db" in detail)


def is_missing_scope(detail: str) -> bool:
    """Of a 403: whether the token lacks a scope; else a component itself did not allow the request."""
    return "scope" in detail.casefold()


def required_scopes(detail: str) -> str:
    """Of a 403: the scopes that the token would need, "agents:run"; '' where they are not named."""
    scopes = re.search(r"\brequired scope\(s\): ([^.]+)", detail, re.IGNORECASE)
    return scopes[1].strip() if scopes else ""


# Inputs of components


def is_input_schema_error(detail: str) -> bool:
    """Of a 400: whether the message does not fit the component's input schema."""
    return "Input failed schema validation" in detail


def is_factory_input_error(detail: str) -> bool:
    """Of a 400: whether a factory did not take its input."""
    return "factory_input" in detail


_FACTORY_FAILURE = re.compile(r"^(?:Error in )?(?:agent|team|workflow) factory(?: error)?(?:: (.*))?$", re.IGNORECASE)


def factory_failure(detail: str) -> str | None:
    """Of a 500: why a factory failed, '' where it gave no reason; None where no factory failed."""
    failure = _FACTORY_FAILURE.search(detail)
    return None if failure is None else failure[1] or ""


_ERROR_COUNT = re.compile(r"\d+ validation errors? for \S+ ")
_VALIDATION_ERROR = re.compile(
    r"(?P<location>\S+) (?P<problem>.+?) \[type=(?P<type>\w+).*?(?:input_type=\w+)?\]"
    r"(?: For further information visit https?://\S+?)?(?= |$|\.$)"
)
_NO_LOCATION = {"Value", "Assertion", "Input"}
"""First words of pydantic's messages where the whole input is wrong, and no location is named."""


def summarize_validation_errors(detail: str) -> str:
    """Pydantic's four-part messages as one "location: problem" each; other text as it is."""
    count = _ERROR_COUNT.search(detail)
    if count is None:
        return detail
    errors = detail[count.end() :]
    problems = []
    for error in _VALIDATION_ERROR.finditer(errors):
        location, problem = error["location"], error["problem"]
        problems.append(f"{location} {problem}" if location in _NO_LOCATION else f"{location}: {problem}")
    if not problems:
        return detail
    end = "; …" if errors.endswith(("…", "….")) else "."
    return f"{detail[: count.start()]}{'; '.join(problems)}{end}"


# Continuing a paused run


class Conflict(Enum):
    """Why AgentOS did not take the answers to a paused run. None of these refusals has executed anything."""

    QUEUED = auto()
    """The run is in the durable queue, which alone continues it: send `background=true`."""
    NOT_QUEUED = auto()
    """The run was never in the queue: send no `background`."""
    NOT_STREAMED = auto()
    """The run was submitted without streaming, and has to be continued without it."""
    SETTLING = auto()
    """The queue is between two writes: send the same again in a moment."""
    CONTINUED = auto()
    """Somebody else has continued it."""
    REFUSED = auto()
    """Anything else: `detail` says it."""


_CONFLICTS = (
    (Conflict.QUEUED, "continue it with background=true"),
    (Conflict.NOT_QUEUED, "only available for durably-submitted"),
    (Conflict.NOT_STREAMED, "was submitted non-streaming"),
    (Conflict.SETTLING, "settling between execution legs"),
    (Conflict.CONTINUED, "is already queued or executing"),
    (Conflict.CONTINUED, "run is already running"),
    (Conflict.CONTINUED, "run is already pending"),
    (Conflict.CONTINUED, "run is already completed"),
)


def continuation_conflict(error: AgentOSError) -> Conflict | None:
    """What a refusal to continue a run means (the same 409 says many things); None for any other error."""
    if isinstance(error, ServerFailure) and error.status == 503 and "continuation ownership" in error.detail:
        return Conflict.SETTLING  # the queue's own store did not answer, and nothing is done without it
    if not isinstance(error, InvalidRequest) or error.status != 409:
        return None
    return next((conflict for conflict, words in _CONFLICTS if words in error.detail), Conflict.REFUSED)


# Errors of a run, which are mostly those of a model's provider


class ProviderProblem(Enum):
    """What a model's provider, or whatever else a component calls, complains of."""

    PAYMENT = auto()
    OVERLOADED = auto()
    CREDENTIALS = auto()
    CONTEXT_TOO_LONG = auto()
    TIMEOUT = auto()


_PROVIDER_PROBLEMS = (
    (ProviderProblem.PAYMENT, r"credit|billing|insufficient_quota|exceeded your current quota|payment"),
    (
        ProviderProblem.OVERLOADED,
        r"rate.?limit|too many requests|overloaded|unavailable|\b(429|502|503|529)\b",
    ),
    (ProviderProblem.CREDENTIALS, r"api.?key|unauthorized|authentication|\b401\b"),
    (ProviderProblem.CONTEXT_TOO_LONG, r"context.length|maximum context|too many tokens|prompt is too long"),
    (ProviderProblem.TIMEOUT, r"timed out|timeout"),
)


def provider_problem(error: str) -> ProviderProblem | None:
    """What a run's error says of a model's provider; None where it says nothing of one."""
    return next((problem for problem, pattern in _PROVIDER_PROBLEMS if re.search(pattern, error, re.IGNORECASE)), None)


_FAILED_SEARCH = re.compile(r"Error searching knowledge base: \S.{0,500}", re.DOTALL)


def is_failed_knowledge_search(result: str) -> bool:
    """Of a tool call's result: whether it is what AgentOS tells a model whose search failed, in a call that it counts
    as successful."""
    return _FAILED_SEARCH.fullmatch(result.strip()) is not None


# Single toolsets


class ScheduleProblem(Enum):
    """Why AgentOS does not take a schedule, or does not run it."""

    CRON = auto()
    TIMEZONE = auto()
    NEVER_DUE = auto()
    NAME_TAKEN = auto()
    SCHEDULER_OFF = auto()


_SCHEDULE_PROBLEMS = (
    (ScheduleProblem.CRON, "Invalid cron"),
    (ScheduleProblem.TIMEZONE, "Invalid timezone"),
    (ScheduleProblem.NEVER_DUE, "CroniterBadDateError"),
    (ScheduleProblem.NAME_TAKEN, "already exists"),
    (ScheduleProblem.SCHEDULER_OFF, "Scheduler is not running"),
)


def schedule_problem(detail: str) -> ScheduleProblem | None:
    return next((problem for problem, words in _SCHEDULE_PROBLEMS if words in detail), None)


def without_endpoint_advice(detail: str) -> str:
    """Of a 409 of a learning: what happened, without the endpoint that AgentOS advises to call."""
    return detail.partition(" Use PATCH")[0]


def is_memory_optimization_useless(detail: str) -> bool:
    """Of a 500: whether optimized memories came out longer than the memories; AgentOS fails as it counts the saving."""
    return "tokens_saved" in detail


def is_missing_span(detail: str) -> bool:
    """Of a 404 of a span: whether the trace is there, and only the span is not."""
    return "Span" in detail


def is_missing_file(detail: str) -> bool:
    """Of an agent's file system: whether the path names no file."""
    return detail.startswith("File not found")


def is_invalid_path(detail: str) -> bool:
    """Of an agent's file system: whether the path could not be of any file."""
    return "invalid path" in detail
