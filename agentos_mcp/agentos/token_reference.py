"""A token that is no token: the reference to a variable that a client has not resolved, as the variable is not set."""

from __future__ import annotations

import re

_REFERENCE = re.compile(r"\$\{(?:env:)?([A-Za-z_]\w*)\}|\{env:([A-Za-z_]\w*)\}")


def unset_variable(token: str) -> str:
    """The name in a token that is literally `${NAME}`, `${env:NAME}` or `{env:NAME}`; '' for any other."""
    match = _REFERENCE.fullmatch(token.strip())
    return (match[1] or match[2]) if match else ""
