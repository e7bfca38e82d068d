"""Whether this server can serve (`/health`), and whether its AgentOS answers too (`/ready`)."""

from __future__ import annotations

import logging
import time

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_mcp.agentos.errors import AgentOSError, NotFound, Unauthorized, Unreachable, Unsupported
from agentos_mcp.agentos.http_errors import READING_ERRORS
from agentos_mcp.agentos.shared_call import SharedCall
from agentos_mcp.agentos.task_groups import unwrapped_task_group
from agentos_mcp.server.mcp_server import AgentOSServer
from agentos_mcp.tooling.context import Backend

HEALTH = "/health"
READY = "/ready"
READY_TIMEOUT_SECONDS = 2.0
"""How long AgentOS may take."""
READY_CACHE_SECONDS = 5.0
"""However many ask, and however often: AgentOS is asked no more often than this."""

log = logging.getLogger(__name__)


class HealthEndpoints:
    """ASGI middleware that answers HEALTH and READY itself.

    They need no token and may be called by any name, as load balancers call by address; so they tell nothing about
    AgentOS but whether it answers.
    """

    def __init__(self, app: ASGIApp, server: AgentOSServer) -> None:
        self._app = app
        self._server = server
        self._agentos_check = SharedCall(self._check_agentos, READY_TIMEOUT_SECONDS)
        self._reason = ""
        self._expires_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_ours = scope["type"] == "http" and scope["path"] in {HEALTH, READY}
        await (await self._answer(scope) if is_ours else self._app)(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response:
        if scope["method"] not in {"GET", "HEAD"}:
            return PlainTextResponse("Method Not Allowed", 405, {"allow": "GET, HEAD"})
        if self._server.backend is None:
            return _status(503, "unavailable", "This server cannot serve: it is starting or stopping, or has failed.")
        if scope["path"] == HEALTH:
            return _status(200, "ok")
        if self._server.stopping.is_set():
            return _status(503, "not ready", "This server is stopping.")
        reason = await self._not_ready_reason()
        return _status(503, "not ready", reason) if reason else _status(200, "ready")

    async def _not_ready_reason(self) -> str:
        """Why AgentOS cannot be used, as of a few seconds ago at most; '' if it can."""
        if self._expires_at < time.monotonic():
            try:
                self._reason = await self._agentos_check.result()
            except AgentOSError:
                self._reason = "AgentOS is slow to answer."
            self._expires_at = time.monotonic() + READY_CACHE_SECONDS
        return self._reason

    async def _check_agentos(self) -> str:
        state = self._server.shared_state
        if state is None:
            return "This server is stopping."
        # Of several AgentOSes one is enough: the others take nothing with them, nor is any waited for.
        reasons: list[str] = []

        async def check(backend: Backend) -> None:
            reasons.append(await _unusable_reason(backend))
            if not reasons[-1]:
                tasks.cancel_scope.cancel()

        async with unwrapped_task_group() as tasks:
            for backend in state.backends:
                tasks.start_soon(check, backend)
        return "" if "" in reasons else reasons[-1]


async def _unusable_reason(backend: Backend) -> str:
    """Why an AgentOS cannot be used; '' if it can."""
    for path in ("/health", "/config"):
        try:
            await backend.agent_os.get(path, retry=False)
        except (Unsupported, NotFound):
            continue
        except AgentOSError as error:
            log.info("Not ready: %s", error)
            return _public_reason(error)
        except READING_ERRORS:
            log.exception("Not ready")
            return "AgentOS answers with something that cannot be read."
        return ""
    return "What answers is not an AgentOS."


def _public_reason(error: AgentOSError) -> str:
    """The kind of an error alone: its message may name addresses that not everybody should see."""
    match error:
        case Unreachable():
            return "AgentOS does not answer."
        case Unauthorized():
            return "AgentOS refuses the token of this server."
        case _:
            return "AgentOS answers with errors."


def _status(code: int, status: str, reason: str = "") -> Response:
    body = {"status": status} | ({"reason": reason} if reason else {})
    return JSONResponse(body, code, {"cache-control": "no-store"})
