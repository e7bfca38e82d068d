"""`python -m scripts.registry_entry`: server.json for the MCP registry, and glama.json for Glama's directory."""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from pathlib import Path
from typing import Any

from agentos_mcp import DISTRIBUTION, REPOSITORY_URL
from agentos_mcp.settings import OPTIONS, Option, Settings
from agentos_mcp.settings.settings import DURABILITIES, LOG_LEVELS, ON_CANCEL
from scripts.project import DIST, ROOT, Project, as_json, project

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
DESCRIPTION = "Run the agents, teams and workflows of any AgentOS (agno) from your assistant."
"""The registry takes a hundred characters."""
FILE = ROOT / "server.json"
GLAMA_FILE = ROOT / "glama.json"
GLAMA_SCHEMA = "https://glama.ai/mcp/schemas/server.json"


def registry_name(repository: str) -> str:
    """Its name in the registry. Who publishes has to own the part before the slash: a GitHub account, or a domain.

    README.md says it too (`mcp-name: ...`): by that the registry knows that a package on PyPI is meant to be this.
    """
    owner = re.match(r"https://github\.com/([\w.-]+)/", repository)
    return f"io.github.{owner[1] if owner else DISTRIBUTION}/{DISTRIBUTION}"


NAME = registry_name(REPOSITORY_URL)
_CHOICES = {"durability": DURABILITIES, "on_cancel": ON_CANCEL, "log_level": LOG_LEVELS}
_FORMATS = {"SECONDS": "number", "NUMBER": "number", "BOOLEAN": "boolean", "PATH": "filepath"}


def server(what: Project) -> dict[str, Any]:
    """The document."""
    document: dict[str, Any] = {
        "$schema": SCHEMA,
        "name": NAME,
        "title": "AgentOS",
        "description": DESCRIPTION,
        "version": what.version,
    }
    if "repository" in what.urls:
        document["repository"] = {"url": what.urls["repository"], "source": "github"}
    document["packages"] = [
        {
            "registryType": "pypi",
            "identifier": what.name,
            "version": what.version,
            "runtimeHint": "uvx",
            "transport": {"type": "stdio"},
            "environmentVariables": _variables(),
        }
    ]
    return document


def glama(repository: str = REPOSITORY_URL) -> dict[str, Any]:
    """glama.json: the GitHub accounts that may manage the listing there. None while the repository's is not known."""
    owner = re.match(r"https://github\.com/([\w.-]+)/", repository)
    return {"$schema": GLAMA_SCHEMA, "maintainers": [owner[1]] if owner else []}


def with_bundle(document: dict[str, Any], url: str, bundle: Path) -> dict[str, Any]:
    """The document with the bundle beside the package; `url` is where it can be had."""
    entry = {
        "registryType": "mcpb",
        "identifier": url,
        "fileSha256": hashlib.sha256(bundle.read_bytes()).hexdigest(),
        "transport": {"type": "stdio"},
    }
    return {**document, "packages": [*document["packages"], entry]}


def _variables() -> list[dict[str, Any]]:
    return [_variable(option) for option in OPTIONS]


def _variable(option: Option) -> dict[str, Any]:
    variable: dict[str, Any] = {"name": option.variables[0], "description": option.description}
    kind = "boolean" if option.switch else _FORMATS.get(option.metavar, "string")
    if kind != "string":
        variable["format"] = kind
    if option.name == "url":
        variable["default"] = Settings().url
    if option.name == "token":
        variable["isSecret"] = True
    if option.name in _CHOICES:
        variable["choices"] = list(_CHOICES[option.name])
    return variable


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.registry_entry", description="Write server.json and glama.json."
    )
    parser.add_argument("--bundle-url", metavar="URL", help="where the bundle in dist/ can be had: it is listed too")
    options = parser.parse_args(arguments)
    what = project()
    document = server(what)
    if options.bundle_url:
        bundle = DIST / f"{what.name}-{what.version}.mcpb"
        if not bundle.is_file():
            print(f"There is no {bundle}. Next: make bundle", file=sys.stderr)
            return 1
        document = with_bundle(document, options.bundle_url, bundle)
    FILE.write_text(as_json(document), encoding="utf-8")
    GLAMA_FILE.write_text(as_json(glama()), encoding="utf-8")
    print(FILE, GLAMA_FILE, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
