"""Pages of docs/ with a part that a command writes: from `<!-- written by COMMAND -->` to `<!-- until here -->`."""

from __future__ import annotations

from pathlib import Path

END = "<!-- until here -->"


def written_page(page: str, command: str, content: str) -> str:
    """The page with that part replaced. Raises ValueError for a page that has none."""
    before, begin, rest = page.partition(f"<!-- written by {command} -->")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no part that is written by {command}")
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"


def write_page(path: Path, command: str, content: str) -> None:
    """Replace that part of the page's file."""
    path.write_text(written_page(path.read_text(encoding="utf-8"), command, content), encoding="utf-8")
