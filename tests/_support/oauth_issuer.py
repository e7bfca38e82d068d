"""An OAuth issuer in this process: metadata, keys that can be rotated, tokens of every kind, and token exchange."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import anyio
import jwt
import uvicorn
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests._support.processes import PATIENCE

RESOURCE = "https://mcp.example.com/mcp"


@dataclass
class SigningKey:
    """A key of the issuer's, by its id."""

    id: str
    private: RSAPrivateKey = field(default_factory=lambda: generate_private_key(65537, 2048), repr=False)

    @property
    def public(self) -> dict[str, Any]:
        return {**jwt.algorithms.RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True), "kid": self.id}


Exchange = Callable[[Mapping[str, str], str], tuple[int, Any]]


@dataclass
class OAuthIssuer:
    """Change what it answers with at any time; `requests` has the paths that it was asked for."""

    url: str = ""
    keys: list[SigningKey] = field(default_factory=lambda: [SigningKey("first")])
    requests: list[str] = field(default_factory=list)
    is_down: bool = False
    answer_seconds: float = 0.0
    exchange: Exchange = lambda form, authorization: (400, {"error": "unsupported_grant_type"})
    """What the token endpoint answers to a form and the header `Authorization`."""

    def token(
        self, user: str, *, key: SigningKey | None = None, header: Mapping[str, Any] | None = None, **claims: Any
    ) -> str:
        """An access token for RESOURCE; a claim of None is left out."""
        key = key or self.keys[-1]
        now = int(time.time())
        standard = {"iss": self.url, "aud": RESOURCE, "sub": user, "iat": now, "exp": now + 600, "client_id": "tests"}
        body = {name: value for name, value in (standard | claims).items() if value is not None}
        return jwt.encode(body, key.private, "RS256", headers={"kid": key.id, "typ": "at+jwt", **(header or {})})

    async def _answer(self, request: Request) -> Response:
        self.requests.append(request.url.path)
        await anyio.sleep(self.answer_seconds)
        if self.is_down:
            return Response(status_code=503)
        match request.url.path:
            case "/.well-known/openid-configuration":
                endpoints = {"jwks_uri": f"{self.url}/keys", "token_endpoint": f"{self.url}/token"}
                return JSONResponse({"issuer": self.url, **endpoints})
            case "/keys":
                return JSONResponse({"keys": [key.public for key in self.keys]})
            case "/token":
                form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
                status, body = self.exchange(form, request.headers.get("authorization", ""))
                return Response(json.dumps(body), status, media_type="application/json")
            case _:
                return Response(status_code=404)

    def asked(self, path: str) -> int:
        return self.requests.count(path)


@asynccontextmanager
async def oauth_issuer() -> AsyncIterator[OAuthIssuer]:
    """On a free port of this machine."""
    issuer = OAuthIssuer()
    listener = socket.create_server(("127.0.0.1", 0))
    issuer.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    app = Starlette(routes=[Route("/{path:path}", issuer._answer, methods=["GET", "POST"])])
    # An answer that it was told to take its time for is not waited for.
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", ws="none", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: server.serve(sockets=[listener]))
        with anyio.fail_after(PATIENCE):
            while not server.started:  # noqa: ASYNC110 - nothing tells of it
                await anyio.sleep(0.01)
        try:
            yield issuer
        finally:
            server.should_exit = True
