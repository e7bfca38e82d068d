"""What AgentOS's durable queue means by a refusal to continue a run: the same 409 says many things.

None of these refusals has executed anything. The words are agno 3.1's own; it gives no other sign.
"""

from __future__ import annotations

from enum import Enum, auto

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, ServerFailure


class Conflict(Enum):
    """Why the answers to a paused run were not taken."""

    QUEUED = auto()
    """The run rode the queue, which alone continues it: with `background=true`."""
    NOT_QUEUED = auto()
    """The run never rode the queue: without `background`."""
    NOT_STREAMED = auto()
    """The run was submitted without streaming, and is continued likewise."""
    SETTLING = auto()
    """The queue is between two writes: the same again in a moment."""
    CONTINUED = auto()
    """Somebody else has continued it."""
    REFUSED = auto()
    """Anything else: AgentOS's own words say it."""


_WORDS = (
    (Conflict.QUEUED, "continue it with background=true"),
    (Conflict.NOT_QUEUED, "only available for durably-submitted"),
    (Conflict.NOT_STREAMED, "was submitted non-streaming"),
    (Conflict.SETTLING, "settling between execution legs"),
    (Conflict.CONTINUED, "is already queued or executing"),
    (Conflict.CONTINUED, "run is already running"),
    (Conflict.CONTINUED, "run is already pending"),
    (Conflict.CONTINUED, "run is already completed"),
)


def conflict_of(error: AgentOSError) -> Conflict | None:
    """What the refusal of a continuation says; None where the error is no such refusal."""
    if isinstance(error, ServerFailure) and error.status == 503 and "continuation ownership" in error.message:
        return Conflict.SETTLING  # the queue's own store did not answer, and nothing is done without it
    if not isinstance(error, InvalidRequest) or error.status != 409:
        return None
    return next((conflict for conflict, words in _WORDS if words in error.message), Conflict.REFUSED)
