"""What pyproject.toml says of the project: the one place for everything that is packed of it."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from agentos_mcp import REPOSITORY_URL, __version__

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"


@dataclass(frozen=True)
class Project:
    name: str
    description: str
    license: str
    python: str
    """Which versions it runs on: `>=3.11`."""
    keywords: tuple[str, ...]
    dependencies: tuple[str, ...]
    urls: dict[str, str]
    version: str = __version__


def project() -> Project:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return Project(
        name=table["name"],
        description=table["description"],
        license=table["license"],
        python=table["requires-python"],
        keywords=tuple(table["keywords"]),
        dependencies=tuple(table["dependencies"]),
        urls=project_urls(REPOSITORY_URL),
    )


def project_urls(repository: str) -> dict[str, str]:
    """The project's addresses; none while its repository's is not known."""
    if not repository:
        return {}
    pages = {"homepage": "", "documentation": "/tree/HEAD/docs", "issues": "/issues", "repository": ""}
    return {name: f"{repository}{path}" for name, path in pages.items()}


def pyproject_with_urls(text: str, urls: dict[str, str]) -> str:
    """pyproject.toml with these addresses, in place of those that it has."""
    text = re.sub(r"^\[project\.urls\]\n(?:\w+ = .*\n)*\n", "", text, flags=re.MULTILINE)
    if not urls:
        return text
    lines = "".join(f"{name.capitalize()} = {json.dumps(url)}\n" for name, url in urls.items())
    return text.replace("[project.scripts]\n", f"[project.urls]\n{lines}\n[project.scripts]\n", 1)


def as_json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
