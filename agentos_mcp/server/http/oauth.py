"""Makes the server an OAuth resource server: it admits callers by their access tokens, and says where to get one."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_mcp.server.http.access_tokens import AccessToken, InvalidToken, MissingScopes, TokenVerifier
from agentos_mcp.server.http.auth import WELL_KNOWN, bearer_token
from agentos_mcp.server.http.issuer import IssuerUnavailable

log = logging.getLogger(__name__)

METADATA = f"{WELL_KNOWN}oauth-protected-resource"
"""Where RFC 9728 has the metadata of a protected resource, before the path of the resource."""
_ACCESS_TOKEN = "agentos_mcp.access_token"  # noqa: S105 - where the scope of a request has it
_RETRY_AFTER_SECONDS = 5


class OAuthGate:
    """ASGI middleware that refuses requests without a valid access token, and serves the resource's metadata."""

    def __init__(self, app: ASGIApp, verifier: TokenVerifier, resource_url: str) -> None:
        """`resource_url` is the address of `/mcp` as clients know it."""
        self._app = app
        self._verifier = verifier
        self._resource_url = resource_url
        parts = urlsplit(resource_url)
        self._metadata_path = METADATA + parts.path.rstrip("/")
        self._metadata_url = f"{parts.scheme}://{parts.netloc}{self._metadata_path}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"].startswith(WELL_KNOWN):
            # Clients look at the root too where they know no path.
            is_metadata = scope["path"] in {self._metadata_path, METADATA}
            response = self._metadata(scope) if is_metadata else PlainTextResponse("Not Found", 404)
            await response(scope, receive, send)
            return
        try:
            scope[_ACCESS_TOKEN] = await self._verify(scope)
            # What finds out who the caller is refuses tokens too, before it answers anything.
            await self._app(scope, receive, send)
        except MissingScopes as error:
            await self.refusal(403, "insufficient_scope", str(error))(scope, receive, send)
        except InvalidToken as error:
            await self.refusal(401, "invalid_token", str(error))(scope, receive, send)
        except IssuerUnavailable as error:
            log.error("Nobody can be admitted: %s", error)
            description = "The server that signs users in does not answer. Try again in a moment."
            body = {"error": "temporarily_unavailable", "error_description": description}
            response = JSONResponse(body, 503, {"retry-after": str(_RETRY_AFTER_SECONDS)})
            await response(scope, receive, send)

    async def _verify(self, scope: Scope) -> AccessToken:
        token = bearer_token(scope)
        if not token:
            raise InvalidToken("")
        return await self._verifier.verify(token)

    def refusal(self, status: int, error: str, description: str) -> Response:
        """A refusal with a challenge (RFC 6750, RFC 9728). One who showed nothing is told only where to get a token."""
        scopes = " ".join(self._verifier.required_scopes)
        challenge = [f'error="{error}"', f'error_description="{description}"'] if description else []
        challenge += [f'scope="{scopes}"'] if scopes else []
        challenge.append(f'resource_metadata="{self._metadata_url}"')
        description = description or "This server asks for an access token: sign in."
        body = {"error": error, "error_description": description}
        return JSONResponse(body, status, {"www-authenticate": f"Bearer {', '.join(challenge)}"})

    def _metadata(self, scope: Scope) -> Response:
        headers = {"access-control-allow-origin": "*", "cache-control": "public, max-age=3600"}
        if scope["method"] == "OPTIONS":
            allowed = {"access-control-allow-methods": "GET, OPTIONS", "access-control-allow-headers": "*"}
            return Response(status_code=204, headers=headers | allowed)
        if scope["method"] not in {"GET", "HEAD"}:
            return PlainTextResponse("Method Not Allowed", 405, {"allow": "GET, HEAD, OPTIONS"})
        scopes = {"scopes_supported": list(self._verifier.required_scopes)} if self._verifier.required_scopes else {}
        body = {
            "resource": self._resource_url,
            "authorization_servers": [self._verifier.issuer.url],
            "bearer_methods_supported": ["header"],
            "resource_name": "AgentOS",
            **scopes,
        }
        return JSONResponse(body, 200, headers)


def access_token_of(scope: Scope) -> AccessToken | None:
    """The verified token of a request that was admitted by one."""
    token = scope.get(_ACCESS_TOKEN)
    return token if isinstance(token, AccessToken) else None
