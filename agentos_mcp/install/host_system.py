"""The machine that is installed on, as a value: the same code is tested for every system."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_UV_CACHE = frozenset({"archive-v0", "builds-v0", "environments-v1", "environments-v2"})


@dataclass(frozen=True)
class System:
    """Where a person works. `platform` is `sys.platform`: darwin, win32, or anything else for Linux."""

    platform: str
    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = field(default_factory=Path.cwd)
    """The current folder: relative paths and the workspace are there."""
    python: Path = field(default_factory=lambda: Path(sys.executable))

    @classmethod
    def here(cls) -> System:
        return cls(sys.platform, Path.home(), dict(os.environ))

    def folder_in(self, variable: str) -> Path | None:
        """The folder that an environment variable names; None where it is not set, or relative."""
        named = self.environment.get(variable, "").strip()
        return Path(named) if named and Path(named).is_absolute() else None

    @property
    def config(self) -> Path:
        """XDG's folder for configuration, on every system."""
        return self.folder_in("XDG_CONFIG_HOME") or self.home / ".config"

    @property
    def roaming(self) -> Path:
        return self.folder_in("APPDATA") or self.home / "AppData" / "Roaming"

    @property
    def local(self) -> Path:
        return self.folder_in("LOCALAPPDATA") or self.home / "AppData" / "Local"

    @property
    def applications(self) -> Path:
        """Where desktop applications keep what a person configures."""
        if self.platform == "darwin":
            return self.home / "Library" / "Application Support"
        return self.roaming if self.platform == "win32" else self.config

    @property
    def state(self) -> Path:
        """Where we remember what we wrote."""
        if self.platform == "darwin":
            return self.applications / "agentos-mcp"
        if self.platform == "win32":
            return self.local / "agentos-mcp"
        return (self.folder_in("XDG_STATE_HOME") or self.home / ".local" / "state") / "agentos-mcp"

    @property
    def minimal_path(self) -> str:
        """The PATH that a desktop client starts its servers with."""
        if self.platform == "win32":
            root = self.environment.get("SystemRoot", r"C:\Windows")
            return rf"{root}\System32;{root}"
        return "/usr/bin:/bin:/usr/sbin:/sbin"

    def absolute(self, path: str) -> Path:
        named = Path(path.strip())
        if named.parts[:1] == ("~",):
            named = self.home.joinpath(*named.parts[1:])
        return self.folder / named.expanduser()

    @property
    def runs_from_uv_cache(self) -> bool:
        """Whether this is `uvx`: what it runs may be cleared away at any time."""
        return not _UV_CACHE.isdisjoint(self.python.absolute().parts)
