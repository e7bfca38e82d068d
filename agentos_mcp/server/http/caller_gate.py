"""Finds out who sends each request over HTTP, and how each AgentOS treats them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import anyio
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_REQUEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agentos_mcp.agentos.access_policy import AccessPolicyReader
from agentos_mcp.agentos.errors import AgentOSError, Unsupported
from agentos_mcp.server.callers import CALLER_KEY, Caller, bound_caller
from agentos_mcp.server.http.identity import HeaderIdentity, Refusal
from agentos_mcp.server.http.instance_identities import Identities


def principal_of(ctx: ServerRequestContext[Any, Any]) -> str | None:
    """Whom a question's state is sealed for: a user may renew a credential before they answer."""
    caller = bound_caller(ctx)
    if caller is None:
        return None
    if not caller.by_instance:
        return _principal(caller)
    return json.dumps({name: _principal(own) for name, own in caller.by_instance.items()}, sort_keys=True)


def _principal(caller: Caller) -> str:
    return f"user {caller.user_id}" if caller.user_id else f"credential {caller.key}"


class CallerGate:
    """ASGI middleware that finds out who sends a request, and refuses those without a caller."""

    def __init__(self, app: ASGIApp, identities: Identities) -> None:
        self._app = app
        self._identities = identities

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                caller = await self._identities.caller_of(scope)
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
    """Says of each MCP request who sent it, and how each AgentOS treats them."""

    def __init__(self, identities: Identities, policies: Mapping[str, AccessPolicyReader]) -> None:
        """`policies` are those of the AgentOSes that tell callers apart, by name; '' where there is one."""
        self._identities = identities
        self._policies = policies

    async def __call__(self, ctx: ServerRequestContext[Any, Any]) -> Caller:
        """Raises MCPError for a request without a caller, and where AgentOS would believe whatever a caller shows."""
        caller = bound_caller(ctx)
        if caller is None:
            raise MCPError(INVALID_REQUEST, "This request does not say who sends it.")
        if caller.by_instance:
            return Caller.of_instances(
                {name: await self._treated(name, own) for name, own in caller.by_instance.items()}
            )
        caller = await self._treated("", caller)
        if caller.refusal is not None:
            raise MCPError(INTERNAL_ERROR, str(caller.refusal))
        return caller

    async def _treated(self, instance: str, caller: Caller) -> Caller:
        """The caller as an AgentOS treats them, or with its refusal."""
        if caller.refusal is not None:
            return caller
        policy = await self._policies[instance].policy()
        if isinstance(self._identities.on(instance), HeaderIdentity) and not policy.requires_credentials:
            return Caller("", refusal=_believes_anybody())
        return replace(caller, key=f"{caller.key}/{policy.isolates_users}", is_isolated=policy.isolates_users)


def _believes_anybody() -> AgentOSError:
    return Unsupported(
        "This server's AgentOS asks nobody for a credential, so that callers cannot be told apart.",
        "Turn on its authorization, or start this server with --identity shared.",
    )
