"""Machines of every system below a temporary folder, and short ways to install on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agentos_mcp.install.client_table import CLIENTS, Client
from agentos_mcp.install.host_system import System
from agentos_mcp.install.installation import install
from agentos_mcp.install.report import Outcome

PLATFORMS = ("darwin", "win32", "linux")
URL = "http://localhost:7777"
BY_KEY = {client.key: client for client in CLIENTS}


@dataclass
class Machine:
    """One person's machine. `variables` join its environment."""

    root: Path
    platform: str = "linux"
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in ("home", "work"):
            (self.root / folder).mkdir()

    @property
    def system(self) -> System:
        return System(self.platform, self.root / "home", dict(self.variables), self.root / "work")

    def place(self, key: str) -> Path:
        return BY_KEY[key].place(self.system)

    def has(self, key: str, text: str | bytes) -> Path:
        """Let a client's file be there."""
        place = self.place(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode() if isinstance(text, str) else text)
        return place

    def entry(self, key: str, name: str = "agentos") -> dict[str, object] | None:
        client: Client = BY_KEY[key]
        return client.section.entry(self.place(key).read_text(encoding="utf-8"), name)

    def install(
        self,
        *keys: str,
        name: str = "agentos",
        token_variable: str = "",
        dry_run: bool = False,
        verify: bool = False,
        **flags: str | bool | None,
    ) -> Outcome:
        return install(
            keys,
            name=name,
            flags={"url": URL, **flags},
            token_variable=token_variable,
            dry_run=dry_run,
            verify=verify,
            system=self.system,
        )

    def uninstall(self, *keys: str, name: str = "agentos", dry_run: bool = False) -> Outcome:
        return install(keys, name=name, uninstall=True, dry_run=dry_run, system=self.system)

    def everything(self) -> dict[str, bytes | None]:
        """Every file and folder (None) there is, apart from what we remember."""
        found = sorted(path for path in self.root.rglob("*") if not path.is_relative_to(self._state))
        return {
            str(path.relative_to(self.root)): path.read_bytes() if path.is_file() else None
            for path in found
            if path not in self._state.parents
        }

    @property
    def _state(self) -> Path:
        return self.system.state
