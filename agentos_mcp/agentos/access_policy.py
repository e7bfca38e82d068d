"""How an AgentOS tells its callers apart: whether it asks for credentials, and whether it keeps users' data apart."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import anyio

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, NotFound, Unauthorized, Unsupported
from agentos_mcp.agentos.http_errors import READING_ERRORS
from agentos_mcp.agentos.json_values import mapping, text
from agentos_mcp.agentos.shared_call import SharedCall

log = logging.getLogger(__name__)

REFRESH_SECONDS = 60.0
"""How long an answer counts: an AgentOS may be started again with other settings."""
_RETRY_SECONDS = 5.0
_TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True)
class AccessPolicy:
    """What is assumed before AgentOS has answered is the stricter case for its users' data."""

    requires_credentials: bool = True
    isolates_users: bool = False
    """Whether it serves nothing of one user to another, unless they are an admin."""
    agentos_id: str = ""
    """Which tokens for it have to name as their audience; '' where it is not known."""


class AccessPolicyReader:
    """Reads the policy of an AgentOS from what it tells everybody, again after a while."""

    def __init__(self, agent_os: AgentOS) -> None:
        """`agent_os` has no credential."""
        self._agent_os = agent_os
        self._policy = AccessPolicy()
        self._expires_at = 0.0
        self._reading = SharedCall(self._read, _TIMEOUT_SECONDS)
        self._first_answer: anyio.Event | None = None
        """Of a policy that is kept current: set once AgentOS was asked."""

    async def policy(self) -> AccessPolicy:
        """The policy; what it was before where AgentOS does not answer."""
        if self._first_answer is not None:
            await self._first_answer.wait()
        else:
            await self._refresh()
        return self._policy

    async def keep_current(self) -> None:
        """Ask again and again; `policy` then waits for AgentOS only once, however slow it is later."""
        self._first_answer = anyio.Event()
        while True:
            try:
                await self._refresh()
            except Exception:
                # What is known stays: one answer must not end the server.
                log.exception("How AgentOS tells its callers apart could not be read")
                self._expires_at = time.monotonic() + _RETRY_SECONDS
            self._first_answer.set()
            await anyio.sleep(self._expires_at - time.monotonic())

    async def _refresh(self) -> None:
        if self._expires_at < time.monotonic():
            try:
                self._policy = await self._reading.result()
                self._expires_at = time.monotonic() + REFRESH_SECONDS
            except (AgentOSError, *READING_ERRORS) as error:
                log.info("How AgentOS tells its callers apart is not known now: %s", error)
                self._expires_at = time.monotonic() + _RETRY_SECONDS

    async def _read(self) -> AccessPolicy:
        try:
            info = mapping(await self._agent_os.get("/info", retry=False))
        except (NotFound, Unsupported, Unauthorized, Forbidden):
            info = {}
        mode = text(info.get("auth_mode"))
        return AccessPolicy(
            requires_credentials=mode != "none" if mode else await self._refuses_without_credential(),
            agentos_id=text(info.get("os_id")),
            isolates_users=mode == "jwt" and info.get("user_isolation") is True,
        )

    async def _refuses_without_credential(self) -> bool:
        """Of an AgentOS that does not say it: whether it refuses one who shows nothing."""
        try:
            await self._agent_os.get("/config", retry=False)
        except (Unauthorized, Forbidden):
            return True
        return False
