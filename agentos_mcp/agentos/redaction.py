"""Masks secrets in text of others: a token that an error echoes is not passed on."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "********"

MIN_SECRET_LENGTH = 8
"""Characters; a shorter token may be a word that an answer needs, so it is masked only in errors and logs."""

_SCHEMES = re.compile(r"\b(bearer|basic)(\s+|%20)(?=[\w.~+/=*-]*[\d.~+/=*_-])[\w.~+/=*-]{6,}", re.IGNORECASE)
_USER_IN_URL = re.compile(r"(?<=://)[^/\s'\"@]{1,1000}@")
_IN_QUERY = re.compile(
    r"([?&;](?:[\w.-]{0,30}(?:token|secret|password|signature|credential|key)|sig|code|auth|jwt)=)[^&;#\s'\"<>]+",
    re.IGNORECASE,
)
_JWT = re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*")


def mask_tokens(text: str, tokens: Iterable[str]) -> str:
    """Text in which these tokens are masked."""
    for token in sorted(filter(None, tokens), key=len, reverse=True):
        if token in text:
            text = text.replace(token, MASK)
    return text


def redact(text: str, tokens: Iterable[str] = ()) -> str:
    """An error's or a log's text without these tokens, and without what looks like any credential."""
    text = mask_tokens(text, tokens)
    text = _USER_IN_URL.sub(f"{MASK}@", _IN_QUERY.sub(rf"\g<1>{MASK}", text))
    return _JWT.sub(MASK, _SCHEMES.sub(rf"\g<1>\g<2>{MASK}", text))
