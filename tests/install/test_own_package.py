"""The command that installs this copy again, for each way to install it, and with the real tools."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from agentos_mcp import DISTRIBUTION
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.own_package import Installer, OwnPackage, install_command, own_package
from agentos_mcp.terminal.package_origin import PackageOrigin
from scripts.project import ROOT
from tests._support.packaging_tools import LIMIT, done, scripts, tool, uv_command

WHEEL = "mcp_server_agentos-0.1.0-py3-none-any.whl"


class _Distribution(metadata.Distribution):
    def __init__(self, origin: str | None) -> None:
        self._origin = origin

    def read_text(self, filename: str) -> str | None:
        return self._origin if filename == "direct_url.json" else None

    def locate_file(self, path: Any) -> Any:
        raise NotImplementedError


def _command(
    monkeypatch: pytest.MonkeyPatch, prefix: Path, origin: Mapping[str, Any] | str | None, *, python: Path | None = None
) -> list[str]:
    """The command for a copy in this environment that says of itself that it came from here."""
    text = json.dumps(origin) if isinstance(origin, Mapping) else origin
    monkeypatch.setattr("importlib.metadata.distribution", {DISTRIBUTION: _Distribution(text)}.__getitem__)
    system = HostSystem("linux", prefix, python=python or Path("/venv/bin/python"))
    return list(own_package(system, prefix).install_command("demo"))


@pytest.mark.parametrize(
    ("marker", "command"),
    [
        ("pipx_metadata.json", ["pipx", "install", "--force"]),
        ("uv-receipt.toml", ["uv", "tool", "install", "--force"]),
        ("", ["/venv/bin/python", "-m", "pip", "install"]),
    ],
)
def test_copy_from_an_index_is_installed_by_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, marker: str, command: list[str]
) -> None:
    if marker:
        (tmp_path / marker).touch()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "pip")
    assert _command(monkeypatch, tmp_path, None) == [*command, "mcp-server-agentos[demo]"]


def test_environment_without_pip_is_installed_into_by_uv(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    uv = ["uv", "pip", "install", "--python", "/venv/bin/python"]
    assert _command(monkeypatch, tmp_path, None) == [*uv, "mcp-server-agentos[demo]"]


def test_copy_in_uvs_cache_is_installed_as_a_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = Path("/home/ada/.cache/uv/archive-v0/x/bin/python")
    command = _command(monkeypatch, tmp_path, None, python=python)
    assert command == ["uv", "tool", "install", "mcp-server-agentos[demo]"]


@pytest.mark.parametrize("is_editable", [False, True])
def test_copy_from_a_clone_is_installed_from_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_editable: bool
) -> None:
    clone = tmp_path / "a clone"
    clone.mkdir()
    (tmp_path / "pipx_metadata.json").touch()
    origin = {"url": clone.as_uri(), "dir_info": {"editable": is_editable} if is_editable else {}}
    editable = ["-e"] if is_editable else []
    assert _command(monkeypatch, tmp_path, origin) == ["pipx", "install", "--force", *editable, f"{clone}[demo]"]


@pytest.mark.parametrize(
    ("origin", "requirement"),
    [
        (
            {"url": "https://example.com/a.git", "vcs_info": {"vcs": "git", "requested_revision": "v1"}},
            "mcp-server-agentos[demo] @ git+https://example.com/a.git@v1",
        ),
        (
            {"url": f"https://example.com/{WHEEL}", "archive_info": {}},
            f"mcp-server-agentos[demo] @ https://example.com/{WHEEL}",
        ),
        ({"url": "https://ada:secret@example.com/a.git", "vcs_info": {"vcs": "git"}}, "mcp-server-agentos[demo]"),
        ({"url": "file:///gone/clone", "dir_info": {}}, "mcp-server-agentos[demo]"),
        ({"url": f"file:///gone/{WHEEL}", "archive_info": {}}, "mcp-server-agentos[demo]"),
        ("[]", "mcp-server-agentos[demo]"),
        ("no JSON", "mcp-server-agentos[demo]"),
    ],
)
def test_copy_from_elsewhere_is_installed_from_there_if_it_can_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, origin: Mapping[str, Any] | str, requirement: str
) -> None:
    (tmp_path / "uv-receipt.toml").touch()
    assert _command(monkeypatch, tmp_path, origin)[-1] == requirement


def test_copy_without_metadata_is_installed_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(_: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr("importlib.metadata.distribution", missing)
    assert own_package(HostSystem("linux", tmp_path), tmp_path).install_command()[-1] == DISTRIBUTION


def test_line_is_quoted_for_the_shell() -> None:
    assert shlex.split(install_command("demo"))[-1] == f"{ROOT}[demo]"
    windows = install_command("demo", system=HostSystem("win32", ROOT, python=Path(r"C:\Program Files\python.exe")))
    assert r'"C:\Program Files\python.exe"' in windows


@pytest.mark.timeout(3 * LIMIT)
@pytest.mark.skipif(sys.platform == "win32", reason="the line is for a POSIX shell")
def test_line_of_a_uv_tool_installs_the_extra(tmp_path: Path) -> None:
    folders = {"UV_TOOL_DIR": str(tmp_path / "tools"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
    given = {**folders, "UV_CONSTRAINT": str(ROOT / "constraints.txt")}
    done(uv_command(), "tool", "install", "--quiet", ROOT, given=given)
    ask = "from agentos_mcp.install.own_package import install_command; print(install_command('demo'))"
    python = scripts(tmp_path / "tools" / DISTRIBUTION) / "python"
    line = done(python, "-c", ask, cwd=tmp_path)
    assert line == shlex.join(["uv", "tool", "install", "--force", f"{ROOT}[demo]"])
    assert tool(python, "-c", "import agno", cwd=tmp_path).returncode != 0
    done(uv_command(), *shlex.split(line)[1:], "--quiet", given=given)
    done(python, "-c", "import agno, agentos_mcp.demo.components", cwd=tmp_path)


def test_every_installer_has_a_command(tmp_path: Path) -> None:
    for installer in Installer:
        package = OwnPackage(installer, PackageOrigin("/clone"), tmp_path / "python")
        assert "install" in package.install_command()
        assert package.install_command("a", "b")[-1] == "/clone[a,b]"
