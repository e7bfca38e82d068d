"""The path of each client's configuration, on each platform, and with its own environment variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos_mcp.install.host_system import HostSystem
from tests._support.machines import CLIENTS_BY_KEY, Machine

HOME = Path("/h")
MAC = "Library/Application Support"
ROAMING = "AppData/Roaming"


@pytest.mark.parametrize(
    ("key", "darwin", "win32", "linux"),
    [
        (
            "claude-desktop",
            f"{MAC}/Claude/claude_desktop_config.json",
            f"{ROAMING}/Claude/claude_desktop_config.json",
            ".config/Claude/claude_desktop_config.json",
        ),
        ("claude-code", ".claude.json", ".claude.json", ".claude.json"),
        ("cursor", ".cursor/mcp.json", ".cursor/mcp.json", ".cursor/mcp.json"),
        ("vscode", f"{MAC}/Code/User/mcp.json", f"{ROAMING}/Code/User/mcp.json", ".config/Code/User/mcp.json"),
        ("vscode-workspace", "../w/.vscode/mcp.json", "../w/.vscode/mcp.json", "../w/.vscode/mcp.json"),
        ("codex", ".codex/config.toml", ".codex/config.toml", ".codex/config.toml"),
        ("gemini", ".gemini/settings.json", ".gemini/settings.json", ".gemini/settings.json"),
        ("windsurf", *[".codeium/windsurf/mcp_config.json"] * 3),
        ("zed", ".config/zed/settings.json", f"{ROAMING}/Zed/settings.json", ".config/zed/settings.json"),
        ("opencode", *[".config/opencode/opencode.json"] * 3),
        (
            "goose",
            ".config/goose/config.yaml",
            f"{ROAMING}/Block/goose/config/config.yaml",
            ".config/goose/config.yaml",
        ),
    ],
)
def test_config_path_is_the_documented_one(key: str, darwin: str, win32: str, linux: str) -> None:
    for platform, path in (("darwin", darwin), ("win32", win32), ("linux", linux)):
        expected = Path("/w/.vscode/mcp.json") if path.startswith("..") else HOME / path
        assert CLIENTS_BY_KEY[key].config_path(HostSystem(platform, HOME, {}, Path("/w"))) == expected


@pytest.mark.parametrize(
    ("key", "platform", "variable", "path"),
    [
        ("claude-code", "linux", "CLAUDE_CONFIG_DIR", "/x/.claude.json"),
        ("codex", "darwin", "CODEX_HOME", "/x/config.toml"),
        ("gemini", "linux", "GEMINI_CLI_HOME", "/x/.gemini/settings.json"),
        ("goose", "darwin", "XDG_CONFIG_HOME", "/x/goose/config.yaml"),
        ("goose", "win32", "GOOSE_PATH_ROOT", "/x/config/config.yaml"),
        ("opencode", "win32", "XDG_CONFIG_HOME", "/x/opencode/opencode.json"),
        ("zed", "linux", "XDG_CONFIG_HOME", "/x/zed/settings.json"),
        ("zed", "linux", "FLATPAK_XDG_CONFIG_HOME", "/x/zed/settings.json"),
        ("zed", "win32", "APPDATA", "/x/Zed/settings.json"),
        ("vscode", "linux", "XDG_CONFIG_HOME", "/x/Code/User/mcp.json"),
        ("vscode", "win32", "APPDATA", "/x/Code/User/mcp.json"),
        ("vscode", "darwin", "VSCODE_PORTABLE", "/x/user-data/User/mcp.json"),
        ("vscode", "linux", "VSCODE_APPDATA", "/x/Code/User/mcp.json"),
        ("claude-desktop", "win32", "APPDATA", "/x/Claude/claude_desktop_config.json"),
        ("claude-desktop", "linux", "XDG_CONFIG_HOME", "/x/Claude/claude_desktop_config.json"),
    ],
)
def test_config_path_follows_the_clients_variables(key: str, platform: str, variable: str, path: str) -> None:
    assert CLIENTS_BY_KEY[key].config_path(HostSystem(platform, HOME, {variable: "/x"})) == Path(path)
    relative = HostSystem(platform, HOME, {variable: "x"})
    assert CLIENTS_BY_KEY[key].config_path(relative) == CLIENTS_BY_KEY[key].config_path(HostSystem(platform, HOME))


def test_config_path_of_a_packaged_claude_desktop_is_its_own_copy(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "win32")
    packaged = machine.system.local_folder / "Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude"
    packaged.mkdir(parents=True)
    machine.write_config("claude-desktop", "{}")
    assert machine.config_path("claude-desktop") == packaged / "claude_desktop_config.json"


@pytest.mark.parametrize("name", ["opencode.jsonc", "opencode.json", "config.json"])
def test_config_path_of_opencode_is_the_existing_file(machine: Machine, name: str) -> None:
    path = machine.system.config_folder / "opencode" / name
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert machine.config_path("opencode") == path
