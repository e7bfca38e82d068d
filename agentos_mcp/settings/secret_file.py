"""The file with the secret that replicas share."""

from __future__ import annotations

from agentos_mcp.settings.home_folder import expand_home
from agentos_mcp.settings.settings import Token

MIN_SECRET_LENGTH = 32
"""Characters; a shorter one could be guessed."""
_MIN_DISTINCT_CHARACTERS = 8


def read_secret(text: str) -> Token:
    """The secret in the file of this name. Raises ValueError for one that could be guessed."""
    file = expand_home(text)
    if not file.is_file():
        raise ValueError("there is no such file")
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ValueError("it cannot be read as text") from None
    if len(secret) < MIN_SECRET_LENGTH or len(set(secret)) < _MIN_DISTINCT_CHARACTERS:
        raise ValueError(
            f"it must have at least {MIN_SECRET_LENGTH} characters that nobody can guess. This makes one: "
            'python -c "import secrets; print(secrets.token_hex(32))"'
        )
    return Token(secret)
