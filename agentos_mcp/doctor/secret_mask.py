"""Masks secrets in what is printed: our own, and those in the output of other programs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.agentos.redaction import mask_tokens, redact
from agentos_mcp.doctor.findings import Finding
from agentos_mcp.install.launch_command import flag_value
from agentos_mcp.settings import OPTIONS
from agentos_mcp.settings.options import TOKEN_VARIABLES
from agentos_mcp.settings.settings import MASK

_MIN_SECRET_LENGTH = 6
"""Shorter values of unknown variables are words that a sentence needs, such as `1` and `true`."""
_USER_IN_URL = re.compile(r"(?<=://)[^/\s'\"@]+@")
_QUERY_IN_URL = re.compile(r"(https?://[^\s'\"?#]+)[?#][^\s'\"]+")
_PUBLIC_VARIABLES = {variable for option in OPTIONS if option.name != "token" for variable in option.variables}


class SecretMask:
    """The secrets that are known so far. `hide` masks them, and the user, query and fragment of URLs."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def add(self, secret: str) -> None:
        if secret:
            self._secrets.add(secret)

    def add_command(self, arguments: Sequence[str], variables: Mapping[str, str]) -> None:
        """The secrets of a command that a client starts."""
        self.add(flag_value("--token", arguments))
        for name, value in variables.items():
            if name in TOKEN_VARIABLES or (name not in _PUBLIC_VARIABLES and len(value) >= _MIN_SECRET_LENGTH):
                self.add(value)

    def hide(self, text: str) -> str:
        text = mask_tokens(text, self._secrets)
        text = _QUERY_IN_URL.sub(r"\1", _USER_IN_URL.sub(f"{MASK}@", strip_control_chars(text)))
        return redact(text)

    def hide_in(self, finding: Finding) -> Finding:
        return finding.mapped(self.hide)
