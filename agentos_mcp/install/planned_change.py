"""What an installation does to one client's file: first worked out, then done, so that it can be shown without."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from agentos_mcp.install import files
from agentos_mcp.install.client_entry import belongs_to_us, command_line, drops_credential, entry_for
from agentos_mcp.install.client_table import Client
from agentos_mcp.install.errors import Broken, Refused, Uneditable
from agentos_mcp.install.files import File
from agentos_mcp.install.host_system import System
from agentos_mcp.install.install_records import Record, Records
from agentos_mcp.install.launch_command import Launch


@dataclass(frozen=True)
class Change:
    """One file before and after; `after` is None where the file goes."""

    file: File
    after: bytes | None
    name: str
    record: Record
    """What is known of the file before the change."""
    words: str
    removes: bool = False
    """Whether it takes the entry out."""
    exact: bool = False
    """Whether this is the file as it was before us."""
    note: str = ""


def installing(client: Client, name: str, launch: Launch, system: System, records: Records) -> Change | None:
    """The change that adds or updates the entry; None where it is there already. Raises Refused."""
    file = files.read(client.place(system))

    def by_hand() -> str:
        entry = entry_for(client, name, launch, None)
        return f"Write it in there yourself:\n{client.section.put('', name, entry)}"

    with _told_of(client, file.place, by_hand):
        there = client.section.entry(file.text, name)
        _refuse_strangers(client, name, file.place, there)
        entry = entry_for(client, name, launch, there)
        if entry == there:
            return None
        text = client.section.put(file.text, name, entry)
        record = records.of(file.place)
        held = client.section.entries(file.text) or {}
    if record is None or file.data is None or held.keys().isdisjoint(record.names):
        record = Record()
    note = ""
    if there is not None and drops_credential(client, launch, there):
        note = "The old entry's token is gone: if this AgentOS wants one, give --token-file PATH."
    verb = "added to" if there is None else "updated in"
    return Change(file, file.encoded(text), name, record, f"{name!r} {verb} {file.place}", note=note)


def uninstalling(client: Client, name: str, system: System, records: Records) -> Change | None:
    """The change that takes the entry out; None where it is not there. Raises Refused."""
    file = files.read(client.place(system))
    if file.data is None:
        return None
    with _told_of(client, file.place, lambda: f"Take {name!r} out of it yourself."):
        there = client.section.entry(file.text, name)
        if there is None:
            return None
        _refuse_strangers(client, name, file.place, there)
        known = records.of(file.place)
        before = _before(client, file.place, known, name) if known else None
        record = known or Record()
        held = client.section.entries(file.text) or {}
        alone = held.keys().isdisjoint(record.without_name(name).names)
        if record.left(file.data) and alone and before is not None:
            if before.data is None:
                return Change(file, None, name, record, f"{file.place}, which was made for it, is gone", True, True)
            return Change(file, before.data, name, record, f"{file.place} is as it was before", True, True)
        text = client.section.drop(file.text, name)
        if before is not None and client.section.entries(before.text) is None and not client.section.entries(text):
            text = client.section.drop_section(text)
    words = f"{name!r} is gone from {file.place}"
    made = before is not None and before.data is None
    after = None if made and not text.strip(" \t\r\n{}") else file.encoded(text)
    return Change(file, after, name, record, words, removes=True)


def carry_out(change: Change, records: Records) -> Path | None:
    """Do it; where the backup is. Raises Refused, with nothing changed."""
    made = files.folders_to_make(change.file.place)
    backup = files.back_up(change.file) if change.file.data is not None and not change.exact else None
    try:
        if change.after is None:
            files.remove(change.file)
        else:
            files.write(change.file, change.after)
    except Refused:
        if backup:
            backup.unlink(missing_ok=True)
        raise
    record = _after(change, backup, made)
    records.keep(change.file.place, record)
    folder = change.file.place.parent
    if change.exact:
        for known in change.record.backups:
            with contextlib.suppress(OSError):
                (folder / known).unlink()
    if change.after is None:
        for known in reversed(change.record.folders):
            with contextlib.suppress(OSError):  # it holds something else by now
                Path(known).rmdir()
    else:
        files.forget_old_backups(change.file.place, record.before if record else None)
    return backup


def _after(change: Change, backup: Path | None, made: list[Path]) -> Record | None:
    """What is known of the file after the change."""
    kept = (backup.name,) if backup else ()
    known = change.record
    if change.removes:
        left = known.without_name(change.name)
        if not left.names or change.after is None:
            return None
        written = files.digest(change.after) if known.left(change.file.data) else ""
        return replace(left, backups=(*left.backups, *kept), written=written)
    after = change.after or b""
    if not known.names:
        folders = tuple(str(folder) for folder in made)
        return Record((change.name,), backup.name if backup else "", folders, kept, files.digest(after))
    written = files.digest(after) if known.left(change.file.data) else ""
    return replace(known.with_name(change.name), backups=(*known.backups, *kept), written=written)


def _before(client: Client, place: Path, record: Record, name: str) -> File | None:
    """The file before us; None where that is not known, or it had this entry already."""
    if not record.before:
        return File(place, None)
    with contextlib.suppress(Broken, Refused, ValueError):
        before = files.read(place.with_name(record.before))
        if before.data is not None and client.section.entry(before.text, name) is None:
            return before
    return None


def _refuse_strangers(client: Client, name: str, place: Path, there: object) -> None:
    if isinstance(there, dict) and not belongs_to_us(client, there):
        starts = (command_line(client, there) or [""])[0]
        shown = f" (it starts {Path(starts).name})" if starts else ""
        raise Refused(
            f"{place} has another server named {name!r}{shown}.", "Choose another name with --name and run this again."
        )


@contextlib.contextmanager
def _told_of(client: Client, place: Path, by_hand: Callable[[], str]) -> Iterator[None]:
    """A text that is broken, as words on this file; `by_hand` is the next move where only its manner is in the way."""
    try:
        yield
    except Broken as error:
        where = f"{place}, line {error.line}" if error.line else str(place)
        if isinstance(error, Uneditable):
            raise Refused(f"{where}: {error.words}.", by_hand()) from None
        raise Refused(
            f"{where}: {error.words}.",
            f"Mend it in an editor, or move it away, and run this again; {client.title} reads it no better.",
        ) from None
