"""Which entries were installed in which file, so that uninstalling restores exactly what was there before."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from agentos_mcp.install import config_file
from agentos_mcp.install.errors import InstallError
from agentos_mcp.install.host_system import HostSystem


@dataclass(frozen=True)
class InstallRecord:
    """One file with entries of agentos-mcp. It is stored under these field names, so they stay as they are."""

    names: tuple[str, ...] = ()
    """The entries."""
    before: str = ""
    """The name of the backup of the file before the first installation; empty where there was no file."""
    folders: tuple[str, ...] = ()
    """Folders that were made for the file."""
    backups: tuple[str, ...] = ()
    written: str = ""
    """The digest of the file as it was written last; empty once another program wrote it in between."""

    def matches(self, data: bytes | None) -> bool:
        """Whether nobody changed the file since."""
        return data is not None and self.written == config_file.digest(data)

    def with_name(self, name: str) -> InstallRecord:
        return replace(self, names=tuple(dict.fromkeys((*self.names, name))))

    def without_name(self, name: str) -> InstallRecord:
        return replace(self, names=tuple(other for other in self.names if other != name))


class InstallRecords:
    """All records, in one small file. Without it uninstalling still works, if less exactly."""

    def __init__(self, system: HostSystem) -> None:
        self._path = system.state_folder / "installed.json"

    def get(self, config_path: Path) -> InstallRecord | None:
        fields = self._read().get(str(config_path))
        if not isinstance(fields, dict):
            return None
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
        }
        try:
            return InstallRecord(**values)
        except TypeError:
            return None

    def save(self, config_path: Path, record: InstallRecord | None) -> None:
        """Store a record, or delete it with None. Never fails: the client's file has been written by then."""
        records = self._read()
        if record is None:
            records.pop(str(config_path), None)
        else:
            records[str(config_path)] = asdict(record)
        with contextlib.suppress(InstallError, OSError):
            if records:
                config_file.write(config_file.read(self._path), json.dumps(records, indent=1).encode())
            elif self._path.exists():
                self._path.unlink()
                self._path.parent.rmdir()

    def _read(self) -> dict[str, Any]:
        try:
            records = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return records if isinstance(records, dict) else {}
