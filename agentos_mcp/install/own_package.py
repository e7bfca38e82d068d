"""How this copy of the package was installed, and the command that installs it again, with an extra if need be."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from agentos_mcp import DISTRIBUTION
from agentos_mcp.install.host_system import HostSystem


class Installer(StrEnum):
    """What installed it, or started it."""

    PIPX = "pipx"
    UV_TOOL = "uv tool"
    UVX = "uvx"
    """From a cache, which may be cleared at any time."""
    UV_PIP = "uv pip"
    """Into an environment that has no pip."""
    PIP = "pip"


@dataclass(frozen=True)
class OwnPackage:
    """This copy: what installed it, where from, and into which Python."""

    installer: Installer
    source: str
    """A requirement without its extras: the distribution's name, or the path of a clone or of an archive."""
    python: Path
    is_editable: bool = False
    reference: str = ""
    """The URL of a repository or an archive that it was installed from."""

    def install_command(self, *extras: str) -> tuple[str, ...]:
        """The command that installs this copy again, in the way and from the source that it was installed."""
        chosen = f"[{','.join(extras)}]" if extras else ""
        requirement = f"{DISTRIBUTION}{chosen} @ {self.reference}" if self.reference else f"{self.source}{chosen}"
        editable = ("-e",) if self.is_editable else ()
        match self.installer:
            case Installer.PIPX:
                return "pipx", "install", "--force", *editable, requirement
            case Installer.UV_TOOL:
                return "uv", "tool", "install", "--force", *editable, requirement
            case Installer.UVX:  # to stay: what it was started for is done again with what is installed
                return "uv", "tool", "install", requirement
            case Installer.UV_PIP:
                return "uv", "pip", "install", "--python", str(self.python), *editable, requirement
            case Installer.PIP:
                return str(self.python), "-m", "pip", "install", *editable, requirement


def own_package(system: HostSystem | None = None, prefix: Path | None = None) -> OwnPackage:
    """This copy; `prefix` is its environment."""
    system = system or HostSystem.current()
    prefix = prefix or Path(sys.prefix)
    try:
        distribution = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:  # run from its folder, as a bundle is
        return OwnPackage(_installer(prefix, system), DISTRIBUTION, system.python)
    origin = _read_origin(distribution)
    url = str(origin.get("url") or "")
    folder = _local_path(url) if "vcs_info" not in origin else ""
    if folder and "archive_info" not in origin and Path(folder).is_dir():
        is_editable = origin.get("dir_info", {}).get("editable") is True
        return OwnPackage(_installer(prefix, system), folder, system.python, is_editable)
    reference = _reference(origin, url, folder)
    return OwnPackage(_installer(prefix, system), DISTRIBUTION, system.python, reference=reference)


def install_command(*extras: str, system: HostSystem | None = None) -> str:
    """The line for a shell that installs this copy again, with these extras: `pipx install --force '/clone[demo]'`."""
    system = system or HostSystem.current()
    return system.shell_line(own_package(system).install_command(*extras))


def _installer(prefix: Path, system: HostSystem) -> Installer:
    if (prefix / "pipx_metadata.json").is_file():
        return Installer.PIPX
    if (prefix / "uv-receipt.toml").is_file():
        return Installer.UV_TOOL
    if system.runs_from_uv_cache:
        return Installer.UVX
    return Installer.PIP if importlib.util.find_spec("pip") else Installer.UV_PIP


def _read_origin(distribution: metadata.Distribution) -> dict[str, Any]:
    """Where it came from (PEP 610); empty for a package index."""
    try:
        origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    except (OSError, ValueError):
        return {}
    return origin if isinstance(origin, dict) else {}


def _local_path(url: str) -> str:
    parts = urlsplit(url)
    return url2pathname(parts.path) if parts.scheme == "file" else ""


def _reference(origin: dict[str, Any], url: str, path: str) -> str:
    """What has to stand after the name for the same source; '' for a package index, or a file that is gone."""
    version_control = origin.get("vcs_info")
    if isinstance(version_control, dict):
        revision = str(version_control.get("requested_revision") or "")
        reference = f"{version_control.get('vcs', 'git')}+{url}{f'@{revision}' if revision else ''}"
    else:
        reference = url if not path or Path(path).is_file() else ""
    # An address with a password in it is not for a screen.
    return "" if re.search(r"://[^/@]*@", reference) else reference
