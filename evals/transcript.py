"""What a player did about a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CallRecord:
    """A call of a tool, and the text that came back."""

    tool: str
    arguments: Mapping[str, Any]
    text: str
    is_error: bool


@dataclass(frozen=True)
class Transcript:
    first_tool: str
    """The tool that was chosen first; '' where the request was answered without one."""
    calls: tuple[CallRecord, ...]
    answer: str
    """What the user is told at the end; of a player without words, the results of its calls."""
    failure: str = ""
    """Why the player could not finish; '' where it did."""
    ranking: tuple[str, ...] = ()
    """The tools as a player that ranks them did, best first."""
