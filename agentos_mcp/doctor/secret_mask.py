"""What is printed holds no secret: not ours, and none that other programs' words bring along."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.agentos.redaction import mask_tokens, redact
from agentos_mcp.doctor.findings import Finding
from agentos_mcp.install.launch_command import TOKEN_VARIABLES, value_of
from agentos_mcp.settings import OPTIONS
from agentos_mcp.settings.settings import MASK

_SHORTEST = 6
"""Shorter values of unknown variables are words that a sentence needs, such as `1` and `true`."""
_USER_IN_URL = re.compile(r"(?<=://)[^/\s'\"@]+@")
_QUERY_IN_URL = re.compile(r"(https?://[^\s'\"?#]+)[?#][^\s'\"]+")
_NO_SECRETS = {variable for option in OPTIONS if option.name != "token" for variable in option.variables}


class Mask:
    """The secrets that are known so far. `hide` covers them, and what URLs carry besides an address."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def add(self, secret: str) -> None:
        if secret:
            self._secrets.add(secret)

    def add_launch(self, arguments: Sequence[str], variables: Mapping[str, str]) -> None:
        """The secrets of something that a client starts."""
        self.add(value_of("--token", list(arguments)))
        for name, value in variables.items():
            if name in TOKEN_VARIABLES or (name not in _NO_SECRETS and len(value) >= _SHORTEST):
                self.add(value)

    def hide(self, text: str) -> str:
        text = mask_tokens(text, self._secrets)
        text = _QUERY_IN_URL.sub(r"\1", _USER_IN_URL.sub(f"{MASK}@", strip_control_chars(text)))
        return redact(text)

    def over(self, finding: Finding) -> Finding:
        return replace(finding, means=self.hide(finding.means), fix=self.hide(finding.fix))
