"""How this copy of the package was installed, and the command that installs it again, with an extra if need be."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.terminal.package_origin import PackageOrigin, read_package_origin


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
    origin: PackageOrigin
    python: Path

    def install_command(self, *extras: str) -> tuple[str, ...]:
        """The command that installs this copy again, in the way and from the source that it was installed."""
        requirement = self.origin.requirement(*extras)
        editable = ("-e",) if self.origin.is_editable else ()
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
    return OwnPackage(_installer(prefix or Path(sys.prefix), system), read_package_origin(), system.python)


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
