"""Whether this server can serve (`/health`), and whether its AgentOS answers too (`/ready`)."""

from __future__ import annotations

import logging
import time

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Scope

from agentos_mcp.agentos.errors import AgentOSError, NotFound, Unauthorized, Unreachable, Unsupported
from agentos_mcp.agentos.http_errors import READING_ERRORS
from agentos_mcp.agentos.shared_call import SharedCall
from agentos_mcp.server.mcp_server import AgentOSServer

HEALTH = "/health"
READY = "/ready"
READY_SECONDS = 2.0
"""How long AgentOS may take."""
KEPT_SECONDS = 5.0
"""Whoever asks, and however often: AgentOS is asked no more than this."""

log = logging.getLogger(__name__)


class Health:
    """Answers for those who watch over a server. They need no token, so they are told nothing about AgentOS
    but whether it answers.
    """

    def __init__(self, server: AgentOSServer) -> None:
        self._server = server
        self._look = SharedCall(self._lack, READY_SECONDS)
        self._known = ""
        self._until = 0.0

    @property
    def serving(self) -> bool:
        """Whether calls can be served: what they need is open."""
        return self._server.backend is not None

    async def answer(self, scope: Scope) -> Response:
        """The answer to a request for HEALTH or READY."""
        if scope["method"] not in {"GET", "HEAD"}:
            return PlainTextResponse("Method Not Allowed", 405, {"allow": "GET, HEAD"})
        if not self.serving:
            return _told(503, "unavailable", "This server cannot serve: it is starting or stopping, or has failed.")
        if scope["path"] == HEALTH:
            return _told(200, "ok")
        unavailable_reason = await self._lack_of_readiness()
        return _told(503, "not ready", unavailable_reason) if unavailable_reason else _told(200, "ready")

    async def _lack_of_readiness(self) -> str:
        """Why AgentOS cannot be used, as of a few seconds ago at most; '' if it can."""
        if self._until < time.monotonic():
            try:
                self._known = await self._look.result()
            except AgentOSError:
                self._known = "AgentOS is slow to answer."
            self._until = time.monotonic() + KEPT_SECONDS
        return self._known

    async def _lack(self) -> str:
        backend = self._server.backend
        if backend is None:
            return "This server is stopping."
        for path in ("/health", "/config"):
            try:
                await backend.agent_os.get(path, retry=False)
            except (Unsupported, NotFound):
                continue
            except AgentOSError as error:
                log.info("Not ready: %s", error)
                return _in_short(error)
            except READING_ERRORS:
                log.exception("Not ready")
                return "AgentOS answers with something that cannot be read."
            return ""
        return "What answers is no AgentOS."


def _in_short(error: AgentOSError) -> str:
    """The kind of an error alone: its words may name places that are nobody's business."""
    match error:
        case Unreachable():
            return "AgentOS does not answer."
        case Unauthorized():
            return "AgentOS refuses the token of this server."
        case _:
            return "AgentOS answers with errors."


def _told(code: int, status: str, reason: str = "") -> Response:
    body = {"status": status} | ({"reason": reason} if reason else {})
    return JSONResponse(body, code, {"cache-control": "no-store"})
