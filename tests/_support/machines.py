"""Machines of every operating system below a temporary folder, and short ways to install on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentos_mcp.install.client_table import CLIENTS, Client
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.install_report import InstallReport
from agentos_mcp.install.installation import install
from tests._support.client_config_samples import SAMPLES

PLATFORMS = ("darwin", "win32", "linux")
URL = "http://localhost:7777"
CLIENTS_BY_KEY = {client.key: client for client in CLIENTS}


@dataclass
class Machine:
    """One user's machine. `variables` are added to its environment."""

    root: Path
    platform: str = "linux"
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in ("home", "work"):
            (self.root / folder).mkdir()

    @property
    def system(self) -> HostSystem:
        return HostSystem(self.platform, self.root / "home", dict(self.variables), self.root / "work")

    def config_path(self, key: str) -> Path:
        return CLIENTS_BY_KEY[key].config_path(self.system)

    def write_config(self, key: str, text: str | bytes) -> Path:
        """Write a client's file; its path."""
        path = self.config_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def add_entry(
        self, key: str, command: list[str], *, name: str = "agentos", fields: Mapping[str, Any] | None = None
    ) -> Path:
        """Add an entry that starts a command, and has these other fields, to a client's file with other servers."""
        client, path = CLIENTS_BY_KEY[key], self.config_path(key)
        text = path.read_text() if path.exists() else SAMPLES[key]
        program, *arguments = command
        entry: Mapping[str, Any] = (
            {client.command_key: program, client.arguments_key: arguments}
            if client.arguments_key
            else {client.command_key: command}
        )
        return self.write_config(key, client.section.put(text, name, {**entry, **(fields or {})}))

    def read_entry(self, key: str, name: str = "agentos") -> dict[str, object] | None:
        client: Client = CLIENTS_BY_KEY[key]
        return client.section.entry(self.config_path(key).read_text(encoding="utf-8"), name)

    def install(
        self,
        *keys: str,
        name: str = "agentos",
        token_variable: str = "",
        dry_run: bool = False,
        verify: bool = False,
        **flags: str | bool | None,
    ) -> InstallReport:
        return install(
            keys,
            name=name,
            flags={"url": URL, **flags},
            token_variable=token_variable,
            dry_run=dry_run,
            verify=verify,
            system=self.system,
        )

    def uninstall(self, *keys: str, name: str = "", dry_run: bool = False) -> InstallReport:
        return install(keys, name=name, uninstall=True, dry_run=dry_run, system=self.system)

    def read_all_files(self) -> dict[str, bytes | None]:
        """Every file's content and every folder (None) by its path, except the records of installations."""
        state_folder = self.system.state_folder
        paths = sorted(path for path in self.root.rglob("*") if not path.is_relative_to(state_folder))
        return {
            str(path.relative_to(self.root)): path.read_bytes() if path.is_file() else None
            for path in paths
            if path not in state_folder.parents
        }
