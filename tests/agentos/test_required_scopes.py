"""The scopes that AgentOS names in a 403."""

from __future__ import annotations

import json

import pytest

from agentos_mcp.agentos.errors import Forbidden
from agentos_mcp.agentos.http_errors import error_for_response


@pytest.mark.parametrize(
    ("detail", "scopes"),
    [
        ("Insufficient permissions. Required scope(s): agents:run", "agents:run"),
        ("Forbidden. Required scope(s): sessions:read, sessions:write.", "sessions:read, sessions:write"),
        ("Missing required scope(s): config:read", "config:read"),
        ("Insufficient permissions", ""),
        ("", ""),
    ],
)
def test_forbidden_has_the_scopes_that_agentos_names(detail: str, scopes: str) -> None:
    body = json.dumps({"detail": detail}).encode()
    error = error_for_response(
        "GET", "/config", status=403, headers={}, body=body, place="http://localhost:7777", with_token=True
    )
    assert isinstance(error, Forbidden)
    assert error.required_scopes == scopes
    assert error.reworded("other", "words").required_scopes == scopes
