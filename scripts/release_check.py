"""`python -m scripts.release_check TAG OWNER/NAME`: whether what is here may be released under that tag, from there."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from agentos_mcp import REPOSITORY_URL, __version__
from scripts import registry_entry
from scripts.project import ROOT, as_json, project

CHANGELOG = ROOT / "CHANGELOG.md"


def release_notes(changelog: str, version: str) -> str:
    """What the changelog says of a version, without its heading; '' where it says nothing."""
    section = re.search(
        rf"^## \[?{re.escape(version)}\]?(?: [^\n]*)?\n(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    return section[1].strip() if section else ""


def problems(tag: str, repository: str, changelog: str, entry: str) -> Iterator[str]:
    """What speaks against it. `entry` is what server.json holds."""
    if tag != f"v{__version__}":
        yield f"The tag is {tag}, the version {__version__}. Next: set it in agentos_mcp/__init__.py, or tag anew."
    if f"https://github.com/{repository}" != REPOSITORY_URL:
        known = REPOSITORY_URL or "not known"
        yield (
            f"The repository is {repository}; what is published would say that its address is {known}. "
            "Next: set REPOSITORY_URL in agentos_mcp/__init__.py, then: make surface"
        )
    if entry != as_json(registry_entry.server(project())):
        yield "server.json is not what the package says. Next: python -m scripts.registry_entry"
    if not release_notes(changelog, __version__):
        yield f"CHANGELOG.md has no section '## {__version__}'. Next: give 'Unreleased' that name."


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m scripts.release_check", description=__doc__)
    parser.add_argument("tag", metavar="TAG", help="such as v0.1.0")
    parser.add_argument("repository", metavar="OWNER/NAME", help="where it is on GitHub")
    parser.add_argument("--notes", type=Path, metavar="FILE", help="where to write what the changelog says of it")
    options = parser.parse_args(arguments)
    changelog = CHANGELOG.read_text(encoding="utf-8")
    entry = registry_entry.FILE.read_text(encoding="utf-8")
    found = list(problems(options.tag, options.repository, changelog, entry))
    for problem in found:
        print(problem, file=sys.stderr)
    if options.notes and not found:
        options.notes.write_text(release_notes(changelog, __version__) + "\n", encoding="utf-8")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
