"""What a client and our server said to each other, as `programs/wire_recorder.py` wrote it down."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

RECORDER = Path(__file__).with_name("programs") / "wire_recorder.py"
_VERSION_META = "io.modelcontextprotocol/protocolVersion"


def recorded_command(log: Path, command: Sequence[str]) -> list[str]:
    """The command that runs another one and writes to `log` what is said."""
    return [sys.executable, str(RECORDER), str(log), *command]


@dataclass
class RecordedCall:
    """One `tools/call`, as it went over the wire. Times are seconds since 1970."""

    tool: str
    started: float
    ended: float | None = None
    progress_token: str | int | None = None
    progress: list[float] = field(default_factory=list)
    is_cancelled: bool = False
    cancel_reason: str = ""
    asked: bool = False
    """Whether the server asked the client's user something within it."""

    @property
    def seconds(self) -> float:
        return (self.ended or self.started) - self.started

    @property
    def progress_increases(self) -> bool:
        return all(later > earlier for earlier, later in pairwise(self.progress))


@dataclass
class WireRecord:
    """All that was said in one or several connections."""

    protocol_version: str = ""
    listed_tools: int = 0
    calls: list[RecordedCall] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    """Requests that were answered with an error of the protocol: `prompts/get: 'x' is missing.`

    Not those that the client had cancelled, nor `initialize`: a client may try both eras.
    """

    def of(self, tool: str) -> list[RecordedCall]:
        return [call for call in self.calls if call.tool == tool]


def read_wire_record(log: Path) -> WireRecord:
    """Empty where the server was never started."""
    record = WireRecord()
    by_id: dict[str, RecordedCall] = {}
    by_token: dict[str, RecordedCall] = {}
    methods: dict[str, str] = {}
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else ():
        seconds, speaker, said = json.loads(line)
        try:
            message = json.loads(said)
        except ValueError:
            continue
        method, key = message.get("method", ""), json.dumps(message.get("id"))
        params = message.get("params") or {}
        if speaker == "client" and method:
            methods[key] = method
            record.protocol_version = (params.get("_meta") or {}).get(_VERSION_META) or record.protocol_version
            if method == "tools/call":
                token = (params.get("_meta") or {}).get("progressToken")
                call = by_id[key] = RecordedCall(params["name"], seconds, progress_token=token)
                by_token[json.dumps(token)] = call
                record.calls.append(call)
            elif method == "notifications/cancelled" and (given_up := by_id.get(json.dumps(params.get("requestId")))):
                given_up.is_cancelled, given_up.cancel_reason = True, params.get("reason") or ""
        elif method == "notifications/progress":
            if told := by_token.get(json.dumps(params.get("progressToken"))):
                told.progress.append(params["progress"])
        elif method == "elicitation/create":
            if record.calls:
                record.calls[-1].asked = True
        elif speaker == "server" and not method:
            asked_method, error = methods.get(key, ""), message.get("error")
            was_cancelled = key in by_id and by_id[key].is_cancelled
            if isinstance(error, dict) and asked_method != "initialize" and not was_cancelled:
                record.refusals.append(f"{asked_method}: {error.get('message')}")
            _note_answer(record, asked_method, message.get("result") or {}, by_id.get(key), seconds)
    return record


def _note_answer(
    record: WireRecord, method: str, result: dict[str, Any], call: RecordedCall | None, seconds: float
) -> None:
    if method == "initialize":
        record.protocol_version = result.get("protocolVersion", "")
    elif method == "tools/list":
        record.listed_tools = len(result.get("tools") or ())
    elif call is not None:
        call.ended = seconds
        call.asked = call.asked or bool(result.get("inputRequests"))
