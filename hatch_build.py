"""Makes the long description of the distribution: README.md with links that work outside of the repository, too."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE_LINK = re.compile(r"(!?)\[([^\[\]]*)\]\((?![a-z+]+:|#)([^)\s]+)\)", re.IGNORECASE)


class LongDescription(MetadataHookInterface):
    """The field `readme`, which pyproject.toml calls dynamic."""

    def update(self, metadata: dict[str, Any]) -> None:
        root = Path(self.root)
        repository = runpy.run_path(str(root / "agentos_mcp" / "__init__.py"))["REPOSITORY_URL"]
        text = (root / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": with_absolute_links(text, repository)}


def with_absolute_links(text: str, repository: str) -> str:
    """The page with links and pictures at the repository's address; as it is while that is not known."""
    if not repository:
        return text

    def absolute(match: re.Match[str]) -> str:
        mark, words, path = match.groups()
        return f"{mark}[{words}]({repository}/{'raw' if mark else 'blob'}/HEAD/{path})"

    return _RELATIVE_LINK.sub(absolute, text)
