"""The OAuth issuer that signs callers in: its metadata and its public keys, fetched within limits and cached."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.http_errors import READING_ERRORS
from agentos_mcp.agentos.json_fetch import DEADLINE_SECONDS, FetchFailed, fetch_json
from agentos_mcp.agentos.json_values import mapping, objects, text
from agentos_mcp.agentos.log_format import Loggable
from agentos_mcp.agentos.shared_call import SharedCall

log = logging.getLogger(__name__)

KEYS_SECONDS = 3600.0
"""How long keys count before they are read again."""
MAX_KEYS_SECONDS = 24 * 3600.0
"""How long keys count at most, where the issuer does not answer: it may have withdrawn one."""
MIN_REFRESH_SECONDS = 10.0
"""Between two reads of the keys, whatever keys tokens name: tokens are made by anybody."""
MAX_KEYS = 100
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Of signatures that only the issuer can make: a secret that both sides share could be a public key."""


class IssuerUnavailable(AgentOSError):
    """The issuer did not answer, or not with what was asked for: nobody can be checked by it now."""


class UnknownKey(Exception):
    """The issuer has no such key."""


@dataclass(frozen=True)
class IssuerEndpoints:
    """Where an issuer has what is needed of it."""

    keys: str
    token: str = ""


class Issuer:
    """One issuer. It is asked when it is first needed, so it may be down when the server starts."""

    def __init__(
        self,
        url: str,
        *,
        keys_url: str = "",
        keys_seconds: float = KEYS_SECONDS,
        min_refresh_seconds: float = MIN_REFRESH_SECONDS,
    ) -> None:
        """`url` is the issuer's identifier, exactly as it is in its tokens; `keys_url` spares asking it for that."""
        self.url = url
        self._keys_url = keys_url
        self._keys_seconds = keys_seconds
        self._min_refresh_seconds = min_refresh_seconds
        self._endpoints: IssuerEndpoints | None = None
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._parsed_keys: dict[tuple[str, str], Any] = {}
        self._read_at = self._tried_at = -math.inf
        self._is_reading = False
        self._reading_keys = SharedCall(self._read_keys, 3 * DEADLINE_SECONDS)

    async def key(self, key_id: str, algorithm: str) -> Any:
        """The public key for a signature.

        Raises UnknownKey, and IssuerUnavailable where it has never answered or its keys have become too old.
        """
        now = time.monotonic()
        is_old = now - self._read_at > self._keys_seconds
        may_read = self._is_reading or now - self._tried_at >= self._min_refresh_seconds
        if may_read and (is_old or self._find(key_id) is None):
            try:
                await self._reading_keys.result()
            except AgentOSError as error:
                if not self._keys:
                    raise IssuerUnavailable(error.message) from error
                log.warning(
                    "The keys of %s could not be read again; the last ones are used. %s", Loggable(self.url), error
                )
        if not self._keys or now - self._read_at > MAX_KEYS_SECONDS:
            raise IssuerUnavailable(f"The keys of {self.url} could not be read.")
        document = self._find(key_id)
        if document is None:
            raise UnknownKey(key_id[:80])
        try:
            if document.get("alg", algorithm) != algorithm:
                raise ValueError("it is for another algorithm")
            if (key_id, algorithm) not in self._parsed_keys:
                self._parsed_keys[key_id, algorithm] = jwt.PyJWK(dict(document), algorithm).key
            return self._parsed_keys[key_id, algorithm]
        except (jwt.PyJWTError, *READING_ERRORS) as error:
            raise UnknownKey(f"{key_id[:80]} is no key for {algorithm}") from error

    async def endpoints(self) -> IssuerEndpoints:
        """What its metadata says (OpenID Connect, or RFC 8414). Raises IssuerUnavailable."""
        if self._endpoints is None:
            self._endpoints = await self._read_metadata()
        return self._endpoints

    def _find(self, key_id: str) -> Mapping[str, Any] | None:
        if not key_id and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id)

    async def _read_keys(self) -> None:
        self._tried_at = time.monotonic()
        self._is_reading = True
        try:
            keys_url = self._keys_url or (await self.endpoints()).keys
            document = mapping(await fetch_json("GET", keys_url))
        finally:
            self._is_reading = False
        keys = {
            text(key.get("kid")): key
            for key in objects(document.get("keys"))[:MAX_KEYS]
            if key.get("use", "sig") == "sig" and key.get("kty") in {"RSA", "EC", "OKP"}
        }
        if not keys:
            raise IssuerUnavailable(f"{keys_url} has no key for signatures.")
        self._keys, self._parsed_keys, self._read_at = keys, {}, time.monotonic()

    async def _read_metadata(self) -> IssuerEndpoints:
        problem: IssuerUnavailable | None = None
        for url in metadata_urls(self.url):
            try:
                document = mapping(await fetch_json("GET", url))
            except FetchFailed as error:
                problem = problem or IssuerUnavailable(error.message)
                continue
            if document.get("issuer") != self.url:
                problem = problem or IssuerUnavailable(f"{url} is the metadata of another issuer than {self.url}.")
                continue
            endpoints = IssuerEndpoints(text(document.get("jwks_uri")), text(document.get("token_endpoint")))
            for endpoint in (endpoints.keys, endpoints.token):
                if endpoint and not is_safe_url(endpoint):
                    raise IssuerUnavailable(f"{url} names an address that is not https.")
            return endpoints
        raise problem or IssuerUnavailable(f"{self.url} has no metadata.")


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Where an issuer's metadata may be, in the order in which it is looked for."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    return (
        f"{origin}{path}/.well-known/openid-configuration",
        f"{origin}/.well-known/oauth-authorization-server{path}",
    )


def is_safe_url(url: str) -> bool:
    """Whether nobody on the way can read or change what is sent: https, or this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and host in {"localhost", "127.0.0.1", "::1"})
    )
