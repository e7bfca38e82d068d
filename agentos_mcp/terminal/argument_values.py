"""The values of a command's arguments, read and checked: standard input, JSON, @FILE, paths."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.formats import format_size
from agentos_mcp.settings.home_folder import expand_home

_MAX_INPUT_BYTES = 4 * 1024 * 1024
_JSON_EXAMPLE = """Give an object such as '{"name": "value"}', or @FILE."""


def read_text(value: str) -> str:
    """A text argument; `-` reads standard input. Raises InvalidRequest for what is not text."""
    if value == "-" and sys.stdin.isatty():
        print("Enter the text; Ctrl-D on an empty line ends it.", file=sys.stderr)
    try:
        if value == "-":
            # In some locales the text stream would accept any bytes.
            return read_standard_input()
        value.encode()
    except UnicodeError:
        source = "Standard input" if value == "-" else "The argument"
        raise InvalidRequest(f"{source} is not valid text.", "Attach other files with --file PATH.") from None
    return value


def read_standard_input() -> str:
    """The text on standard input. Raises InvalidRequest for one that is too long, UnicodeError for what is no text."""
    encoded = sys.stdin.buffer.read(_MAX_INPUT_BYTES + 1)
    if len(encoded) > _MAX_INPUT_BYTES:
        raise InvalidRequest(
            f"Standard input is longer than {format_size(_MAX_INPUT_BYTES)}.", "Attach it with --file PATH."
        )
    return encoded.decode(sys.stdin.encoding or "utf-8")


def json_object(value: str, flag: str) -> dict[str, Any] | None:
    """A JSON object, also from a file as @FILE; None for an empty value. Raises InvalidRequest."""
    return cast("dict[str, Any] | None", json_value(value, flag, (dict,)))


def json_value(value: str, flag: str, types: tuple[type, ...]) -> Any:
    """JSON of one of these types, also from a file as @FILE; None for an empty value. Raises InvalidRequest."""
    if not value:
        return None
    document = _read_file(value[1:], flag) if value.startswith("@") else value
    try:
        parsed = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{flag} is not valid JSON ({error}).", _JSON_EXAMPLE) from None
    if not isinstance(parsed, types):
        raise InvalidRequest(f"{flag} is not a JSON object.", _JSON_EXAMPLE)
    return parsed


def read_output_schema(value: str) -> dict[str, Any] | None:
    """A JSON schema: the path of its file, or the schema itself."""
    is_inline = not value or value.lstrip().startswith("{")
    return json_object(value if is_inline else f"@{value.removeprefix('@')}", "--output-schema")


def absolute_paths(files: Sequence[str]) -> list[str]:
    """Files by their absolute paths, URLs unchanged. Raises InvalidRequest for a file that does not exist."""
    return [file if _is_url(file) else str(_existing_file(file)) for file in files]


def parent_folders(files: Sequence[str]) -> tuple[Path, ...]:
    """The folders of the local files: whoever names a file at the terminal may read it. Raises InvalidRequest."""
    return tuple(dict.fromkeys(local_path(file).resolve().parent for file in files if not _is_url(file)))


def _existing_file(file: str) -> Path:
    path = local_path(file).resolve()
    if not path.is_file():
        raise InvalidRequest(f"There is no file {file}.", "Give its path, or a URL.")
    return path


def local_path(file: str) -> Path:
    """A path with the home in place of `~`. Raises InvalidRequest."""
    try:
        return expand_home(file)
    except ValueError as error:
        raise InvalidRequest(f"The file {file} cannot be used: {error}.", "Give its path from the root on.") from None


def _is_url(file: str) -> bool:
    return "://" in file or file[:5].casefold() == "data:"


def _read_file(file: str, flag: str) -> str:
    try:
        return local_path(file).read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise InvalidRequest(f"{flag}: {file} cannot be read ({reason}).", "Give the path of a file.") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{flag}: {file} is not a text file.", "Give a file with JSON in UTF-8.") from None
