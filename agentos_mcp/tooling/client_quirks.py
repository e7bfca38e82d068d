"""What is known of MCP clients by the name that they give themselves, and can be learned from nothing in the protocol.

A new client, or a new version of one, is a row here.
"""

from __future__ import annotations

from dataclasses import dataclass

DEFAULT_WAIT_SECONDS = 45.0
MAX_WAIT_SECONDS = 3600.0
"""For one call, where a client sets no earlier limit."""
_MARGIN_SECONDS = 15.0
"""By so much a call ends before its client's limit: it may need a moment more to have its run's reference."""
_BYTES_PER_TOKEN = 4

FORM_FIELD_TYPES = frozenset({"string", "boolean", "integer", "number", "array"})
"""The types of the fields that a form may have by the specification; an array is a choice of several."""


@dataclass(frozen=True)
class ClientQuirks:
    """What one client bears, keeps and can ask. The defaults are those of a client that is not known."""

    name: str = ""
    """A part of the name that it gives in `clientInfo.name`, in lower case."""
    seen_in: str = ""
    """Its version in which all this was seen, or where it was read."""
    call_limit_seconds: float = 0.0
    """After which it gives a call up by itself, whatever progress it was told of; 0 where none is known."""
    default_wait_seconds: float = DEFAULT_WAIT_SECONDS
    """How long a call waits for its run where nobody says for how long."""
    result_tokens: int = 0
    """How much of a result reaches its model, at four bytes to a token; 0 where all of it does."""
    form_field_types: frozenset[str] = FORM_FIELD_TYPES
    """The types of the fields that a person can fill in in its forms."""
    sends_empty_fields: bool = True
    """Whether its form can be sent while an optional text is empty."""
    preselects_true: bool = False
    """Whether its form has `True` selected in a boolean that has no default."""
    introduction_seconds: float = 0.0
    """How much longer than others it waits to be told what AgentOS has."""
    tells_timeouts: bool = True
    """Whether the reason of a cancellation says so where its own limit is why, and not a person."""

    @property
    def max_wait_seconds(self) -> float:
        """The longest wait that it bears."""
        limit = self.call_limit_seconds
        return max(limit - _MARGIN_SECONDS, limit / 2) if limit else MAX_WAIT_SECONDS

    def cap_result(self, tokens: int) -> int:
        """About how many tokens a result may cost, of those that the settings allow."""
        return min(tokens, self.result_tokens) if self.result_tokens else tokens

    @property
    def max_result_bytes(self) -> int:
        """The bytes of a result that reach its model; 0 where all of them do."""
        return self.result_tokens * _BYTES_PER_TOKEN


UNKNOWN_CLIENT = ClientQuirks()
CLIENTS = (
    # `install` and `doctor`, which report whether AgentOS answers.
    ClientQuirks("agentos-mcp-doctor", "this version", introduction_seconds=2.0),
    # It shows a call as running in the background after two minutes; its idle limit is reset by progress.
    ClientQuirks("claude-code", "2.1.330", default_wait_seconds=100.0),
    ClientQuirks("claude-ai", "its users' reports, until November 2026", call_limit_seconds=60.0),
    ClientQuirks(
        "codex",
        "0.169.0",
        call_limit_seconds=300.0,
        result_tokens=2500,
        form_field_types=frozenset({"string", "boolean"}),
        sends_empty_fields=False,
        preselects_true=True,
        tells_timeouts=False,
    ),
    ClientQuirks("gemini-cli", "0.61.0", call_limit_seconds=600.0, default_wait_seconds=240.0),
    ClientQuirks("opencode", "1.18.33", call_limit_seconds=60.0),
    ClientQuirks("visual studio code", "its documentation, November 2026", default_wait_seconds=240.0),
)


def quirks_of(client_name: str) -> ClientQuirks:
    """What is known of the client of this name."""
    name = client_name.casefold()
    return next((quirks for quirks in CLIENTS if quirks.name in name), UNKNOWN_CLIENT)
