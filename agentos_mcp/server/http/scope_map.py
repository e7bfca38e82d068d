"""Which scopes of AgentOS the claims of a caller's token give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agentos_mcp.agentos.json_values import decode, texts, words

MAX_FILE_BYTES = 256 * 1024
MAX_SCOPES = 200
"""Of one caller: they are sent to AgentOS with every request."""
ANY = "*"
"""Stands for every value of a claim."""
_STANDARD_CLAIMS = ("scope", "scp")
_AGENTOS_SCOPE = re.compile(r"[a-z_]{1,40}(:[^\s:]{1,200})?:[a-z_]{1,40}")


@dataclass(frozen=True)
class ScopeMap:
    """By claim and by value, the scopes that a token with it gets.

    An empty one takes the token's own scopes, as far as they have the form of AgentOS's ("agents:run").
    """

    by_claim: Mapping[str, Mapping[str, tuple[str, ...]]]

    def scopes_of(self, claims: Mapping[str, Any]) -> frozenset[str]:
        """The scopes for a verified token's claims."""
        if not self.by_claim:
            own = (value for claim in _STANDARD_CLAIMS for value in _values(claims, claim))
            return frozenset(sorted(scope for scope in own if _AGENTOS_SCOPE.fullmatch(scope))[:MAX_SCOPES])
        given = {
            scope
            for claim, by_value in self.by_claim.items()
            for value in _values(claims, claim)
            for scope in (*by_value.get(value, ()), *by_value.get(ANY, ()))
        }
        return frozenset(sorted(given)[:MAX_SCOPES])


def _values(claims: Mapping[str, Any], name: str) -> list[str]:
    """A claim's values: a list's, or the words of a text. `realm_access.roles` is inside of `realm_access`."""
    value: Any = claims
    if name in claims:
        value = claims[name]
    else:
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    return words(value)


def read_scope_map(path: Path) -> ScopeMap:
    """`{"groups": {"engineers": ["agents:run"], "*": ["config:read"]}}`. Raises ValueError for anything else."""
    with path.open("rb") as file:
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise ValueError(f"it is larger than {MAX_FILE_BYTES:,} bytes")
    document = decode(content)
    if not isinstance(document, dict) or not document:
        raise ValueError("it has to be a JSON object of claims")
    by_claim: dict[str, dict[str, tuple[str, ...]]] = {}
    for claim, by_value in document.items():
        if not isinstance(by_value, dict):
            raise ValueError(f"'{claim}' has to be an object of the claim's values")
        for value, scopes in by_value.items():
            if not isinstance(scopes, list) or not scopes or texts(scopes) != scopes:
                raise ValueError(f"'{claim}' gives '{value}' no list of scopes")
            if wrong := [scope for scope in scopes if not _AGENTOS_SCOPE.fullmatch(scope)]:
                raise ValueError(f"'{wrong[0]}' is no scope of AgentOS, such as agents:run")
        by_claim[claim] = {value: tuple(scopes) for value, scopes in by_value.items()}
    return ScopeMap(by_claim)
