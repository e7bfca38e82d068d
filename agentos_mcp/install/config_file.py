"""A client's file: read whole, written atomically, kept beside it as it was."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agentos_mcp.install.errors import Refused, reason

KEPT = 3
"""Backups of a file, besides the one of how it was before us."""
_AGAIN = "Run the same command again."


@dataclass(frozen=True)
class File:
    """A file as it was found. `place` is where it really is, links followed; `data` is None where there is none."""

    place: Path
    data: bytes | None

    @property
    def text(self) -> str:
        """Its text without a byte order mark. Raises Refused."""
        data = (self.data or b"").removeprefix(codecs.BOM_UTF8)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise Refused(
                f"{self.place}, line {line}: it is not UTF-8.", "Save it as UTF-8 in an editor and run this again."
            ) from None

    def encoded(self, text: str) -> bytes:
        mark = codecs.BOM_UTF8 if (self.data or b"").startswith(codecs.BOM_UTF8) else b""
        return mark + text.encode("utf-8")


def read(place: Path) -> File:
    """The file, or that there is none. Raises Refused for one that cannot be read, or may not be written."""
    try:
        real = Path(os.path.realpath(place))
        if real.is_dir():
            raise Refused(f"{place} is a folder, not a file.", "Move it away and run this again.")
        if not real.exists():
            return File(real, None)
        if not stat.S_ISREG(real.stat().st_mode):
            raise Refused(f"{place} is no ordinary file.", "Move it away and run this again.")
        data = real.read_bytes()
    except OSError as error:
        raise Refused(
            f"{place} cannot be read: {reason(error)}.", "See to its permissions and run this again."
        ) from None
    if not os.access(real, os.W_OK):
        raise Refused(
            f"{place} is read-only; something else may look after it.",
            "Add the entry there (--dry-run shows it), or make the file writable and run this again.",
        )
    return File(real, data)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def folders_to_make(place: Path) -> list[Path]:
    """The folders above a file that are not there yet, the outermost first."""
    return [folder for folder in reversed(place.parents) if not folder.exists()]


def write(file: File, data: bytes) -> None:
    """Put data in the file's place at once. Raises Refused where somebody wrote it since it was read."""
    try:
        file.place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{file.place.name}.", dir=file.place.parent)
        new = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            if file.data is not None:
                _like(file.place, new)
            _still(file)
            new.replace(file.place)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        _sync_folder(file.place.parent)
    except OSError as error:
        raise Refused(
            f"{file.place} cannot be written: {reason(error)}.", "See to its folder's permissions and run this again."
        ) from None


def remove(file: File) -> None:
    try:
        _still(file)
        file.place.unlink()
    except OSError as error:
        raise Refused(f"{file.place} cannot be removed: {reason(error)}.", _AGAIN) from None


def back_up(file: File) -> Path:
    """Keep the file as it is, beside it; where that is."""
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    try:
        for number in range(1000):
            again = f"-{number}" if number else ""
            backup = file.place.with_name(f"{file.place.name}.agentos-mcp-{stamp}{again}.bak")
            try:
                handle = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            with os.fdopen(handle, "wb") as stream:
                stream.write(file.data or b"")
                stream.flush()
                os.fsync(stream.fileno())
            _like(file.place, backup)
            return backup
    except OSError as error:
        raise Refused(f"{file.place} cannot be backed up: {reason(error)}.", _AGAIN) from None
    raise Refused(f"{file.place} has too many backups.", "Remove some of them and run this again.")


def forget_old_backups(place: Path, spared: str | None) -> None:
    """Leave the newest few, and the one that is spared."""
    backups = [path for path in place.parent.glob("*.bak") if path.name.startswith(f"{place.name}.agentos-mcp-")]
    backups.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in [path for path in backups if path.name != spared][KEPT:]:
        with contextlib.suppress(OSError):
            path.unlink()


def _still(file: File) -> None:
    now = file.place.read_bytes() if file.place.exists() else None
    if now != file.data:
        raise Refused(f"{file.place} was changed by another program just now.", _AGAIN)


def _like(model: Path, copy: Path) -> None:
    """Give a copy its model's permissions, and its owner where we may."""
    known = model.stat()
    copy.chmod(stat.S_IMODE(known.st_mode))
    if hasattr(os, "chown") and known.st_uid != copy.stat().st_uid:
        with contextlib.suppress(OSError):
            os.chown(copy, known.st_uid, known.st_gid)


def _sync_folder(folder: Path) -> None:
    """Make a new name durable, where a system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
