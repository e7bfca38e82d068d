"""One file for each tool with all that clients are told of it, so that no change of it goes unseen."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.surface.tool_list import listed

FOLDER = Path(__file__).parents[2] / "tests" / "surface" / "snapshots"


def snapshots() -> dict[Path, str]:
    """Each tool's file and what it should hold."""
    return {
        FOLDER / f"{tool.name}.json": json.dumps(tool.snapshot(), indent=2, ensure_ascii=False) + "\n"
        for tool in listed()
    }
