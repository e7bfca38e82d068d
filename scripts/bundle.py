"""`python -m scripts.bundle`: the MCP bundle that Claude Desktop and others install with a double click.

It holds the package and a pyproject.toml with its dependencies; the client's `uv` installs those for the
machine that it runs on.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.mcp_tool import mcp_tool
from scripts.project import DIST, ROOT, Project, as_json, project
from tests._support.node import NodeError, environment, node, npm_package

PACKAGE, VERSION = "@anthropic-ai/mcpb", "2.1.2"
LIMIT = 60.0
"""Seconds that packing may take; it takes one."""
_PARTS = ROOT / "scripts" / "mcpb"
_URLS = {"homepage": "homepage", "documentation": "documentation", "support": "issues"}
"""What the manifest calls the project's URLs, and what pyproject.toml does."""


class BundleError(RuntimeError):
    """The bundle could not be made; the message says why."""


def bundle(folder: Path = DIST) -> Path:
    """Make the bundle in this folder; its path."""
    what = project()
    path = folder.resolve() / f"{what.name}-{what.version}.mcpb"
    with tempfile.TemporaryDirectory(prefix="agentos-mcp-bundle-") as made:
        contents = Path(made)
        lay_out(contents, what)
        _mcpb("validate", str(contents / "manifest.json"))
        path.unlink(missing_ok=True)
        _mcpb("pack", str(contents), str(path))
    if not path.is_file():
        raise BundleError(f"mcpb said nothing, and there is no {path}.")
    return path


def lay_out(folder: Path, what: Project) -> None:
    """Put everything that belongs into the bundle into an empty folder."""
    shutil.copytree(
        ROOT / "agentos_mcp", folder / "agentos_mcp", ignore=shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    )
    for source in (_PARTS / "launch.py", _PARTS / "icon.png", ROOT / "README.md", ROOT / "LICENSE"):
        shutil.copy(source, folder)
    (folder / "manifest.json").write_text(as_json(manifest(what)), encoding="utf-8")
    (folder / "pyproject.toml").write_text(_pyproject(what), encoding="utf-8")


def manifest(what: Project) -> dict[str, Any]:
    """The written part of the manifest, and what follows from the project and its tools."""
    written = json.loads((_PARTS / "manifest.json").read_text(encoding="utf-8"))
    made: dict[str, Any] = {
        "name": what.name,
        "version": what.version,
        "description": what.description,
        "license": what.license,
        "keywords": list(what.keywords),
        "tools": [
            {"name": tool.name, "description": mcp_tool(tool, Settings()).description}
            for tool in ToolSelection(Settings()).tools
        ],
        **{field: what.urls[name] for field, name in _URLS.items() if name in what.urls},
    }
    if "repository" in what.urls:
        made["repository"] = {"type": "git", "url": what.urls["repository"]}
    written["compatibility"]["runtimes"] = {"python": what.python}
    return {"manifest_version": written.pop("manifest_version"), **made, **written}


def _pyproject(what: Project) -> str:
    """Only what is needed to run: with the extras for development uv would look up every one of their packages."""
    dependencies = "".join(f"  {json.dumps(dependency)},\n" for dependency in what.dependencies)
    return (
        f'[project]\nname = "{what.name}"\nversion = "{what.version}"\nrequires-python = "{what.python}"\n'
        f"dependencies = [\n{dependencies}]\n\n"
        "[tool.uv]\n# The package is run from here: nothing has to be built.\npackage = false\n"
    )


def _mcpb(*arguments: str) -> None:
    """Run the bundles' own tool."""
    try:
        tool = npm_package(PACKAGE, VERSION) / "dist" / "cli" / "cli.js"
    except NodeError as error:
        raise BundleError(str(error)) from None
    done = subprocess.run(
        [str(node()), str(tool), *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        timeout=LIMIT,
        check=False,
    )
    if done.returncode != 0:
        raise BundleError(f"mcpb {arguments[0]} failed (code {done.returncode}):\n{done.stdout.strip()}")


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m scripts.bundle", description="Make the MCP bundle.")
    parser.add_argument("--out", type=Path, default=DIST, metavar="FOLDER", help="where to put it (default: dist)")
    try:
        print(bundle(parser.parse_args(arguments).out))
    except BundleError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
