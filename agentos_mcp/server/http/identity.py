"""Who calls a server over HTTP, and with which credential AgentOS is asked for them."""

from __future__ import annotations

import hashlib
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anyio
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentos_mcp.agentos.access_policy import AccessPolicyReader
from agentos_mcp.agentos.client import TokenSource
from agentos_mcp.agentos.token_claims import read_claims
from agentos_mcp.server.callers import CALLER_KEY, Caller, bound_caller
from agentos_mcp.settings.settings import check_token

log = logging.getLogger(__name__)


class Refusal(Exception):
    """Why a request is not served: the response to it."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class Identity(ABC):
    """One way to tell callers apart."""

    knows_scopes = False
    """Whether the scopes of its callers are verified before AgentOS sees them."""

    @property
    @abstractmethod
    def credential_advice(self) -> str:
        """What to do about a credential that AgentOS refuses, as what somebody does about it."""

    @abstractmethod
    async def caller_of(self, scope: Scope) -> Caller:
        """Who sends a request. Raises Refusal where that is not known."""

    @abstractmethod
    def credentials_for(self, caller: Callable[[], Caller], policies: AccessPolicyReader) -> TokenSource:
        """What AgentOS is shown for a caller; `caller` says who they are now, as what they show may be renewed.

        `policies` says what is public of the AgentOS.
        """

    def principal_of(self, ctx: ServerRequestContext[Any, Any]) -> str | None:
        """Whom a question's state is sealed for: a user may renew a credential before they answer."""
        caller = bound_caller(ctx)
        if caller is None:
            return None
        return f"user {caller.user_id}" if caller.user_id else f"credential {caller.key}"


class HeaderIdentity(Identity):
    """Each caller sends a credential of AgentOS in a header of its own, beside whatever admits them here."""

    def __init__(self, header: str, user_claim: str) -> None:
        self._header = header
        self._header_name = header.lower().encode("latin-1")
        self._user_claim = user_claim

    @property
    def credential_advice(self) -> str:
        return f"the caller sends one that AgentOS accepts, in the header {self._header}"

    async def caller_of(self, scope: Scope) -> Caller:
        values = [value.decode("latin-1") for name, value in scope["headers"] if name == self._header_name]
        try:
            credential = check_token(values[0].removeprefix("Bearer ")) if len(values) == 1 else ""
        except ValueError:
            credential = ""
        if not credential:
            description = f"This server asks for your own credential of AgentOS: send it in the header {self._header}."
            body = {"error": "missing_agentos_credential", "error_description": description}
            raise Refusal(JSONResponse(body, 400))
        # Nothing is decided by these claims that a forged token could gain by: AgentOS verifies it at every request.
        claims = read_claims(credential, self._user_claim)
        return Caller(
            key=hashlib.sha256(credential.encode()).hexdigest(),
            user_id=claims.subject if claims is not None else "",
            scopes=frozenset(claims.scopes) if claims is not None else None,
            expires_at=claims.expires.timestamp() if claims is not None and claims.expires else math.inf,
            credential=credential,
        )

    def credentials_for(self, caller: Callable[[], Caller], policies: AccessPolicyReader) -> TokenSource:
        return lambda: caller().credential


class CallerGate:
    """ASGI middleware that finds out who sends a request, and refuses those without a caller."""

    def __init__(self, app: ASGIApp, identity: Identity) -> None:
        self._app = app
        self._identity = identity

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                caller = await self._identity.caller_of(scope)
            except Refusal as refusal:
                await refusal.response(scope, receive, send)
                return
            scope[CALLER_KEY] = caller
            # The SDK serves a session only to the one who opened it, by this.
            scope["user"] = AuthenticatedUser(AccessToken(token="", client_id=caller.key, scopes=[]))
            if scope["method"] == "GET":
                await self._listen(scope, receive, send, caller)
                return
        await self._app(scope, receive, send)

    async def _listen(self, scope: Scope, receive: Receive, send: Send, caller: Caller) -> None:
        """Serve a legacy client's stream of notifications until what the caller showed expires."""
        begun = ended = False

        async def send_and_note(message: Message) -> None:
            nonlocal begun, ended
            begun = True
            ended = message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        with anyio.move_on_after(caller.seconds_left) as expiry:
            await self._app(scope, receive, send_and_note)
        if expiry.cancelled_caught and begun and not ended:
            await send({"type": "http.response.body", "body": b"", "more_body": False})


class CallersOfRequests:
    """Says of each MCP request who sent it, and how AgentOS treats them."""

    def __init__(self, identity: Identity, policies: AccessPolicyReader) -> None:
        self._identity = identity
        self._policies = policies

    async def __call__(self, ctx: ServerRequestContext[Any, Any]) -> Caller:
        """Raises MCPError for a request without a caller, and where AgentOS would believe whatever a caller shows."""
        caller = bound_caller(ctx)
        if caller is None:
            raise MCPError(INVALID_REQUEST, "This request does not say who sends it.")
        policy = await self._policies.policy()
        if isinstance(self._identity, HeaderIdentity) and not policy.requires_credentials:
            raise MCPError(
                INTERNAL_ERROR,
                "This server's AgentOS asks nobody for a credential, so that callers cannot be told apart. Turn on its "
                "authorization, or start this server with --identity shared.",
            )
        return replace(caller, key=f"{caller.key}/{policy.isolates_users}", is_isolated=policy.isolates_users)
