"""Which AgentOS is behind a URL, and what it says to a token: one look for all entries with the same of both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import anyio

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, Unauthorized
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.token_reference import unset_variable
from agentos_mcp.doctor.address_checks import LIMITS, TIMEOUT_SECONDS, AddressProbe, probe_address
from agentos_mcp.settings import Token

CREDENTIALS = {"security_key": "a security key", "jwt": "a JWT or a service account token"}
"""What AgentOS requires, by its `auth_mode`."""


class TokenStatus(StrEnum):
    """What an AgentOS says to a token, or to there being none."""

    NOT_REQUIRED = "not required"
    ACCEPTED = "accepted"
    MISSING = "missing"
    REFUSED = "refused"
    TOO_NARROW = "too narrow"
    """It does not even permit reading what there is."""
    UNKNOWN = "unknown"
    """The AgentOS did not answer, or failed."""


@dataclass(frozen=True)
class AgentOSProbe:
    """The answer to one URL with one token."""

    address: AddressProbe
    status: TokenStatus = TokenStatus.UNKNOWN
    reason: str = ""
    """AgentOS's words where it refuses the token."""

    @property
    def credential(self) -> str:
        """What it requires, in words."""
        return CREDENTIALS.get(self.address.auth_mode, "a token")

    @property
    def is_open(self) -> bool:
        """Whether everybody may use it who reaches it."""
        return self.status is TokenStatus.NOT_REQUIRED


class AgentOSProber:
    """Looks once at each URL with each token."""

    def __init__(self) -> None:
        self._locks: dict[tuple[str, str], anyio.Lock] = {}
        self._results: dict[tuple[str, str], AgentOSProbe] = {}

    async def probe(self, url: str, token: str) -> AgentOSProbe:
        key = (url, token)
        async with self._locks.setdefault(key, anyio.Lock()):
            if key not in self._results:
                self._results[key] = await _probe(url, token)
            return self._results[key]


async def _probe(url: str, token: str) -> AgentOSProbe:
    address = await probe_address(url, Token(token))
    if address.problem:
        return AgentOSProbe(address)
    try:
        with anyio.fail_after(TIMEOUT_SECONDS):
            return await _read_token_status(address, token)
    except (TimeoutError, AgentOSError):
        return AgentOSProbe(address)


async def _read_token_status(address: AddressProbe, token: str) -> AgentOSProbe:
    error = await _refusal(address.url, token)
    if error is None:
        requires_token = address.auth_mode in CREDENTIALS
        if not address.auth_mode and token:  # before agno 3.0 AgentOS does not say it
            requires_token = await _refusal(address.url, "") is not None
        return AgentOSProbe(address, TokenStatus.ACCEPTED if requires_token else TokenStatus.NOT_REQUIRED)
    reason = one_line(error.detail, max_length=200).rstrip(".")
    if not token or unset_variable(token):
        return AgentOSProbe(address, TokenStatus.MISSING, reason)
    return AgentOSProbe(
        address, TokenStatus.TOO_NARROW if isinstance(error, Forbidden) else TokenStatus.REFUSED, reason
    )


async def _refusal(url: str, token: str) -> Unauthorized | Forbidden | None:
    """Raises AgentOSError for every other failure."""
    async with AgentOS(url, token=Token(token), limits=LIMITS) as agent_os:
        try:
            await agent_os.get("/config", retry=False)
        except (Unauthorized, Forbidden) as error:
            return error
    return None
