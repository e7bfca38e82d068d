"""Makes text of others safe to show: no control characters, nothing that reorders or hides text.

Every surface (results, forms, terminal, logs) sends what it shows through here.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from agentos_mcp.agentos.redaction import redact

_LINE_ENDS = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
_ESCAPES = re.compile(
    # Whole sequences, so that no "[31m" is left: CSI, those that carry a text (OSC, DCS, ...), character sets.
    "(?:\x1b\\[|\x9b)[0-?]{0,64}[ -/]{0,8}[@-~]"
    "|(?:\x1b[\\]P^_X]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\\\|\x9c)"
    "|\x1b[ -/]{1,4}[0-~]"
)
_REMOVED = (
    "\x00-\x08\x0e-\x1f\x7f-\x9f"  # C0 but for tab and line end, DEL, C1
    "\xad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"  # unseen, or reorders
    "\U0001d173-\U0001d17a\U000e0000-\U000e007f"  # unseen; the last spell hidden ASCII
)
_CONTROLS = re.compile(f"[{_REMOVED}]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_JOINERS = "\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""Invisible, but scripts and emoji need them: ZWNJ, ZWJ, and selectors of a variant of the character before."""
_JOINER_RUN = re.compile(f"[{_JOINERS}]+")
_VALID_JOINERS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]?[\u200c\u200d]?")
_UNSAFE = re.compile(f"[\r\v\f\u2028\u2029\ud800-\udfff{_REMOVED}{_JOINERS}]")
_ESCAPED_IN_JSON = re.compile(f"[\u2028\u2029\ud800-\udfff{_REMOVED}]")
_UNFINISHED_SEQUENCE = re.compile(
    f"(?:\x1b(?:\\[[0-?]*[ -/]*|[\\]P^_X][^\x07\x1b\n]*(?:\x1b)?|[ -/]*)?|\r|[^\x00-\x7f]?[{_JOINERS}]+)\\Z"
)
_MAX_UNFINISHED_LENGTH = 256


def strip_control_chars(text: str) -> str:
    """Text without control characters, escape sequences, and characters that reorder or hide.

    Line ends stay (all kinds become "\\n"), as do tabs. A joiner or a variation selector stays where it can have
    an effect, so emoji, Persian and Indic scripts are whole: one at a time, inside text that is not ASCII. Half a
    surrogate pair, which no message can carry, becomes U+FFFD.
    """
    if _UNSAFE.search(text) is None:
        return text
    text = _CONTROLS.sub("", _ESCAPES.sub("", _LINE_ENDS.sub("\n", text)))
    return _JOINER_RUN.sub(_keep_joiners, _SURROGATES.sub("\ufffd", text))


def _keep_joiners(match: re.Match[str]) -> str:
    """A run of joiners as it may stay: at most a variation selector and a joiner, between characters to join."""
    text, start, end = match.string, match.start(), match.end()
    before, after = text[start - 1 : start], text[end : end + 1]
    run = match[0]
    if run == "\ufe0f" and after == "\u20e3":
        return run  # a keycap: its first character is a digit
    if before.isascii() or before.isspace() or _VALID_JOINERS.fullmatch(run) is None:
        return ""
    if run[-1] in "\u200c\u200d" and (after.isascii() or after.isspace()):
        return ""
    return run


def one_line(text: str, *, max_length: int = 300) -> str:
    """Text on one line, without control characters, cut with an ellipsis."""
    # Only the beginning of a long text is split: a list of its words takes ten times the memory of the text.
    max_input_length = max_length * 8
    line = " ".join(strip_control_chars(text.lstrip()[:max_input_length]).split())
    return line if len(line) <= max_length and len(text) <= max_input_length else line[: max_length - 1] + "…"


def excerpt(text: str, *, max_length: int = 80) -> str:
    """Text of others as our sentences quote it: one short line."""
    return one_line(text, max_length=max_length)


def shorten(text: str, max_length: int) -> str:
    """Text of at most `max_length` characters, cut with an ellipsis."""
    return text if len(text) <= max_length else f"{text[: max_length - 1]}…"


def strip_data(value: Any, transform: Callable[[str], str] = str) -> Any:
    """JSON data whose texts, keys too, have no control characters; `also` is done to each text."""
    if isinstance(value, str):
        return transform(strip_control_chars(value))
    if isinstance(value, Mapping):
        return {strip_control_chars(str(key)): strip_data(inner, transform) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [strip_data(inner, transform) for inner in value]
    return value


def as_json(value: object, *, indent: int | None = None) -> str:
    """A value as JSON that shows what is in it: what `strip_control_chars` would take away is escaped."""
    return escaped_json(json.dumps(value, ensure_ascii=False, default=str, indent=indent))


def escaped_json(document: str) -> str:
    """A JSON document that means the same, with control characters of all kinds as escapes."""
    return _ESCAPED_IN_JSON.sub(_json_escape, document)


def _json_escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1] if not "\x7f" <= match[0] <= "\x9f" else f"\\u{ord(match[0]):04x}"


def as_value(value: object, *, max_length: int = 200) -> str:
    """A value of others that can only be read as a value: JSON on one line, cut before it is quoted."""
    if not isinstance(value, str):
        document = as_json(value)
        return document if len(document) <= max_length else f"{document[:max_length]}… ({len(document):,} characters)"
    return (
        as_json(value)
        if len(value) <= max_length
        else f"{as_json(value[:max_length] + '…')} ({len(value):,} characters)"
    )


def as_name(name: object, *, max_length: int = 60) -> str:
    """A name as it may stand in our sentences: bare where it is plain words, else quoted."""
    line = one_line(str(name), max_length=max_length)
    return line if _PLAIN_NAME.fullmatch(line) else as_json(line)


def as_field(name: object) -> str:
    """The name of a field of others at the beginning of a line: one word, else quoted."""
    line = one_line(str(name), max_length=60)
    return line if _WORD.fullmatch(line) else as_json(line)


_WORD = re.compile(r"[\w.-]+")
_PLAIN_NAME = re.compile(r"[\w/&+-]+(?:[ .][\w/&+-]+)*")


def quoted_lines(text: str) -> str:
    """Text of several lines set apart: each begins with "> ", so that none can pass for a line of ours."""
    return "\n".join(f"> {line}" for line in strip_control_chars(text).strip("\n").rstrip().split("\n"))


def complete_part(text: str) -> str:
    """The part of an incomplete text that can be shown: without an unfinished sequence at its end."""
    start = max(0, len(text) - _MAX_UNFINISHED_LENGTH)
    unfinished = _UNFINISHED_SEQUENCE.search(text, start)
    return text[: unfinished.start()] if unfinished else text


class PlainFormatter(logging.Formatter):
    """Log lines without control characters and secrets; a message is one line, a traceback several."""

    def __init__(self, form: str, secrets: Callable[[], Iterable[str]] = tuple) -> None:
        super().__init__(form)
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redact(strip_control_chars(super().format(record)), self._secrets())

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = strip_control_chars(record.message).replace("\n", " ")
        return super().formatMessage(record)
