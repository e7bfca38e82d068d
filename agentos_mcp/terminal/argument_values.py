"""What is given on the command line or on standard input, read and checked."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from agentos_mcp.agentos.errors import InvalidRequest

_EXAMPLE = """Give an object such as '{"name": "value"}', or @FILE."""


def text_of(text: str) -> str:
    """A text as it was given; `-` stands for standard input."""
    if text == "-" and sys.stdin.isatty():
        print("Enter the text; Ctrl-D on a line of its own ends it.", file=sys.stderr)
    try:
        if text == "-":
            # In some locales the stream itself would let anything pass.
            return sys.stdin.buffer.read().decode(sys.stdin.encoding or "utf-8")
        text.encode()
    except UnicodeError:
        where = "Standard input" if text == "-" else "What was given"
        raise InvalidRequest(f"{where} is no text.", "Attach other files with --file PATH.") from None
    return text


def json_object(text: str, flag: str) -> dict[str, Any] | None:
    """A JSON object, or that of a file as @FILE; None where nothing was given."""
    return cast("dict[str, Any] | None", json_value(text, flag, (dict,)))


def json_value(text: str, flag: str, kinds: tuple[type, ...]) -> Any:
    """JSON of one of these types, or that of a file as @FILE; None where nothing was given."""
    if not text:
        return None
    if text.startswith("@"):
        text = _content(text[1:], flag)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{flag} is no JSON ({error}).", _EXAMPLE) from None
    if not isinstance(value, kinds):
        raise InvalidRequest(f"{flag} is no JSON object.", _EXAMPLE)
    return value


def schema_of(file: str) -> dict[str, Any] | None:
    """The JSON schema in a file, or written out."""
    written_out = not file or file.lstrip().startswith("{")
    return json_object(file if written_out else f"@{file.removeprefix('@')}", "--output-schema")


def local_files(files: Sequence[str]) -> list[str]:
    """Files by their whole paths; URLs as they are. Raises InvalidRequest for a file that is not there."""
    return [file if _is_url(file) else str(_existing(file)) for file in files]


def folders_of(files: Sequence[str]) -> tuple[Path, ...]:
    """Where those files are: whoever names a file at the terminal may read it."""
    return tuple(dict.fromkeys(Path(file).expanduser().resolve().parent for file in files if not _is_url(file)))


def _existing(file: str) -> Path:
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        raise InvalidRequest(f"There is no file {file}.", "Give its path, or a URL.")
    return path


def _is_url(file: str) -> bool:
    return "://" in file or file[:5].casefold() == "data:"


def _content(file: str, flag: str) -> str:
    try:
        return Path(file).expanduser().read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise InvalidRequest(f"{flag}: {file} cannot be read ({reason}).", "Give the path of a file.") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{flag}: {file} is no text.", "Give a file with JSON in UTF-8.") from None
