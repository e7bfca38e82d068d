"""The bearer token that clients over HTTP have to send."""

from __future__ import annotations

import hmac
import logging

from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from agentos_mcp.agentos.errors import Unauthorized
from agentos_mcp.agentos.log_format import Loggable
from agentos_mcp.settings import Token

WELL_KNOWN = "/.well-known/"
"""Where clients look for ways to get a token. Without OAuth there are none, and "not found" says so better than
"unauthorized"."""

log = logging.getLogger(__name__)


class TokenAuth:
    """ASGI middleware that refuses requests without the token, if there is one."""

    def __init__(self, app: ASGIApp, token: Token | None) -> None:
        self._app = app
        self._token = token
        self._logged_error = ""
        """What was logged of the token file, so that it is logged once."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        path: str = scope["path"]
        if path.startswith(WELL_KNOWN):
            return PlainTextResponse("Not Found", 404)
        if self._token is None or self._has_token(scope, self._token):
            return None
        description = "This server asks for a token: send it as 'Authorization: Bearer <token>'."
        return JSONResponse(
            {"error": "invalid_token", "error_description": description}, 401, {"www-authenticate": "Bearer"}
        )

    def _has_token(self, scope: Scope, token: Token) -> bool:
        try:
            expected = token()
        except Unauthorized as error:
            # A file that holds no usable token, or no longer does, lets nobody in.
            if error.message != self._logged_error:
                self._logged_error = error.message
                log.error("Every client is refused. %s", Loggable(error.message))
            return False
        self._logged_error = ""
        given = bearer_token(scope)
        return bool(given and expected) and hmac.compare_digest(given.encode(), expected.encode())


def bearer_token(scope: Scope) -> str:
    """The token in the header `Authorization`; '' where there is none, another scheme or more than one."""
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else ""
