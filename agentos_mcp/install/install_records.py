"""What we wrote where, so that uninstalling gives back exactly what was there before us."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from agentos_mcp.install import files
from agentos_mcp.install.errors import Refused
from agentos_mcp.install.host_system import System


@dataclass(frozen=True)
class Record:
    """One file with entries of ours."""

    names: tuple[str, ...] = ()
    """Our entries in it."""
    before: str = ""
    """The backup of the file before us; empty where there was no file."""
    folders: tuple[str, ...] = ()
    """Folders that were made for it."""
    backups: tuple[str, ...] = ()
    written: str = ""
    """The digest of the file as we left it; empty once somebody else wrote it between two writes of ours."""

    def left(self, data: bytes | None) -> bool:
        """Whether the file is as we left it."""
        return data is not None and self.written == files.digest(data)

    def with_name(self, name: str) -> Record:
        return replace(self, names=tuple(dict.fromkeys((*self.names, name))))

    def without_name(self, name: str) -> Record:
        return replace(self, names=tuple(known for known in self.names if known != name))


class Records:
    """All records, in one small file. Without it uninstalling still works, if less exactly."""

    def __init__(self, system: System) -> None:
        self._place = system.state / "installed.json"

    def of(self, place: Path) -> Record | None:
        held = self._all().get(str(place))
        if not isinstance(held, dict):
            return None
        known: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in held.items()}
        try:
            return Record(**known)
        except TypeError:
            return None

    def keep(self, place: Path, record: Record | None) -> None:
        """Remember, or forget with None. The client's file is written by then, so nothing is worth failing for."""
        held = self._all()
        if record is None:
            held.pop(str(place), None)
        else:
            held[str(place)] = asdict(record)
        with contextlib.suppress(Refused, OSError):
            if held:
                files.write(files.read(self._place), json.dumps(held, indent=1).encode())
            elif self._place.exists():
                self._place.unlink()
                self._place.parent.rmdir()

    def _all(self) -> dict[str, Any]:
        try:
            held = json.loads(self._place.read_bytes())
        except (OSError, ValueError):
            return {}
        return held if isinstance(held, dict) else {}
