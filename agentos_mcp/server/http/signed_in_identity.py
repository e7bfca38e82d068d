"""Callers whom an OAuth issuer has signed in, and the tokens for AgentOS that this server makes for them."""

from __future__ import annotations

import hashlib
import json
import math
import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from starlette.types import Scope

from agentos_mcp.agentos.access_policy import AccessPolicyReader
from agentos_mcp.agentos.client import TokenSource
from agentos_mcp.agentos.errors import Unauthorized
from agentos_mcp.agentos.json_values import text
from agentos_mcp.server.callers import Caller
from agentos_mcp.server.http.access_tokens import AccessToken, InvalidToken, MissingScopes
from agentos_mcp.server.http.identity import Identity
from agentos_mcp.server.http.oauth import access_token_of
from agentos_mcp.server.http.scope_map import ScopeMap

TOKEN_SECONDS = 60.0
"""How long a token counts that this server makes."""
RENEWAL_SECONDS = 20.0
"""A token that ends sooner is not sent any more."""
AUTHORITY_SECONDS = 24 * 3600.0
"""How long after a caller's sign-in has expired this server still follows and ends what they have started."""
_CLOCK_SKEW_SECONDS = 5.0
_MAX_USER_LENGTH = 200
_RESERVED_PREFIXES = ("sa:", "__")
"""Of users that AgentOS itself assigns: its service accounts and its own parts."""
_MAX_KEY_BYTES = 64 * 1024
_MIN_SECRET_LENGTH = 32
_CURVE_ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class SignedInIdentity(Identity):
    """Callers by their verified access tokens, which AgentOS is never shown."""

    knows_scopes = True

    def __init__(self, user_claim: str) -> None:
        self._user_claim = user_claim

    async def caller_of(self, scope: Scope) -> Caller:
        token = access_token_of(scope)
        if token is None:
            raise InvalidToken("")
        user_id = text(token.claims.get(self._user_claim))
        if not user_id or len(user_id) > _MAX_USER_LENGTH or not user_id.isprintable():
            raise InvalidToken(f"The token does not say whose it is ({self._user_claim}).")
        if user_id.startswith(_RESERVED_PREFIXES):
            raise InvalidToken("The token is for a user that AgentOS keeps for itself.")
        return await self._identify(token, user_id)

    @abstractmethod
    async def _identify(self, token: AccessToken, user_id: str) -> Caller:
        """The caller with this token. Raises MissingScopes, InvalidToken or IssuerUnavailable."""


def caller_key(*parts: object) -> str:
    """What is different for everybody who may see different things."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class SigningKey:
    """A key that AgentOS trusts. Its `repr` says nothing of the key."""

    key: Any
    algorithm: str
    key_id: str = ""

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm})"

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode(claims, self.key, self.algorithm, headers={"kid": self.key_id} if self.key_id else None)


def read_signing_key(path: Path) -> SigningKey:
    """A private key in PEM, or a secret for HS256. Raises ValueError for anything else."""
    with path.open("rb") as file:
        content = file.read(_MAX_KEY_BYTES + 1)
    if len(content) > _MAX_KEY_BYTES:
        raise ValueError(f"it is larger than {_MAX_KEY_BYTES:,} bytes")
    if b"-----BEGIN" not in content:
        secret = content.decode("utf-8", "strict").strip()
        if len(secret) < _MIN_SECRET_LENGTH:
            raise ValueError(f"it is neither a private key in PEM nor a secret of {_MIN_SECRET_LENGTH} characters")
        return SigningKey(secret, "HS256")
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as error:
        raise ValueError(f"its private key cannot be read ({type(error).__name__})") from None
    match key:
        case RSAPrivateKey():
            return SigningKey(key, "RS256")
        case EllipticCurvePrivateKey() if key.curve.name in _CURVE_ALGORITHMS:
            return SigningKey(key, _CURVE_ALGORITHMS[key.curve.name])
        case Ed25519PrivateKey():
            return SigningKey(key, "EdDSA")
        case _:
            raise ValueError("its kind of key signs no JWT: use RSA, EC (P-256, P-384, P-521) or Ed25519")


class MintIdentity(SignedInIdentity):
    """AgentOS is shown a token that this server signs: for the user, with the scopes that their claims give."""

    def __init__(self, user_claim: str, scopes: ScopeMap, key: SigningKey, *, issuer: str, audience: str = "") -> None:
        """`audience` is the id of the AgentOS, which it is asked for where it is ''."""
        super().__init__(user_claim)
        self._scopes = scopes
        self._key = key
        self._issuer = issuer
        self._audience = audience

    async def _identify(self, token: AccessToken, user_id: str) -> Caller:
        scopes = self._scopes.scopes_of(token.claims)
        if not scopes:
            raise MissingScopes("Nothing in the token gives a scope of AgentOS.")
        key = caller_key(token.claims.get("iss"), user_id, sorted(scopes))
        return Caller(key, user_id, scopes, expires_at=token.expires_at)

    @property
    def credential_advice(self) -> str:
        return "whoever runs this MCP server has AgentOS trust the key that it signs with, for this audience"

    def credentials_for(self, caller: Callable[[], Caller], policies: AccessPolicyReader) -> TokenSource:
        minted, ends_at = "", -math.inf

        async def credential() -> str:
            nonlocal minted, ends_at
            now = time.time()
            if now >= ends_at - RENEWAL_SECONDS:
                require_authority(caller(), now)
                audience = self._audience or (await policies.policy()).agentos_id
                minted, ends_at = self._mint(caller(), audience, now), now + TOKEN_SECONDS
            return minted

        return credential

    def _mint(self, caller: Caller, audience: str, now: float) -> str:
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": caller.user_id,
            "scopes": sorted(caller.scopes or ()),
            "iat": int(now - _CLOCK_SKEW_SECONDS),
            "exp": int(now + TOKEN_SECONDS),
        }
        return self._key.sign(claims | ({"aud": audience} if audience else {}))


def require_authority(caller: Caller, now: float) -> None:
    """Raises Unauthorized where what a caller has shown expired too long ago to act for them."""
    if now > caller.expires_at + AUTHORITY_SECONDS:
        raise Unauthorized("The sign-in that this was started with ended a day ago.", "Sign in again.")
