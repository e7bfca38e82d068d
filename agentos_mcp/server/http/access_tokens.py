"""Verifies the access tokens that callers bring: whose they are, whom they are for, and that the issuer signed them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt

from agentos_mcp.agentos.http_errors import READING_ERRORS
from agentos_mcp.agentos.json_values import text, words
from agentos_mcp.server.http.issuer import ALGORITHMS, Issuer, UnknownKey
from agentos_mcp.settings.settings import MAX_TOKEN_LENGTH

LEEWAY_SECONDS = 10.0
"""By how much the clocks of the issuer and of this machine may differ."""
_TOKEN_TYPES = frozenset({"", "jwt", "at+jwt", "application/at+jwt"})
_MAX_KEY_ID_LENGTH = 500


class InvalidToken(Exception):
    """A token that does not admit anybody; the message may be shown to whoever sent it."""


class MissingScopes(Exception):
    """A valid token without the scopes that are asked for; the message may be shown."""


@dataclass(frozen=True)
class AccessToken:
    """A verified token."""

    claims: Mapping[str, Any]
    expires_at: float
    value: str = field(repr=False)

    @property
    def scopes(self) -> tuple[str, ...]:
        """Those of `scope` (a text) and `scp` (Entra: a text; Okta: a list)."""
        return tuple(scope for name in ("scope", "scp") for scope in words(self.claims.get(name)))


class TokenVerifier:
    """Accepts what one issuer signed for this server."""

    def __init__(self, issuer: Issuer, audience: str, required_scopes: tuple[str, ...] = ()) -> None:
        self.issuer = issuer
        self.required_scopes = required_scopes
        self._audience = audience

    async def verify(self, token: str) -> AccessToken:
        """The token, once it is verified.

        Raises InvalidToken, MissingScopes, and IssuerUnavailable where it cannot be verified now.
        """
        if len(token) > MAX_TOKEN_LENGTH:
            raise InvalidToken("The token is too long.")
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, *READING_ERRORS):
            raise InvalidToken("The token is not a JWT.") from None
        algorithm, key_id = header.get("alg"), text(header.get("kid"))
        if algorithm not in ALGORITHMS:
            raise InvalidToken("The token is not signed in a way that this server accepts.")
        if text(header.get("typ")).lower() not in _TOKEN_TYPES or "crit" in header:
            raise InvalidToken("The token is not an access token.")
        if len(key_id) > _MAX_KEY_ID_LENGTH:
            raise InvalidToken("The token names no key of the issuer.")
        try:
            key = await self.issuer.key(key_id, algorithm)
        except UnknownKey:
            raise InvalidToken("The token names no key of the issuer.") from None
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._audience,
                issuer=self.issuer.url,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise InvalidToken("The token has expired.") from None
        except jwt.InvalidAudienceError:
            raise InvalidToken(f"The token is not for {self._audience}.") from None
        except jwt.InvalidIssuerError:
            raise InvalidToken("The token is from another issuer.") from None
        except (jwt.PyJWTError, *READING_ERRORS):
            raise InvalidToken("The token is not valid.") from None
        verified = AccessToken(claims, expires_at=_expiry(claims), value=token)
        if missing := [scope for scope in self.required_scopes if scope not in verified.scopes]:
            raise MissingScopes(f"The token lacks the scope {' '.join(missing)}.")
        return verified


def _expiry(claims: Mapping[str, Any]) -> float:
    expiry = claims.get("exp")
    return float(expiry) if isinstance(expiry, int | float) else time.time()
