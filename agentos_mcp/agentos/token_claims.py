"""What a JWT says of itself. It is not verified here: AgentOS does that."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agentos_mcp.agentos.json_values import decode, text, words
from agentos_mcp.agentos.plain_text import one_line

ADMIN_SCOPE = "agent_os:admin"
"""Permits everything, with the data of all users."""
_MAX_LISTED_SCOPES = 12
_MAX_SCOPES = 1_000


@dataclass(frozen=True)
class Claims:
    """The claims of a JWT that matter to AgentOS."""

    scopes: tuple[str, ...] = ()
    expires: datetime | None = None
    subject: str = ""

    @property
    def listed_scopes(self) -> str:
        more = len(self.scopes) - _MAX_LISTED_SCOPES
        return ", ".join(self.scopes[:_MAX_LISTED_SCOPES]) + (f" and {more} more" if more > 0 else "")


def read_claims(token: str, subject_claim: str = "sub") -> Claims | None:
    """The claims of a JWT; None for any other token."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims: Any = decode(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return None
    if not isinstance(claims, dict):
        return None
    scopes = words(claims.get("scopes") or claims.get("scope"))
    return Claims(
        tuple(one_line(scope, max_length=60) for scope in scopes[:_MAX_SCOPES]),
        _timestamp(claims.get("exp")),
        text(claims.get(subject_claim)),
    )


def _timestamp(seconds: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(seconds), UTC) if isinstance(seconds, int | float) else None
    except (OverflowError, ValueError, OSError):
        return None
