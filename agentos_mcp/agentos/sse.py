"""A run's event stream: server-sent events in, `Event`s out, whatever the stream is made of.

Foreground streams are silent between events; background streams carry a comment every 15 s
and number their events (`event_index`). There is no closing mark: the stream simply ends.

Lines are read here and not by a library: those read a line of any length.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.lowlevel

from agentos_mcp.agentos.errors import Unreachable
from agentos_mcp.agentos.json_values import decode
from agentos_mcp.agentos.response_body import estimate_parsed_bytes

log = logging.getLogger(__name__)

MAX_EVENT_BYTES = 4 * 1024 * 1024
"""Of a larger event only the beginning is read, so that its kind is known."""
_MAX_PARSED_BYTES = 40 * 1024 * 1024
_PARTIAL_BYTES = 512 * 1024
_MAX_SKIPPED_BYTES = 64 * 1024 * 1024
"""How much of one line is skipped before the stream is given up."""
_SLICE_SECONDS = 0.002
"""How long events that have arrived may be read before other tasks run."""
_FIELD_NAME_BYTES = 64
"""How much longer than its data an event's line may be."""
_MAX_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Event:
    """One event as AgentOS sent it. `index` numbers background events, -1 where there is no number."""

    name: str
    data: Mapping[str, Any]
    index: int = -1
    is_cut: bool = False
    """It was larger than can be read: `data` is its beginning."""

    def text(self, key: str) -> str:
        """`data[key]` where that is a string, else ''."""
        value = self.data.get(key)
        return value if isinstance(value, str) else ""

    @property
    def nested_depth(self) -> int:
        """0 in the run itself; 1 and more in workflows nested in it."""
        value = self.data.get("nested_depth")
        return value if isinstance(value, int) and not isinstance(value, bool) else 0


@dataclass(frozen=True, slots=True)
class Frame:
    """A server-sent event before its data is read. `is_cut`: `data` is only the beginning of it."""

    name: str
    data: bytes
    is_cut: bool = False


def parse_event(frame: Frame) -> Event | None:
    """The event, or None (and a warning) for one that cannot be read."""
    is_cut = frame.is_cut or estimate_parsed_bytes(frame.data) > _MAX_PARSED_BYTES
    try:
        data = _decode_partial(frame.data[:_PARTIAL_BYTES]) if is_cut else decode(frame.data)
    except ValueError as error:
        log.warning("Skipped a malformed %r event (%d bytes): %s", frame.name, len(frame.data), error)
        return None
    if not isinstance(data, dict):
        log.warning("Skipped a %r event whose payload is not an object", frame.name)
        return None
    if is_cut:
        log.warning("A %r event is too large to be read whole", frame.name)
    name, index = data.get("event"), data.get("event_index")
    return Event(
        name=name if isinstance(name, str) and name else frame.name,
        data=data,
        index=index if isinstance(index, int) and not isinstance(index, bool) else -1,
        is_cut=is_cut,
    )


def _decode_partial(document: bytes) -> object:
    """What the beginning of a JSON document says. Raises ValueError where it says nothing."""
    from pydantic_core import from_json

    return from_json(document, allow_inf_nan=False, allow_partial="trailing-strings")


async def read_events(pieces: AsyncIterator[bytes]) -> AsyncIterator[Event]:
    """Every readable event of a stream, in order, until it ends. Raises Unreachable for a line without an end."""
    frames = FrameReader()
    slice_start = time.monotonic()
    async for piece in pieces:
        for frame in frames.feed(piece):
            if (event := parse_event(frame)) is not None:
                yield event
            if time.monotonic() - slice_start > _SLICE_SECONDS:
                await anyio.lowlevel.checkpoint()
                slice_start = time.monotonic()


class FrameReader:
    """Puts the pieces of a stream together to frames. It holds one line and one frame, each up to `max_event_bytes`."""

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_event_bytes = max_event_bytes
        self._line = bytearray()
        """The line that has not ended yet, up to a little more than may be."""
        self._skipped = 0
        self._after_return = False
        self._name = ""
        self._data = bytearray()
        self._data_lines = 0
        self._is_cut = False

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """The frames that are whole with this piece."""
        if self._after_return and piece:
            self._after_return = False
            piece = piece.removeprefix(b"\n")
        if not piece:
            return
        self._after_return = piece.endswith(b"\r")
        lines = piece.splitlines(keepends=True)
        unfinished = b"" if lines[-1].endswith((b"\n", b"\r")) else lines.pop()
        for line in lines:
            frame = self._read_line((self._complete(line) if self._line else line).rstrip(b"\r\n"))
            if frame is not None:
                yield frame
        self._append(unfinished)

    def _complete(self, end: bytes) -> bytes:
        """The line that had begun, with its end."""
        self._append(end)
        line, self._line, self._skipped = bytes(self._line), bytearray(), 0
        return line

    def _append(self, part: bytes) -> None:
        room = self._max_event_bytes + _FIELD_NAME_BYTES - len(self._line)
        self._line += part[:room]
        self._skipped += max(0, len(part) - room)
        if self._skipped > _MAX_SKIPPED_BYTES:
            raise Unreachable("AgentOS sent a line that does not end, so the stream was closed.", "Try again.")

    def _read_line(self, line: bytes) -> Frame | None:
        """A line; the frame, where the line ends one."""
        if not line:
            return self._finish_frame()
        if line.startswith(b"data:"):
            value = line[6:] if line[5:6] == b" " else line[5:]
            if self._data_lines:
                self._data += b"\n"
            self._data_lines += 1
            room = self._max_event_bytes - len(self._data)
            self._is_cut = self._is_cut or len(value) > room
            self._data += value[: max(0, room)]
        elif line.startswith(b"event:"):
            self._name = line[6 : 6 + _MAX_NAME_LENGTH].decode("utf-8", "replace").strip()
        return None

    def _finish_frame(self) -> Frame | None:
        if not self._name and not self._data_lines:
            return None
        frame = Frame(self._name, bytes(self._data), self._is_cut)
        self._name, self._data, self._data_lines, self._is_cut = "", bytearray(), 0, False
        return frame
