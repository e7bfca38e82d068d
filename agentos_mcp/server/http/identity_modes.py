"""What the settings of HTTP make of callers: who admits them, and which identity they have for AgentOS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from agentos_mcp.agentos.http_errors import READING_ERRORS
from agentos_mcp.server.http.access_tokens import TokenVerifier
from agentos_mcp.server.http.identity import HeaderIdentity, Identity
from agentos_mcp.server.http.instance_identities import Identities, InstanceIdentities
from agentos_mcp.server.http.issuer import Issuer
from agentos_mcp.server.http.scope_map import ScopeMap, read_scope_map
from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.server.http.signed_in_identity import MintIdentity, read_signing_key
from agentos_mcp.server.http.token_exchange import GRANTS, ExchangeIdentity, ExchangeSettings, TokenExchange
from agentos_mcp.settings import Settings, SettingsError

T = TypeVar("T")


def build_identity(http: HttpSettings, settings: Settings) -> Identities | None:
    """What tells callers apart; None where they share the server's credential.

    Raises SettingsError for settings that contradict each other, and for files that cannot be used.
    """
    if not http.tells_callers_apart:
        return None
    if settings.user_id:
        raise SettingsError("--user-id cannot be used with an --identity but shared: each caller is a user.")
    if not settings.instances:
        return _identity(http, settings)
    return InstanceIdentities(
        {own.instance: _identity(http.of_instances[own.instance], own) for own in settings.instances}
    )


def _identity(http: HttpSettings, settings: Settings) -> Identity | None:
    """What tells the callers of one AgentOS apart."""
    mode = f"--identity {http.identity}"
    if http.identity == "shared":
        return None
    if settings.token():
        where = f" for {settings.instance}" if settings.instance else ""
        raise SettingsError(
            f"{mode}{where} shows AgentOS a credential of each caller, so this server may not have one: "
            "unset AGENTOS_TOKEN, AGENTOS_TOKEN_FILE and OS_SECURITY_KEY, or take it out of the file for --config."
        )
    match http.identity:
        case "header":
            return HeaderIdentity(http.identity_header, http.user_claim)
        case "mint":
            return _mint_identity(http)
        case _:
            return _exchange_identity(http)


def build_verifier(http: HttpSettings) -> TokenVerifier:
    """What verifies the access tokens that admit callers, where an issuer signs them in."""
    return TokenVerifier(_issuer(http), http.oauth_audience or http.resource_url, http.oauth_scopes)


def _issuer(http: HttpSettings) -> Issuer:
    return Issuer(http.oauth_issuer, keys_url=http.oauth_jwks_url)


def _mint_identity(http: HttpSettings) -> MintIdentity:
    if http.mint_key_file is None:
        raise SettingsError("--identity mint needs --mint-key-file PATH: the key that AgentOS trusts.")
    key = replace(_read(read_signing_key, http.mint_key_file, "--mint-key-file"), key_id=http.mint_key_id)
    scopes = _read(read_scope_map, http.scope_map, "--scope-map") if http.scope_map is not None else ScopeMap({})
    return MintIdentity(
        http.user_claim, scopes, key, issuer=http.mint_issuer or http.resource_url, audience=http.mint_audience
    )


def _exchange_identity(http: HttpSettings) -> ExchangeIdentity:
    settings = ExchangeSettings(
        client_id=http.exchange_client_id,
        client_secret=http.exchange_client_secret,
        grant=GRANTS[http.exchange_grant],
        audience=http.exchange_audience,
        resource=http.exchange_resource,
        scope=http.exchange_scope,
    )
    return ExchangeIdentity(http.user_claim, TokenExchange(_issuer(http), settings))


def _read(read: Callable[[Path], T], path: Path, flag: str) -> T:
    try:
        return read(path)
    except (OSError, *READING_ERRORS) as error:
        raise SettingsError(f"{flag}={path} cannot be used: {error}.") from None
