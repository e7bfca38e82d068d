"""The machine to install on, as a value, so that the same code is tested for every operating system."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from agentos_mcp.settings.home_folder import expand_home
from agentos_mcp.terminal.program_name import is_in_uv_cache


@dataclass(frozen=True)
class HostSystem:
    """A user's machine. `platform` is `sys.platform`: darwin, win32, or anything else for Linux."""

    platform: str
    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    working_folder: Path = field(default_factory=Path.cwd)
    """Where relative paths and the workspace are."""
    python: Path = field(default_factory=lambda: Path(sys.executable))

    @classmethod
    def current(cls) -> HostSystem:
        return cls(sys.platform, Path.home(), dict(os.environ))

    def folder_from_variable(self, variable: str) -> Path | None:
        """The folder that an environment variable names; None where it is not set, or relative."""
        value = self.environment.get(variable, "").strip()
        return Path(value) if value and Path(value).is_absolute() else None

    @property
    def config_folder(self) -> Path:
        """XDG's folder for configuration, on every system."""
        return self.folder_from_variable("XDG_CONFIG_HOME") or self.home / ".config"

    @property
    def roaming_folder(self) -> Path:
        return self.folder_from_variable("APPDATA") or self.home / "AppData" / "Roaming"

    @property
    def local_folder(self) -> Path:
        return self.folder_from_variable("LOCALAPPDATA") or self.home / "AppData" / "Local"

    @property
    def applications_folder(self) -> Path:
        """Where desktop applications keep their configuration."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.roaming_folder if self.platform == "win32" else self.config_folder

    @property
    def state_folder(self) -> Path:
        """Where the records of installations are kept."""
        if self.platform == "darwin":
            return self.applications_folder / "agentos-mcp"
        if self.platform == "win32":
            return self.local_folder / "agentos-mcp"
        return (self.folder_from_variable("XDG_STATE_HOME") or self.home / ".local" / "state") / "agentos-mcp"

    @property
    def minimal_path(self) -> str:
        """The PATH that a desktop client starts its servers with."""
        if self.platform == "win32":
            root = self.environment.get("SystemRoot", r"C:\Windows")
            return rf"{root}\System32;{root}"
        return "/usr/bin:/bin:/usr/sbin:/sbin"

    def absolute(self, path: str) -> Path:
        """The path from the root on. Raises ValueError for `~NAME` where there is no such user."""
        expanded = Path(path.strip())
        if expanded.parts[:1] == ("~",):
            expanded = self.home.joinpath(*expanded.parts[1:])
        return self.working_folder / expand_home(str(expanded))

    def shell_line(self, command: Sequence[str]) -> str:
        """A command line that can be copied into the shell of this system."""
        return subprocess.list2cmdline(command) if self.platform == "win32" else shlex.join(command)

    @property
    def runs_from_uv_cache(self) -> bool:
        """Whether this was started by `uvx`, from a cache that may be cleared at any time."""
        return is_in_uv_cache(self.python)
