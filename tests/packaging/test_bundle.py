"""The MCP bundle: what is in it, and that it starts as clients start it."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from agentos_mcp import DISTRIBUTION, __version__
from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.settings import OPTIONS, Settings
from scripts.bundle import PACKAGE, VERSION, BundleError, bundle, lay_out
from scripts.project import ROOT, project
from tests._support.node import environment, node, npm_package
from tests._support.packaging_tools import LIMIT, UNSEEN, package_files, uv_command
from tests._support.processes import RawServer
from tests.conftest import KEY

pytestmark = pytest.mark.timeout(3 * LIMIT)

SUBSTITUTE = """
import { getMcpConfigForManifest } from "./dist/shared/config.js";
const [manifest, extensionPath, userConfig] = JSON.parse(process.argv[1]);
const config = await getMcpConfigForManifest({
  manifest, extensionPath, systemDirs: { HOME: "/home/somebody" }, userConfig, pathSeparator: "/",
});
console.log(JSON.stringify(config));
"""


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("packed"))


@pytest.fixture(scope="module")
def unpacked(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, unpacked by the bundles' own tool."""
    folder = tmp_path_factory.mktemp("unpacked")
    _node(str(npm_package(PACKAGE, VERSION) / "dist" / "cli" / "cli.js"), "unpack", str(packed), str(folder))
    return folder


@pytest.fixture(scope="module")
def manifest(unpacked: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((unpacked / "manifest.json").read_text(encoding="utf-8"))
    return found


def start(folder: Path, manifest: dict[str, Any], **settings: object) -> RawServer:
    """Start it with what a person set, as a client does: by what the bundles' own library makes of both."""
    told = json.dumps([manifest, str(folder), settings])
    home = npm_package(PACKAGE, VERSION)
    config = json.loads(_node("--input-type=module", "-e", SUBSTITUTE, told, cwd=home))
    assert config["command"] == "uv", "clients have it, on the PATH or of their own"
    return RawServer(*config["args"], command=(uv_command(),), given={**UNSEEN, **config["env"]})


def _node(*arguments: str, cwd: Path | None = None) -> str:
    ended = subprocess.run(
        [str(node()), *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_it_holds_what_is_needed_and_nothing_else(packed: Path) -> None:
    assert packed.name == f"{DISTRIBUTION}-{__version__}.mcpb"
    beside = {"manifest.json", "pyproject.toml", "launch.py", "icon.png", "README.md", "LICENSE"}
    with zipfile.ZipFile(packed) as archive:
        assert set(archive.namelist()) == package_files(ROOT) | beside
    assert packed.stat().st_size < 1_000_000


def test_its_manifest_is_in_step_with_the_package(manifest: dict[str, Any]) -> None:
    assert manifest["manifest_version"] == "0.4"
    assert manifest["server"]["type"] == "uv"
    assert manifest["version"] == __version__
    assert manifest["compatibility"]["runtimes"]["python"] == project().python
    assert [tool["name"] for tool in manifest["tools"]] == [tool.name for tool in ToolSelection(Settings()).tools]
    assert all(tool["description"] for tool in manifest["tools"])


def test_every_setting_reaches_the_server(manifest: dict[str, Any]) -> None:
    environment = manifest["server"]["mcp_config"]["env"]
    assert set(environment) <= {variable for option in OPTIONS for variable in option.variables}
    used = {name for value in environment.values() for name in re.findall(r"\$\{user_config\.(\w+)\}", value)}
    assert used == set(manifest["user_config"])
    assert manifest["user_config"]["token"]["sensitive"] is True
    for name, setting in manifest["user_config"].items():
        assert "default" in setting, f"clients hand over ${{user_config.{name}}} itself where nothing is set"


def test_it_serves_a_live_agentos_with_the_settings_of_a_person(
    unpacked: Path, manifest: dict[str, Any], demo: str
) -> None:
    with start(unpacked, manifest, url=demo) as server:
        assert server.shake_hands()["serverInfo"]["version"] == __version__
        assert server.tool_names() == [tool["name"] for tool in manifest["tools"]]
        words, failed = server.call("list_workflows")
        assert not failed
        assert "content-pipeline" in words
        server.messages()


def test_the_other_settings_do_what_they_say(unpacked: Path, manifest: dict[str, Any], locked_agentos: str) -> None:
    settings = {"url": locked_agentos, "token": KEY, "toolsets": "catalog, runs", "read_only": True}
    with start(unpacked, manifest, **settings) as server:
        server.shake_hands()
        names = server.tool_names()
        assert {"list_agents", "get_run"} <= set(names)
        assert not {"run_agent", "search_knowledge"} & set(names)
        words, failed = server.call("list_agents")
        assert not failed, "the token arrives"
        assert "echo" in words


def test_a_placeholder_that_a_client_left_counts_as_empty(unpacked: Path, demo: str) -> None:
    left = {"AGENTOS_URL": demo, "AGENTOS_TOKEN": "${user_config.token}", "AGENTOS_MCP_WAIT": "${user_config.wait}"}
    arguments = ("run", "--directory", str(unpacked), "launch.py")
    with RawServer(*arguments, command=(uv_command(),), given={**UNSEEN, **left}) as server:
        server.shake_hands()
        assert not server.call("list_agents")[1]


def test_a_manifest_that_mcpb_does_not_take_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lay_out_without_icon(folder: Path, what: Any) -> None:
        lay_out(folder, what)
        (folder / "icon.png").unlink()

    monkeypatch.setattr("scripts.bundle.lay_out", lay_out_without_icon)
    with pytest.raises(BundleError, match=r"mcpb validate failed[\s\S]*Icon file not found"):
        bundle(tmp_path)
    assert not list(tmp_path.iterdir())
