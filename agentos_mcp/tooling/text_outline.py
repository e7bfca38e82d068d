"""Data of any shape as an outline for people: `name: value`, and a dash before each item of a list."""

from __future__ import annotations

from collections.abc import Mapping

from agentos_mcp.tooling.budget import MAX_PIECE_CHARACTERS, trim


def outline(value: object) -> str:
    """Several lines, indented by depth; what says nothing is left out."""
    value = trim(value, MAX_PIECE_CHARACTERS)
    return "\n".join(_lines(value)) if _has_content(value) else ""


def outline_line(value: object) -> str:
    """The same in one line: `name: Ann; likes: tea, cats`. Of an item in a list, only its content or its name."""
    match value:
        case Mapping():
            return "; ".join(f"{name}: {outline_line(inner)}" for name, inner in value.items() if _has_content(inner))
        case list() | tuple():
            return ", ".join(outline_line(_summary_of(item)) for item in value if _has_content(item))
        case _:
            return " ".join(_scalar(value).split())


def _lines(value: object) -> list[str]:
    match value:
        case Mapping():
            return [
                line for name, inner in value.items() if _has_content(inner) for line in _named_lines(str(name), inner)
            ]
        case list() | tuple():
            return [line for item in value if _has_content(item) for line in _as_list_item(_lines(item))]
        case _:
            return _scalar(value).splitlines()


def _named_lines(name: str, value: object) -> list[str]:
    lines = _lines(value)
    if isinstance(value, list | tuple):
        return [f"{name}:", *lines]
    if isinstance(value, Mapping) or len(lines) > 1:
        return [f"{name}:", *(f"  {line}" for line in lines)]
    return [f"{name}: {lines[0]}"]


def _as_list_item(lines: list[str]) -> list[str]:
    return [f"{'  ' if index else '- '}{line}" for index, line in enumerate(lines)]


def _summary_of(item: object) -> object:
    if not isinstance(item, Mapping):
        return item
    return next((item[key] for key in ("content", "name", "id") if _has_content(item.get(key))), item)


def _scalar(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _has_content(value: object) -> bool:
    match value:
        case None:
            return False
        case str():
            return bool(value.strip())
        case Mapping():
            return any(_has_content(inner) for inner in value.values())
        case list() | tuple():
            return any(_has_content(inner) for inner in value)
        case _:
            return True
