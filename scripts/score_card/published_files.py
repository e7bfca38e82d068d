"""What directories read in a repository: the licence, the security policy, the entries for registries.

Glama reads `glama.json` (schema: glama.ai/mcp/schemas/server.json): the GitHub accounts that may manage the listing of
an organization's repository. Smithery reads no `smithery.yaml` of a server that runs on its user's machine: what it
publishes (smithery.ai/docs/build/publish) is the bundle (.mcpb), whose manifest has the settings, or the address of a
server over HTTP, and its program ignores the file's older form. So there is none here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from agentos_mcp import REPOSITORY_URL
from scripts.bundle import manifest
from scripts.project import ROOT, as_json, project
from scripts.registry_entry import FILE, GLAMA_FILE, NAME, glama, server
from scripts.score_card.criterion import Criterion, criterion

_LICENSES = {"Apache-2.0": "Apache License\n                           Version 2.0"}
_UNKNOWN = "" if REPOSITORY_URL else "the repository's address is not known yet"


def criteria() -> Iterator[Criterion]:
    what = project()
    licence, policy, readme = (_text(name) for name in ("LICENSE", "SECURITY.md", "README.md"))
    entry = server(what)
    yield criterion(
        "Glama", "the licence is there, and is the one that is declared", _unless(_LICENSES[what.license] in licence)
    )
    yield criterion("Glama", "there is a README", _unless(readme.startswith("# ")))
    yield criterion("Glama", "the security policy says how to report a weakness", _unless("## Reporting" in policy))
    yield criterion("Glama", "glama.json is what the project says", _unless(_text(GLAMA_FILE.name) == as_json(glama())))
    maintainers = glama()["maintainers"]
    yield criterion("Glama", "glama.json names a maintainer", _unless(bool(maintainers)), accepted=_UNKNOWN)
    yield criterion("MCP registry", "server.json is what the package says", _unless(_text(FILE.name) == as_json(entry)))
    yield criterion(
        "MCP registry", "the README names the server as server.json does", _unless(f"mcp-name: {NAME}" in readme)
    )
    yield criterion("MCP registry", "the repository is named", _unless("repository" in entry), accepted=_UNKNOWN)
    settings = json.loads(json.dumps(manifest(what)))["user_config"]
    yield criterion(
        "Smithery",
        "each setting of the bundle has a title and a description, and none has to be filled in",
        (
            name
            for name, about in settings.items()
            if not about["title"] or not about["description"] or about["required"]
        ),
    )
    yield criterion("Smithery", "there is a homepage", _unless("homepage" in what.urls), accepted=_UNKNOWN)
    yield criterion("Smithery", "no smithery.yaml that nothing reads", _unless(not (ROOT / "smithery.yaml").exists()))


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _unless(holds: bool) -> tuple[str, ...]:
    return () if holds else ("it does not",)
