"""What pyproject.toml says of the project: the one place for everything that is packed of it."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from agentos_mcp import __version__

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
        urls={name.casefold(): url for name, url in table.get("urls", {}).items()},
    )


def as_json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
