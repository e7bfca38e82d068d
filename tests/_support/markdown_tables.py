"""The cells of a table as a tool's result has it."""

from __future__ import annotations


def column(table: str, name: str) -> list[str]:
    """The cells of a column of a markdown table."""
    lines = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    index = [cell.strip() for cell in lines[0]].index(name)
    return [line[index].strip() for line in lines[2:]]
