"""Data of any shape as an outline that people read: `name: value`, and a dash before each item of a list."""

from __future__ import annotations

from collections.abc import Mapping

from agentos_mcp.tooling.budget import LARGEST, trimmed


def outline(value: object) -> str:
    """Several lines, indented by depth; what says nothing is left out."""
    value = trimmed(value, LARGEST)
    return "\n".join(_lines(value)) if _tells(value) else ""


def in_a_line(value: object) -> str:
    """The same in one line: `name: Ann; likes: tea, cats`. Of an item in a list, only its content or its name."""
    match value:
        case Mapping():
            return "; ".join(f"{name}: {in_a_line(inner)}" for name, inner in value.items() if _tells(inner))
        case list() | tuple():
            return ", ".join(in_a_line(_gist(item)) for item in value if _tells(item))
        case _:
            return " ".join(_word(value).split())


def _lines(value: object) -> list[str]:
    match value:
        case Mapping():
            return [line for name, inner in value.items() if _tells(inner) for line in _named(str(name), inner)]
        case list() | tuple():
            return [line for item in value if _tells(item) for line in _dashed(_lines(item))]
        case _:
            return _word(value).splitlines()


def _named(name: str, value: object) -> list[str]:
    lines = _lines(value)
    if isinstance(value, list | tuple):
        return [f"{name}:", *lines]
    if isinstance(value, Mapping) or len(lines) > 1:
        return [f"{name}:", *(f"  {line}" for line in lines)]
    return [f"{name}: {lines[0]}"]


def _dashed(lines: list[str]) -> list[str]:
    return [f"{'  ' if at else '- '}{line}" for at, line in enumerate(lines)]


def _gist(item: object) -> object:
    if not isinstance(item, Mapping):
        return item
    return next((item[key] for key in ("content", "name", "id") if _tells(item.get(key))), item)


def _word(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _tells(value: object) -> bool:
    match value:
        case None:
            return False
        case str():
            return bool(value.strip())
        case Mapping():
            return any(_tells(inner) for inner in value.values())
        case list() | tuple():
            return any(_tells(inner) for inner in value)
        case _:
            return True
