"""A client's configuration file: read whole, written atomically, backed up beside itself."""

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

from agentos_mcp.agentos.open_file import open_to_read
from agentos_mcp.agentos.replace_file import replace_file
from agentos_mcp.install.errors import InstallError, InvalidConfigError, os_error_reason

MAX_BACKUPS = 3
"""Backups of a file, besides the one of the file before the first installation."""
MAX_BYTES = 32 * 1024 * 1024
"""Of a client's file; Claude Code keeps more in its own than its configuration."""
_RUN_AGAIN = "Run the same command again."


@dataclass(frozen=True)
class ConfigFile:
    """A file's content when it was read. `path` has its links resolved; `data` is None where there is no file."""

    path: Path
    data: bytes | None

    @property
    def text(self) -> str:
        """Its text without a byte order mark. Raises InvalidConfigError."""
        data = (self.data or b"").removeprefix(codecs.BOM_UTF8)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidConfigError("it is not valid UTF-8", data.count(b"\n", 0, error.start) + 1) from None

    def encode(self, text: str) -> bytes:
        """The text as bytes, with a byte order mark where the file has one."""
        mark = codecs.BOM_UTF8 if (self.data or b"").startswith(codecs.BOM_UTF8) else b""
        return mark + text.encode("utf-8")


def read(path: Path) -> ConfigFile:
    """The file, or that there is none. Raises InstallError for one that cannot be read, or may not be written."""
    try:
        real_path = Path(os.path.realpath(path))
        if real_path.is_dir():
            raise InstallError(f"{path} is a folder, not a file.", "Move it away and run this again.")
        if not real_path.exists():
            return ConfigFile(real_path, None)
        try:
            data = read_bounded(real_path)
        except ValueError as error:
            raise InstallError(f"{path} {error}.", "Move it away and run this again.") from None
    except OSError as error:
        raise InstallError(
            f"{path} cannot be read: {os_error_reason(error)}.", "Check its permissions and run this again."
        ) from None
    if not os.access(real_path, os.W_OK):
        raise InstallError(
            f"{path} is read-only; another program may manage it.",
            "Add the entry there (--dry-run shows it), or make the file writable and run this again.",
        )
    return ConfigFile(real_path, data)


def read_bounded(path: Path) -> bytes:
    """A file's content. Raises OSError, and ValueError (a predicate) for what is no file, or too large."""
    descriptor = open_to_read(path)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("is not a regular file")
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"has more than {MAX_BYTES // 1024**2} MiB")
    return data


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def missing_folders(path: Path) -> list[Path]:
    """The folders above a path that do not exist yet, the outermost first."""
    return [folder for folder in reversed(path.parents) if not folder.exists()]


def write(file: ConfigFile, data: bytes) -> None:
    """Replace the file's content atomically. Raises InstallError where it was written since it was read."""
    try:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{file.path.name}.", dir=file.path.parent)
        temporary_path = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            if file.data is not None:
                _copy_permissions(file.path, temporary_path)
            _require_unchanged(file)
            replace_file(temporary_path, file.path)
        except BaseException:
            temporary_path.unlink(missing_ok=True)
            raise
        _sync_folder(file.path.parent)
    except OSError as error:
        raise InstallError(
            f"{file.path} cannot be written: {os_error_reason(error)}.",
            "Check its folder's permissions and run this again.",
        ) from None


def remove(file: ConfigFile) -> None:
    try:
        _require_unchanged(file)
        file.path.unlink()
    except OSError as error:
        raise InstallError(f"{file.path} cannot be removed: {os_error_reason(error)}.", _RUN_AGAIN) from None


def back_up(file: ConfigFile) -> Path:
    """Copy the file beside itself; the path of the copy."""
    timestamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    try:
        for number in range(1000):
            suffix = f"-{number}" if number else ""
            backup = file.path.with_name(f"{file.path.name}.agentos-mcp-{timestamp}{suffix}.bak")
            try:
                handle = os.open(backup, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            with os.fdopen(handle, "wb") as stream:
                stream.write(file.data or b"")
                stream.flush()
                os.fsync(stream.fileno())
            _copy_permissions(file.path, backup)
            return backup
    except OSError as error:
        raise InstallError(f"{file.path} cannot be backed up: {os_error_reason(error)}.", _RUN_AGAIN) from None
    raise InstallError(f"{file.path} has too many backups.", "Remove some of them and run this again.")


def remove_old_backups(path: Path, original_name: str | None) -> None:
    """Keep the newest few, and the one of the file before the first installation."""
    backups = [backup for backup in path.parent.glob("*.bak") if backup.name.startswith(f"{path.name}.agentos-mcp-")]
    backups.sort(key=lambda backup: backup.stat().st_mtime_ns, reverse=True)
    for backup in [backup for backup in backups if backup.name != original_name][MAX_BACKUPS:]:
        with contextlib.suppress(OSError):
            backup.unlink()


def _require_unchanged(file: ConfigFile) -> None:
    current_data = file.path.read_bytes() if file.path.exists() else None
    if current_data != file.data:
        raise InstallError(f"{file.path} was changed by another program just now.", _RUN_AGAIN)


def _copy_permissions(source: Path, target: Path) -> None:
    """Give a file another one's permissions, and its owner where the system allows it."""
    source_stat = source.stat()
    target.chmod(stat.S_IMODE(source_stat.st_mode))
    if hasattr(os, "chown") and source_stat.st_uid != target.stat().st_uid:
        with contextlib.suppress(OSError):
            os.chown(target, source_stat.st_uid, source_stat.st_gid)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable, on systems that can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
