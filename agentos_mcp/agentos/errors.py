"""What can go wrong with an AgentOS, as one small tree.

    AgentOSError
    ├── Unreachable        no response: down, wrong URL, connection lost, too slow
    ├── Unauthorized       401: no token, or one that AgentOS does not accept
    ├── Forbidden          403: a valid token without the scope
    ├── NotFound           404: no such agent, session, run, ...
    ├── InvalidRequest     400, 409, 422, or refused here before it was sent
    ├── RateLimited        429
    ├── ServerFailure      5xx, or a response that is not AgentOS's
    │   └── Unsupported    this AgentOS (its version, its set-up) cannot do that
    └── RunFailed          the run itself ended in an error

Each says what happened (`message`) and what to do next (`hint`); `render` words both for a surface's readers.
"""

from __future__ import annotations

import copy
from typing import Self

from agentos_mcp.agentos.hints import PLAIN, Hint, Surface, as_hint


class AgentOSError(Exception):
    """Anything that went wrong with an AgentOS. `status` is the HTTP status, 0 where there was none."""

    outcome_unknown = False
    """A change was sent and its response lost: it is not known whether it was done."""

    detail = ""
    """AgentOS's own words, where it gave any: one line, secrets masked."""
    run_reference = ""
    """The run that it is about, '' where it is about none."""

    def __init__(self, message: str, hint: Hint | str = "", *, status: int = 0) -> None:
        self.message = message
        self.hint = as_hint(hint)
        self.status = status
        super().__init__(message)

    def render(self, surface: Surface) -> str:
        """What happened and what to do next, for this surface's readers; a run's reference is a line of its own."""
        words = f"{self.message} {self.hint.render(surface)}".strip()
        return f"{words}\nrun: {self.run_reference}" if self.run_reference else words

    def __str__(self) -> str:
        return self.render(PLAIN)

    def with_run(self, reference: str) -> Self:
        """The same error, about this run."""
        error = copy.copy(self)
        error.run_reference = reference
        return error

    @property
    def is_transient(self) -> bool:
        """Whether it may be gone a moment later, so that a read is worth retrying."""
        return False

    def reworded(self, message: str, hint: Hint | str) -> Self:
        """The same error in other words."""
        error = copy.copy(self)
        error.message, error.hint = message, as_hint(hint)
        return error


class Unreachable(AgentOSError):
    """No response came. `was_sent` is False where the request provably never reached AgentOS."""

    def __init__(self, message: str, hint: Hint | str = "", *, was_sent: bool = True) -> None:
        super().__init__(message, hint)
        self.was_sent = was_sent

    @property
    def is_transient(self) -> bool:
        return True


class Unauthorized(AgentOSError):
    """AgentOS requires a token, or does not accept this one (401)."""


class Forbidden(AgentOSError):
    """The token is valid and does not allow this (403). `required_scopes` is '' where AgentOS names none."""

    def __init__(self, message: str, hint: Hint | str = "", *, status: int = 0, required_scopes: str = "") -> None:
        super().__init__(message, hint, status=status)
        self.required_scopes = required_scopes


class NotFound(AgentOSError):
    """AgentOS does not know it (404)."""


class InvalidRequest(AgentOSError):
    """AgentOS (400, 409, 422), or a check made before sending (status 0), refused the request."""


class RateLimited(AgentOSError):
    """Too many requests (429). `retry_after` is in seconds, 0 where AgentOS named none."""

    def __init__(self, message: str, hint: Hint | str = "", *, retry_after: float = 0.0) -> None:
        super().__init__(message, hint, status=429)
        self.retry_after = retry_after

    @property
    def is_transient(self) -> bool:
        return True


class ServerFailure(AgentOSError):
    """AgentOS failed (5xx), or the response is not AgentOS's."""

    @property
    def is_transient(self) -> bool:
        # A proxy's words for an AgentOS that is just restarting. Its own 503 means "not set up", which stays.
        return self.status in (502, 504)


class Unsupported(ServerFailure):
    """This AgentOS cannot do that: too old, or set up without the part it needs."""


class RunFailed(AgentOSError):
    """The run ended in an error; `message` is what AgentOS said of it."""
