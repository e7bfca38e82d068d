"""The URL of an AgentOS: what is accepted as one, and when two are the same."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


def parse_url(text: str) -> str:
    """The URL without a slash at its end. Raises ValueError for one that cannot be used."""
    if re.match(r"\s*[A-Za-z0-9._-]+=\w+://", text):
        raise ValueError("it names AgentOSes, which only a server can have; give the URL of one")
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        raise ValueError("give a complete URL such as http://localhost:7777") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("give a complete URL such as http://localhost:7777")
    if parts.query or parts.fragment:
        raise ValueError("give the URL without '?' and '#'")
    if parts.username or parts.password:
        raise ValueError("give the credential as AGENTOS_TOKEN, not in the URL")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("its port is not a number from 1 to 65535") from None
    # "HTTPS://host" is https for whoever compares it.
    return f"{parts.scheme}:{text.strip().partition(':')[2]}".rstrip("/")


def is_same_url(one: str, other: str) -> bool:
    """Whether both URLs, as `parse_url` returns them, are one address: scheme, host, port and path."""
    return _normalized(one) == _normalized(other)


def _normalized(url: str) -> str:
    # The text is compared, not its parts: what one parser takes for the host may be a path to another.
    parts = urlsplit(url)
    authority = parts.netloc.lower().removesuffix(f":{_DEFAULT_PORTS[parts.scheme]}")
    return f"{parts.scheme}://{authority}{parts.path}"
