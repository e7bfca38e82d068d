"""server.json and the links that install the server: valid, and in step with the package."""

from __future__ import annotations

import json
import re
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from agentos_mcp import __version__
from agentos_mcp.settings import OPTIONS
from scripts import icon
from scripts.install_links import (
    CURSOR_ENTRY,
    NAME,
    VS_CODE_ENTRY,
    VS_CODE_INPUTS,
    build_links,
    parse_link,
    render_markdown,
)
from scripts.project import ROOT, as_json, project
from scripts.registry_entry import FILE, main, server, with_bundle
from scripts.registry_entry import NAME as REGISTERED
from tests._support.packaging_tools import tool

README = (ROOT / "README.md").read_text(encoding="utf-8")
_INSTALLING = r"https://cursor\.com/[^)\s]*install-mcp\?|cursor://|https://[a-z.]*vscode\.dev/redirect|vscode:mcp"


def complaints(document: dict[str, Any], folder: Path) -> list[str]:
    """What a linter that has the registry's schema and its rules says of a document."""
    (folder / "server.json").write_text(as_json(document), encoding="utf-8")
    command = (sys.executable, "-m", "skillsaw", "lint", "--type", "mcp-registry", "--strict", "--format", "json")
    ended = tool(*command, "--no-progress", folder)
    found = json.loads(ended.stdout)
    assert found["stats"]["repo_type"] == "mcp-registry"
    assert (ended.returncode == 0) is (not found["violations"])
    return [violation["message"] for violation in found["violations"]]


def test_server_json_is_what_the_package_says() -> None:
    assert FILE.read_text(encoding="utf-8") == as_json(server(project())), "run: python -m scripts.registry_entry"


def test_server_json_is_accepted_by_the_registry(tmp_path: Path) -> None:
    assert complaints(server(project()), tmp_path) == []


def test_server_json_is_accepted_with_a_bundle(tmp_path: Path) -> None:
    bundle = tmp_path / "agentos-mcp.mcpb"
    bundle.write_bytes(b"a bundle")
    document = with_bundle(server(project()), "https://github.com/someone/agentos-mcp/releases/a.mcpb", bundle)
    assert complaints(document, tmp_path) == []


def test_the_linter_would_have_told(tmp_path: Path) -> None:
    document = {**server(project()), "description": "x" * 101}
    assert any("at most 100 character" in said for said in complaints(document, tmp_path))


def test_server_json_declares_every_setting_and_hides_the_token() -> None:
    (package,) = json.loads(FILE.read_text(encoding="utf-8"))["packages"]
    assert package["identifier"] == project().name
    assert package["version"] == __version__
    variables = {one["name"]: one for one in package["environmentVariables"]}
    assert list(variables) == [option.variables[0] for option in OPTIONS]
    assert [name for name, one in variables.items() if one.get("isSecret")] == ["AGENTOS_TOKEN"]
    assert variables["AGENTOS_MCP_ON_CANCEL"]["choices"] == ["cancel", "explicit", "detach"]
    assert variables["AGENTOS_MCP_READ_ONLY"]["format"] == "boolean"


def test_a_bundle_that_was_not_made_cannot_be_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("scripts.registry_entry.DIST", tmp_path)
    before = FILE.read_bytes()
    assert main(["--bundle-url", "https://example.com/a.mcpb"]) == 1
    assert "Next: make bundle" in capsys.readouterr().err
    assert FILE.read_bytes() == before


def test_the_readme_names_the_server_as_the_registry_does() -> None:
    if "mcp-name:" not in README:
        pytest.skip("the README has no marker for the registry yet")
    assert re.findall(r"mcp-name:\s*(\S+)", README) == [REGISTERED]


def test_every_link_says_what_it_installs() -> None:
    for kind, link in build_links().items():
        name, config, asked = parse_link(link)
        assert name == NAME
        assert (config, asked) == ((CURSOR_ENTRY, []) if "cursor" in kind else (VS_CODE_ENTRY, VS_CODE_INPUTS))
        assert " " not in link


def test_the_buttons_lead_to_the_links() -> None:
    assert all(f"]({build_links()[kind]})" in render_markdown() for kind in ("cursor", "vscode"))


def test_the_links_in_the_readme_are_these() -> None:
    found = [link for link in re.findall(r"\]\(([^)\s]+)\)", README) if re.match(_INSTALLING, link)]
    if not found:
        pytest.skip("the README has no links that install the server yet")
    assert found == [build_links()["cursor"], build_links()["vscode"]], "python -m scripts.install_links prints them"


def test_the_icon_is_what_is_drawn() -> None:
    assert (icon.FOLDER / "icon.svg").read_text(encoding="utf-8") == icon.svg()
    assert icon.MODULE.read_text(encoding="utf-8") == icon.module()
    png = (icon.FOLDER / "icon.png").read_bytes()
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (icon.SIZE, icon.SIZE)
    assert len(png) < 20_000
    length = int.from_bytes(png[33:37])
    assert png[37:41] == b"IDAT"
    assert zlib.decompress(png[41 : 41 + length]) == b"".join(b"\0" + row for row in icon.pixels())
