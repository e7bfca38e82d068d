"""A way to tell the callers of an AgentOS apart, and the one by a credential of their own that they send."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable

from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from agentos_mcp.agentos.access_policy import AccessPolicyReader
from agentos_mcp.agentos.client import TokenSource
from agentos_mcp.agentos.token_claims import read_claims
from agentos_mcp.server.callers import Caller
from agentos_mcp.settings.settings import check_token


class Refusal(Exception):
    """Why a request is not served: the error and the words of the response to it."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description

    @property
    def response(self) -> Response:
        return JSONResponse({"error": self.error, "error_description": self.description}, 400)


class Identity(ABC):
    """One way to tell the callers of an AgentOS apart."""

    knows_scopes = False
    """Whether the scopes of its callers are verified before AgentOS sees them."""
    headers: tuple[str, ...] = ()
    """Of a request: those that callers send for it, beside what admits them."""

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

    def on(self, instance: str) -> Identity | None:
        """How callers are told apart on this AgentOS; None where they share the server's credential."""
        return self


class HeaderIdentity(Identity):
    """Each caller sends a credential of AgentOS in a header of its own, beside whatever admits them here."""

    def __init__(self, header: str, user_claim: str) -> None:
        self.headers = (header,)
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
            raise Refusal("missing_agentos_credential", description)
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
