"""What an installation changes in one client's file: worked out first, then applied, so that a dry run can show it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agentos_mcp.install import config_file
from agentos_mcp.install.client_entry import build_entry, command_line, drops_credential, is_own_entry
from agentos_mcp.install.client_table import Client
from agentos_mcp.install.config_file import ConfigFile
from agentos_mcp.install.errors import InstallError, InvalidConfigError, UneditableConfigError
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.install_records import InstallRecord, InstallRecords
from agentos_mcp.install.launch_command import TOKEN_FILE, LaunchCommand


@dataclass(frozen=True)
class PlannedChange:
    """One file before and after; `new_data` is None where the file is removed."""

    file: ConfigFile
    new_data: bytes | None
    name: str
    record: InstallRecord
    """The record of the file before the change."""
    summary: str
    removes_entry: bool = False
    restores_original: bool = False
    """Whether the file will be exactly as it was before the first installation."""
    note: str = ""


def plan_install(
    client: Client, name: str, launch: LaunchCommand, system: HostSystem, records: InstallRecords
) -> PlannedChange | None:
    """The change that adds or updates the entry; None where the entry is up to date. Raises InstallError."""
    file = config_file.read(client.config_path(system))

    def edit_by_hand() -> str:
        entry = build_entry(client, name, launch, None)
        return f"Add this to it yourself:\n{client.section.put('', name, entry)}"

    with _config_errors(client, file.path, edit_by_hand):
        current = client.section.entry(file.text, name)
        _refuse_foreign_entry(client, name, file.path, current)
        entry = build_entry(client, name, launch, current)
        missing_settings = client.missing_settings(file.text, entry)
        if entry == current and not missing_settings:
            return None
        text = file.text if entry == current else client.section.put(file.text, name, entry)
        for key, value in missing_settings.items():
            text = client.section.put_setting(text, key, value)
        record = records.get(file.path)
        entries = client.section.entries(file.text) or {}
    if record is None or file.data is None or entries.keys().isdisjoint(record.names):
        record = InstallRecord()
    note = client.top_level_note if missing_settings else ""
    if current is not None and drops_credential(client, launch, current):
        removed = f"The old entry's token was removed: if this AgentOS requires one, give {TOKEN_FILE}."
        note = f"{note} {removed}".strip()
    verb = "added to" if current is None else "updated in"
    return PlannedChange(file, file.encode(text), name, record, f"{name!r} {verb} {file.path}", note=note)


def own_entry_names(client: Client, system: HostSystem) -> list[str]:
    """The names of all entries for agentos-mcp in a client's file. Raises InstallError."""
    file = config_file.read(client.config_path(system))
    if file.data is None:
        return []
    with _config_errors(client, file.path, lambda: "Remove the entry from it yourself."):
        entries = client.section.entries(file.text) or {}
    return [name for name, entry in entries.items() if isinstance(entry, dict) and is_own_entry(client, entry)]


def plan_uninstall(client: Client, name: str, system: HostSystem, records: InstallRecords) -> PlannedChange | None:
    """The change that removes the entry; None where there is none. Raises InstallError."""
    file = config_file.read(client.config_path(system))
    if file.data is None:
        return None
    with _config_errors(client, file.path, lambda: f"Remove {name!r} from it yourself."):
        entry = client.section.entry(file.text, name)
        if entry is None:
            return None
        _refuse_foreign_entry(client, name, file.path, entry)
        known_record = records.get(file.path)
        original = _original_file(client, file.path, known_record, name) if known_record else None
        record = known_record or InstallRecord()
        entries = client.section.entries(file.text) or {}
        is_only_entry = entries.keys().isdisjoint(record.without_name(name).names)
        if record.matches(file.data) and is_only_entry and original is not None:
            if original.data is None:
                return PlannedChange(
                    file, None, name, record, f"{file.path}, which was made for it, was removed", True, True
                )
            return PlannedChange(file, original.data, name, record, f"{file.path} is as it was before", True, True)
        text = client.section.drop(file.text, name)
        if not any(is_own_entry(client, other) for other in _servers(client, text)):
            for key, value in client.top_level_settings.items():
                text = client.section.drop_setting(text, key, value)
        if original is not None and client.section.entries(original.text) is None and not client.section.entries(text):
            text = client.section.drop_section(text)
    was_created = original is not None and original.data is None
    new_data = None if was_created and not text.strip(" \t\r\n{}") else file.encode(text)
    return PlannedChange(file, new_data, name, record, f"{name!r} was removed from {file.path}", removes_entry=True)


