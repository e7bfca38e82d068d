"""A run's event stream: server-sent events in, `Event`s out.

Foreground streams are silent between events; background streams carry a comment every 15 s
and number their events (`event_index`). There is no closing mark: the stream simply ends.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentos_mcp.agentos.json_values import decode

if TYPE_CHECKING:
    from httpx_sse import EventSource, ServerSentEvent

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """One event as AgentOS sent it. `index` numbers background events, -1 where there is no number."""

    name: str
    data: Mapping[str, Any]
    index: int = -1

    def text(self, key: str) -> str:
        """`data[key]` where that is a string, else ''."""
        value = self.data.get(key)
        return value if isinstance(value, str) else ""

    @property
    def depth(self) -> int:
        """0 in the run itself; 1 and more in workflows nested in it."""
        value = self.data.get("nested_depth")
        return value if isinstance(value, int) and not isinstance(value, bool) else 0


def parse(sse: ServerSentEvent) -> Event | None:
    """The event, or None (and a warning) for one that cannot be read."""
    try:
        data = decode(sse.data)
    except ValueError as error:
        log.warning("Skipped a malformed %r event (%d characters): %s", sse.event, len(sse.data), error)
        return None
    if not isinstance(data, dict):
        log.warning("Skipped a %r event whose payload is no object", sse.event)
        return None
    name, index = data.get("event"), data.get("event_index")
    return Event(
        name=name if isinstance(name, str) and name else sse.event,
        data=data,
        index=index if isinstance(index, int) and not isinstance(index, bool) else -1,
    )


async def read_events(source: EventSource) -> AsyncIterator[Event]:
    """Every readable event of a stream, in order, until it ends."""
    async for sse in source.aiter_sse():
        if (event := parse(sse)) is not None:
            yield event
