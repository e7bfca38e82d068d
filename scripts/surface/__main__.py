"""`python -m scripts.surface`: writes the generated parts of docs/ and the snapshots of the tools from the code."""

from __future__ import annotations

import sys

from scripts.project import ROOT, project, pyproject_with_urls
from scripts.surface.generated_pages import PAGES, written
from scripts.surface.tool_list import total
from scripts.surface.tool_snapshots import FOLDER, snapshots


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    wanted = snapshots()
    for gone in set(FOLDER.glob("*.json")) - set(wanted):
        gone.unlink()
    for file, text in wanted.items():
        file.write_text(text, encoding="utf-8")
    for page in PAGES:
        page.write_text(written(page.read_text(encoding="utf-8")), encoding="utf-8")
    pyproject = ROOT / "pyproject.toml"
    pyproject.write_text(pyproject_with_urls(pyproject.read_text(encoding="utf-8"), project().urls), encoding="utf-8")
    (on, cost), (all_tools, all_cost) = total(default_only=True), total(default_only=False)
    sys.stdout.write(f"{on} tools on by default: {cost:,} tokens. All {all_tools}: {all_cost:,} tokens.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