def apply_change(change: PlannedChange, records: InstallRecords) -> Path | None:
    """Write or remove the file; the path of its backup. Raises InstallError, with nothing changed."""
    created_folders = config_file.missing_folders(change.file.path)
    needs_backup = change.file.data is not None and not change.restores_original
    backup = config_file.back_up(change.file) if needs_backup else None
    try:
        if change.new_data is None:
            config_file.remove(change.file)
        else:
            config_file.write(change.file, change.new_data)
    except InstallError:
        if backup:
            backup.unlink(missing_ok=True)
        raise
    record = _new_record(change, backup, created_folders)
    records.save(change.file.path, record)
    if change.restores_original:
        for name in change.record.backups:
            with contextlib.suppress(OSError):
                change.file.path.with_name(name).unlink()
    if change.new_data is None:
        for folder in reversed(change.record.folders):
            with contextlib.suppress(OSError):  # it is no longer empty
                Path(folder).rmdir()
    else:
        config_file.remove_old_backups(change.file.path, record.before if record else None)
    return backup


def _new_record(change: PlannedChange, backup: Path | None, created_folders: list[Path]) -> InstallRecord | None:
    """The record of the file after the change."""
    new_backups = (backup.name,) if backup else ()
    record = change.record
    if change.removes_entry:
        remaining = record.without_name(change.name)
        if not remaining.names or change.new_data is None:
            return None
        written = config_file.digest(change.new_data) if record.matches(change.file.data) else ""
        return replace(remaining, backups=(*remaining.backups, *new_backups), written=written)
    written = config_file.digest(change.new_data or b"")
    if not record.names:
        folders = tuple(str(folder) for folder in created_folders)
        return InstallRecord((change.name,), backup.name if backup else "", folders, new_backups, written)
    return replace(
        record.with_name(change.name),
        backups=(*record.backups, *new_backups),
        written=written if record.matches(change.file.data) else "",
    )


def _original_file(client: Client, path: Path, record: InstallRecord, name: str) -> ConfigFile | None:
    """The file before the first installation; None where that is not known, or it had this entry already."""
    if not record.before:
        return ConfigFile(path, None)
    with contextlib.suppress(InvalidConfigError, InstallError, ValueError):
        original = config_file.read(path.with_name(record.before))
        if original.data is not None and client.section.entry(original.text, name) is None:
            return original
    return None


def _servers(client: Client, text: str) -> list[dict[str, Any]]:
    return [entry for entry in (client.section.entries(text) or {}).values() if isinstance(entry, dict)]


def _refuse_foreign_entry(client: Client, name: str, path: Path, entry: object) -> None:
    if isinstance(entry, dict) and not is_own_entry(client, entry):
        program = (command_line(client, entry) or [""])[0]
        starts = f" (it starts {Path(program).name})" if program else ""
        raise InstallError(
            f"{path} has another server named {name!r}{starts}.", "Choose another name with --name and run this again."
        )


@contextlib.contextmanager
def _config_errors(client: Client, path: Path, edit_by_hand: Callable[[], str]) -> Iterator[None]:
    """Turn InvalidConfigError into InstallError; `edit_by_hand` makes the hint for uneditable text."""
    try:
        yield
    except InvalidConfigError as error:
        message = f"{error.located_in(path)}."
        if isinstance(error, UneditableConfigError):
            raise InstallError(message, edit_by_hand()) from None
        raise InstallError(
            message, f"{client.title} cannot read it either. Fix it in an editor, or move it away, and run this again."
        ) from None
