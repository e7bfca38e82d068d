"""Callers whose access token the issuer exchanges for one that is meant for AgentOS (RFC 8693, or as Entra does it)."""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from agentos_mcp.agentos.access_policy import AccessPolicyReader
from agentos_mcp.agentos.client import TokenSource
from agentos_mcp.agentos.errors import AgentOSError, Unauthorized
from agentos_mcp.agentos.json_fetch import DEADLINE_SECONDS, FetchFailed, fetch_json
from agentos_mcp.agentos.json_values import mapping, number, text
from agentos_mcp.agentos.log_format import Loggable
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.redaction import redact
from agentos_mcp.agentos.shared_call import SharedCall
from agentos_mcp.agentos.token_claims import read_claims
from agentos_mcp.server.callers import MAX_CALLERS, Caller
from agentos_mcp.server.http.access_tokens import AccessToken, InvalidToken
from agentos_mcp.server.http.issuer import Issuer, IssuerUnavailable
from agentos_mcp.server.http.signed_in_identity import RENEWAL_SECONDS, SignedInIdentity, caller_key
from agentos_mcp.settings.settings import Token, check_token

log = logging.getLogger(__name__)

TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - the name of a grant
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a type
_DEFAULT_SECONDS = 300.0
"""How long a token counts of which the issuer does not say it."""
_MAX_SECONDS = 3600.0
_MAX_DESCRIPTION_LENGTH = 300


@dataclass(frozen=True)
class ExchangeSettings:
    """As whom the issuer is asked, and for what."""

    client_id: str
    client_secret: Token | None = None
    grant: str = TOKEN_EXCHANGE
    audience: str = ""
    resource: str = ""
    scope: str = ""

    def form(self, subject_token: str) -> dict[str, str]:
        """The request for a token, by the grant."""
        if self.grant == JWT_BEARER:
            form = {"grant_type": JWT_BEARER, "assertion": subject_token, "requested_token_use": "on_behalf_of"}
            return form | ({"scope": self.scope} if self.scope else {})
        form = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": subject_token,
            "subject_token_type": _ACCESS_TOKEN_TYPE,
            "requested_token_type": _ACCESS_TOKEN_TYPE,
        }
        wanted = {"audience": self.audience, "resource": self.resource, "scope": self.scope}
        return form | {name: value for name, value in wanted.items() if value}


@dataclass(frozen=True)
class _Exchanged:
    token: str = field(repr=False)
    ends_at: float


class ExchangeRefused(Unauthorized):
    """The issuer gives no token for this caller."""


class TokenExchange:
    """Exchanges tokens, each once: what it got is kept until shortly before it ends."""

    def __init__(self, issuer: Issuer, settings: ExchangeSettings) -> None:
        self._issuer = issuer
        self._settings = settings
        self._exchanged: OrderedDict[str, _Exchanged] = OrderedDict()
        self._pending: dict[str, SharedCall[_Exchanged]] = {}

    async def exchange(self, subject_token: str) -> str:
        """The token for AgentOS. Raises ExchangeRefused, and IssuerUnavailable."""
        key = hashlib.sha256(subject_token.encode()).hexdigest()
        exchanged = self._exchanged.get(key)
        if exchanged is not None and time.time() < exchanged.ends_at - RENEWAL_SECONDS:
            self._exchanged.move_to_end(key)
            return exchanged.token
        pending = self._pending.setdefault(key, SharedCall(lambda: self._ask(subject_token), 3 * DEADLINE_SECONDS))
        try:
            self._exchanged[key] = exchanged = await pending.result()
        finally:
            self._pending.pop(key, None)
        while len(self._exchanged) > 2 * MAX_CALLERS:
            self._exchanged.popitem(last=False)
        return exchanged.token

    async def _ask(self, subject_token: str) -> _Exchanged:
        endpoint = (await self._issuer.endpoints()).token
        if not endpoint:
            raise IssuerUnavailable(f"{self._issuer.url} names no token endpoint.")
        settings = self._settings
        form, auth = settings.form(subject_token), None
        secret = settings.client_secret() if settings.client_secret is not None else ""
        if secret and settings.grant == TOKEN_EXCHANGE:
            auth = (quote(settings.client_id, safe=""), quote(secret, safe=""))
        else:
            form |= {"client_id": settings.client_id}
            form |= {"client_secret": secret} if secret else {}
        try:
            answer = mapping(await fetch_json("POST", endpoint, form=form, auth=auth))
        except FetchFailed as error:
            raise IssuerUnavailable(error.message) from error
        token = text(answer.get("access_token"))
        if not token:
            secrets = tuple(filter(None, (subject_token, secret)))
            problem = one_line(
                redact(f"{text(answer.get('error'))}: {text(answer.get('error_description'))}", secrets),
                max_length=_MAX_DESCRIPTION_LENGTH,
            )
            log.warning("%s gave no token for a caller: %s", Loggable(self._issuer.url), problem)
            raise ExchangeRefused("The issuer gives no token for AgentOS for this sign-in.")
        try:
            token = check_token(token)
        except ValueError as error:
            raise IssuerUnavailable(f"{endpoint} gave a token that cannot be sent: {error}.") from None
        if text(answer.get("token_type")).lower() not in {"bearer", ""}:
            raise IssuerUnavailable(f"{endpoint} gave a token of another kind than Bearer.")
        seconds = number(answer.get("expires_in")) or _DEFAULT_SECONDS
        return _Exchanged(token, time.time() + min(seconds, _MAX_SECONDS))


class ExchangeIdentity(SignedInIdentity):
    """AgentOS is shown the token that the issuer gave in exchange for the caller's."""

    def __init__(self, user_claim: str, exchange: TokenExchange) -> None:
        super().__init__(user_claim)
        self._exchange = exchange

    async def _identify(self, token: AccessToken, user_id: str) -> Caller:
        try:
            exchanged = await self._exchange.exchange(token.value)
        except ExchangeRefused as error:
            raise InvalidToken(error.message) from error
        scopes = _scopes_of(exchanged)
        key = caller_key(token.claims.get("iss"), user_id, sorted(scopes) if scopes is not None else None)
        return Caller(key, user_id, scopes, expires_at=token.expires_at, credential=token.value)

    @property
    def credential_advice(self) -> str:
        return "the user signs in again, or whoever runs this MCP server has AgentOS trust the issuer's tokens"

    def credentials_for(self, caller: Callable[[], Caller], policies: AccessPolicyReader) -> TokenSource:
        async def credential() -> str:
            current = caller()
            try:
                return await self._exchange.exchange(current.credential)
            except AgentOSError as error:
                if isinstance(error, ExchangeRefused) and time.time() > current.expires_at:
                    raise ExchangeRefused("The sign-in has expired.", "Sign in again.") from error
                raise

        return credential


def _scopes_of(token: str) -> frozenset[str] | None:
    """What AgentOS will read in a token that the issuer gave us; None where it is no JWT, or has no such claim."""
    claims = read_claims(token)
    return frozenset(claims.scopes) if claims is not None and claims.scopes else None


GRANTS: Mapping[str, str] = {"token-exchange": TOKEN_EXCHANGE, "jwt-bearer": JWT_BEARER}
