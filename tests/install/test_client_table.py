"""Where each client keeps its servers, on each system, and with its own environment variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos_mcp.install.host_system import System
from tests._support.machines import BY_KEY, Machine

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
def test_its_place_is_the_documented_one(key: str, darwin: str, win32: str, linux: str) -> None:
    for platform, place in (("darwin", darwin), ("win32", win32), ("linux", linux)):
        expected = Path("/w/.vscode/mcp.json") if place.startswith("..") else HOME / place
        assert BY_KEY[key].place(System(platform, HOME, {}, Path("/w"))) == expected


@pytest.mark.parametrize(
    ("key", "platform", "variable", "place"),
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
def test_its_own_variables_move_it(key: str, platform: str, variable: str, place: str) -> None:
    assert BY_KEY[key].place(System(platform, HOME, {variable: "/x"})) == Path(place)
    relative = System(platform, HOME, {variable: "x"})
    assert BY_KEY[key].place(relative) == BY_KEY[key].place(System(platform, HOME))


def test_claude_desktop_from_the_windows_package_reads_its_own_copy(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "win32")
    packaged = machine.system.local / "Packages/Claude_pzs8sxrjxfjjc/LocalCache/Roaming/Claude"
    packaged.mkdir(parents=True)
    machine.has("claude-desktop", "{}")
    assert machine.place("claude-desktop") == packaged / "claude_desktop_config.json"


@pytest.mark.parametrize("name", ["opencode.jsonc", "opencode.json", "config.json"])
def test_opencode_is_written_to_the_file_that_there_is(machine: Machine, name: str) -> None:
    place = machine.system.config / "opencode" / name
    place.parent.mkdir(parents=True)
    place.write_text("{}")
    assert machine.place("opencode") == place
