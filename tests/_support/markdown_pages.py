"""The project's pages, taken apart: blocks, inline code, links and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w-]*)[^\n]*\n(?P<text>.*?)^ *(?P=fence) *$",
    re.DOTALL | re.MULTILINE,
)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_LINK = re.compile(r"\]\(\s*([^)\s]+)[^)]*\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block; `line` is that of its first line."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Page:
    file: Path

    @property
    def name(self) -> str:
        return self.file.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        return self.file.read_text(encoding="utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        return [
            Block(
                self.name,
                self.text.count("\n", 0, found.start("text")) + 1,
                found["language"],
                re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE),
            )
            for found in _FENCE.finditer(self.text)
        ]

    @cached_property
    def prose(self) -> str:
        """What is around the blocks; its lines are where they were."""
        return _COMMENT.sub(_blank, _FENCE.sub(_blank, self.text))

    @property
    def codes(self) -> list[str]:
        """What stands in backticks."""
        return [
            found[2].strip().replace("\\|", "|") for line in self.prose.splitlines() for found in _CODE.finditer(line)
        ]

    @property
    def links(self) -> list[str]:
        return _LINK.findall(_CODE.sub("", self.prose))

    @cached_property
    def anchors(self) -> set[str]:
        """What a link to a part of this page may say."""
        return set(_anchors(self.prose))


def _blank(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", "", found.group())


def _anchors(prose: str) -> Iterator[str]:
    """As GitHub makes them of headings."""
    seen: dict[str, int] = {}
    for heading in _HEADING.findall(prose):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).casefold()
        anchor = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        number = seen.get(anchor, 0)
        seen[anchor] = number + 1
        yield f"{anchor}-{number}" if number else anchor


PAGES = [Page(ROOT / name) for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")] + [
    Page(file) for file in sorted((ROOT / "docs").glob("*.md"))
]
