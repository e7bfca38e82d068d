"""Access tokens that admit nobody, keys that rotate, and what a refused client is told."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from agentos_mcp.agentos.json_fetch import FetchFailed, fetch_json
from agentos_mcp.server.http.access_tokens import InvalidToken, MissingScopes, TokenVerifier
from agentos_mcp.server.http.issuer import Issuer, IssuerUnavailable, is_safe_url, metadata_urls
from agentos_mcp.server.http.settings import HttpSettings
from agentos_mcp.settings import Settings
from tests._support.agentos.users import JWT_KEY
from tests._support.http_application import http_application
from tests._support.http_clients import ACCEPTED
from tests._support.oauth_issuer import RESOURCE, OAuthIssuer, SigningKey, oauth_issuer
from tests._support.processes import PATIENCE
from tests._support.scripted_agentos import scripted_agentos

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def shared_issuer() -> AsyncIterator[OAuthIssuer]:
    async with oauth_issuer() as issuer:
        yield issuer


@pytest.fixture
async def issuer(shared_issuer: OAuthIssuer) -> OAuthIssuer:
    """With its first key alone, and up."""
    shared_issuer.keys = shared_issuer.keys[:1]
    shared_issuer.requests.clear()
    shared_issuer.is_down, shared_issuer.answer_seconds = False, 0.0
    return shared_issuer


@pytest.fixture
def verifier(issuer: OAuthIssuer) -> TokenVerifier:
    return TokenVerifier(Issuer(issuer.url), RESOURCE)


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims))
    return f"{'.'.join(parts)}."


def claims_of(issuer: OAuthIssuer, **claims: Any) -> dict[str, Any]:
    return {"iss": issuer.url, "aud": RESOURCE, "sub": "eve", "exp": int(time.time()) + 600, **claims}


def signed_with_the_public_key(issuer: OAuthIssuer) -> str:
    public = issuer.keys[0].private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "kid": issuer.keys[0].id, "typ": "JWT"}
    signed = unsigned(header, claims_of(issuer))[:-1]
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed.encode(), public)
    return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


BAD_TOKENS: dict[str, tuple[Callable[[OAuthIssuer], str], str]] = {
    "expired": (lambda issuer: issuer.token("eve", exp=int(time.time()) - 60), "has expired"),
    "not yet valid": (lambda issuer: issuer.token("eve", nbf=int(time.time()) + 600), "not valid"),
    "without an expiry": (lambda issuer: issuer.token("eve", exp=None), "not valid"),
    "wrong audience": (lambda issuer: issuer.token("eve", aud="https://other.example.com"), "not for https://mcp"),
    "without an audience": (lambda issuer: issuer.token("eve", aud=None), "not valid"),
    "wrong issuer": (lambda issuer: issuer.token("eve", iss="https://other.example.com"), "another issuer"),
    "of another key with the same id": (
        lambda issuer: issuer.token("eve", key=SigningKey(issuer.keys[0].id)),
        "not valid",
    ),
    "unknown key": (lambda issuer: issuer.token("eve", key=SigningKey("unknown")), "no key of the issuer"),
    "alg none": (lambda issuer: unsigned({"alg": "none"}, claims_of(issuer)), "not signed in a way"),
    "alg None": (lambda issuer: unsigned({"alg": "NONE", "kid": "first"}, claims_of(issuer)), "not signed in a way"),
    "unsigned": (
        lambda issuer: unsigned({"alg": "RS256", "kid": "first"}, claims_of(issuer)),
        "not valid",
    ),
    "signed with the public key": (signed_with_the_public_key, "not signed in a way"),
    "another algorithm's key": (
        lambda issuer: unsigned({"alg": "ES256", "kid": "first"}, claims_of(issuer)),
        "no key of the issuer",
    ),
    "with a key of its own": (
        lambda issuer: issuer.token("eve", key=SigningKey("own"), header={"jwk": SigningKey("own").public}),
        "no key of the issuer",
    ),
    "an ID token's type": (lambda issuer: issuer.token("eve", header={"typ": "id+jwt"}), "not an access token"),
    "critical extension": (lambda issuer: issuer.token("eve", header={"crit": ["exp"]}), "not"),
    "oversize": (lambda issuer: issuer.token("eve", padding="x" * 20_000), "too long"),
    "nested": (lambda issuer: f"{base64.urlsafe_b64encode(b'[' * 9000).decode()}.e30.e30", "not a JWT"),
    "no JWT": (lambda issuer: "a.b", "not a JWT"),
    "not ASCII": (lambda issuer: "ä.ö.ü", "not a JWT"),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_token_is_refused(issuer: OAuthIssuer, verifier: TokenVerifier, name: str) -> None:
    make, words = BAD_TOKENS[name]
    with pytest.raises(InvalidToken, match=words):
        await verifier.verify(make(issuer))


async def test_token_that_admits_nobody_is_answered_with_a_challenge_and_agentos_hears_nothing_of_it(
    issuer: OAuthIssuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The keys are read again at most every 10 seconds, which a test does not wait for.
    monkeypatch.setitem(cast("Any", Issuer.__init__).__kwdefaults__, "min_refresh_seconds", 0.0)
    key = tmp_path / "key"
    key.write_text(JWT_KEY)
    http = HttpSettings(identity="mint", public_url=RESOURCE, oauth_issuer=issuer.url, mint_key_file=key)
    metadata = 'resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"'
    async with scripted_agentos({}) as agentos, http_application(Settings(url=agentos.url), http) as (url, _):
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            for name, (make, words) in BAD_TOKENS.items():
                token = make(issuer)
                response = await post(client, url, token)
                assert response.status_code == 401, name
                challenge = response.headers["www-authenticate"]
                assert challenge.startswith('Bearer error="invalid_token", error_description="'), name
                assert words in challenge or name == "not ASCII", (name, challenge)
                assert challenge.endswith(metadata), name
                assert token not in challenge + response.text, name
            # The keys are rotated while it serves: the new one admits, the old one does not.
            old, issuer.keys = issuer.keys[0], [SigningKey("second")]
            try:
                statuses = []
                for signing in (issuer.keys[0], old):
                    token = issuer.token("ann", key=signing, scope="agents:read")
                    statuses.append((await post(client, url, token)).status_code)
            finally:
                issuer.keys = [old]
        assert agentos.requests == []
    assert statuses == [400, 401]


async def post(client: httpx.AsyncClient, url: str, token: str) -> httpx.Response:
    headers = [(name.encode(), value.encode()) for name, value in ACCEPTED.items()]
    return await client.post(url, content=b"{}", headers=[*headers, (b"authorization", f"Bearer {token}".encode())])


async def test_token_of_the_issuer_is_accepted(issuer: OAuthIssuer, verifier: TokenVerifier) -> None:
    token = await verifier.verify(issuer.token("bob", scope="a:read b:run", scp=["c"], aud=["other", RESOURCE]))
    assert token.claims["sub"] == "bob"
    assert token.scopes == ("a:read", "b:run", "c")
    assert issuer.requests == ["/.well-known/openid-configuration", "/keys"]
    await verifier.verify(issuer.token("carol"))
    assert issuer.asked("/keys") == 1


async def test_token_without_a_required_scope_is_refused(issuer: OAuthIssuer) -> None:
    verifier = TokenVerifier(Issuer(issuer.url), RESOURCE, ("agentos",))
    with pytest.raises(MissingScopes, match="agentos"):
        await verifier.verify(issuer.token("bob", scope="other"))
    assert await verifier.verify(issuer.token("bob", scope="other agentos"))


async def test_rotated_key_is_accepted_without_a_restart(issuer: OAuthIssuer) -> None:
    verifier = TokenVerifier(Issuer(issuer.url, min_refresh_seconds=0.0), RESOURCE)
    await verifier.verify(issuer.token("bob"))
    old = issuer.keys[0]
    issuer.keys.append(SigningKey("second"))
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(verifier.verify, issuer.token("bob"))
    await verifier.verify(issuer.token("bob", key=old))
    issuer.keys = [issuer.keys[1]]
    await _read_again(verifier, issuer)
    with pytest.raises(InvalidToken, match="no key of the issuer"):
        await verifier.verify(issuer.token("bob", key=old))
    issuer.keys = [old]


async def _read_again(verifier: TokenVerifier, issuer: OAuthIssuer) -> None:
    with pytest.raises(InvalidToken):
        await verifier.verify(issuer.token("bob", key=SigningKey("unknown")))


async def test_unknown_keys_have_the_issuer_asked_once_in_a_while(issuer: OAuthIssuer, verifier: TokenVerifier) -> None:
    issuer.answer_seconds = 0.05

    async def attempt(number: int) -> None:
        with pytest.raises(InvalidToken):
            await verifier.verify(unsigned({"alg": "RS256", "kid": f"k{number}"}, claims_of(issuer)))

    async with anyio.create_task_group() as tasks:
        for number in range(200):
            tasks.start_soon(attempt, number)
    assert issuer.asked("/keys") == 1
    assert await verifier.verify(issuer.token("bob"))
    assert issuer.asked("/keys") == 1


async def test_issuer_that_is_down_admits_nobody_and_is_not_flooded(
    issuer: OAuthIssuer, verifier: TokenVerifier
) -> None:
    issuer.is_down = True

    async def attempt() -> None:
        with pytest.raises(IssuerUnavailable):
            await verifier.verify(issuer.token("bob"))

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(attempt)
    assert len(issuer.requests) <= 2


async def test_known_keys_serve_while_the_issuer_is_down(issuer: OAuthIssuer) -> None:
    verifier = TokenVerifier(Issuer(issuer.url, keys_seconds=0.0, min_refresh_seconds=0.0), RESOURCE)
    await verifier.verify(issuer.token("bob"))
    issuer.is_down = True
    assert await verifier.verify(issuer.token("bob"))
    assert issuer.asked("/keys") == 2


async def test_metadata_of_another_issuer_is_refused(issuer: OAuthIssuer) -> None:
    with pytest.raises(IssuerUnavailable, match="another issuer"):
        await Issuer(f"{issuer.url}/").endpoints()


def test_metadata_is_looked_for_where_both_specifications_have_it() -> None:
    assert metadata_urls("https://login.example.com/tenant/") == (
        "https://login.example.com/tenant/.well-known/openid-configuration",
        "https://login.example.com/.well-known/oauth-authorization-server/tenant",
    )


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://login.example.com/keys", True),
        ("http://127.0.0.1:9/keys", True),
        ("http://login.example.com/keys", False),
        ("http://127.0.0.1.example.com/", False),
        ("file:///etc/passwd", False),
        ("https://", False),
        ("http://[::1/", False),
    ],
)
def test_issuer_s_addresses_have_to_be_safe(url: str, safe: bool) -> None:
    assert is_safe_url(url) is safe


async def test_issuer_that_never_answers_is_given_up(issuer: OAuthIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agentos_mcp.agentos.json_fetch.DEADLINE_SECONDS", 0.2)
    issuer.answer_seconds = 30.0
    with anyio.fail_after(10), pytest.raises(IssuerUnavailable):
        await TokenVerifier(Issuer(issuer.url), RESOURCE).verify(issuer.token("bob"))


async def test_answers_of_the_issuer_are_bounded(issuer: OAuthIssuer) -> None:
    issuer.exchange = lambda form, authorization: (200, {"access_token": "x" * 300_000})
    with pytest.raises(FetchFailed, match="could not be read"):
        await fetch_json("POST", f"{issuer.url}/token", form={"grant_type": "any"})
