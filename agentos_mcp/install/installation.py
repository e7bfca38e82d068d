"""`agentos-mcp install`: every client that is asked for, one after the other, then all of them tried out."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agentos_mcp.install.client_entry import start_of, telling
from agentos_mcp.install.client_table import ALL, CLIENTS, Client
from agentos_mcp.install.diff import difference
from agentos_mcp.install.errors import Broken, Refused
from agentos_mcp.install.files import File, read
from agentos_mcp.install.host_system import System
from agentos_mcp.install.install_records import Records
from agentos_mcp.install.launch_command import Flags, Launch, launch_for
from agentos_mcp.install.planned_change import Change, carry_out, installing, uninstalling
from agentos_mcp.install.report import Mark, Outcome, Result
from agentos_mcp.install.verification import Verdict, try_out
from agentos_mcp.settings import SettingsError

NAME = "agentos"
_INSTALLED = "installed"
# Together with the longest of our tools this is what every client takes: Cursor has room for sixty.
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,19}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def install(
    clients: Sequence[str],
    *,
    name: str = NAME,
    flags: Flags | None = None,
    token_variable: str = "",
    uninstall: bool = False,
    dry_run: bool = False,
    verify: bool = True,
    system: System | None = None,
) -> Outcome:
    """Put agentos-mcp into clients' configurations, or take it out; what came of it, to be printed.

    `clients` are keys of `CLIENTS`, or `all` for those that are found here. `flags` are the
    settings of `serve` by option name, None where not given. `token_variable` names the
    environment variable in which a client finds the token. Raises SettingsError for what cannot
    be used; what stops one client is in its result.
    """
    system = system or System.here()
    if not _NAME.fullmatch(name):
        raise SettingsError(f"--name {name} cannot be used: at most 20 of a-z, 0-9, - and _, a letter first")
    if token_variable and not _VARIABLE.fullmatch(token_variable):
        raise SettingsError("--token-env takes the name of an environment variable, not a token")
    chosen, missing = _chosen(clients, system)
    work = _Work(name, system, dry_run)
    if uninstall:
        results = [work.uninstall(client) for client in chosen]
        return Outcome(tuple(results), () if results else (_nothing_found(),))
    launch = launch_for(flags or {}, token_variable, system)
    results = [work.install(client, launch) for client in chosen]
    if verify and not dry_run:
        results = _verified(dict(zip(chosen, results, strict=True)), name, system)
    notes = list(launch.notes)
    if missing and chosen:
        titles = ", ".join(f"{client.title} ({client.key})" for client in missing)
        notes.append(f"Not found here, so left out: {titles}. Name one to install it all the same.")
    elif missing:
        notes.append(_nothing_found())
    return Outcome(tuple(results), tuple(notes), found=bool(chosen))


def _chosen(asked: Sequence[str], system: System) -> tuple[list[Client], list[Client]]:
    """The clients to work on, and those that `all` did not find. A project's file is only meant by name."""
    known = {client.key: client for client in CLIENTS}
    for key in asked:
        if key not in known and key != ALL:
            raise SettingsError(f"there is no client '{key}'; use {', '.join(known)}, or {ALL}")
    if not asked:
        raise SettingsError(f"name a client: {', '.join(known)}, or {ALL}")
    chosen = {key: known[key] for key in asked if key != ALL}
    missing = []
    if ALL in asked:
        for client in CLIENTS:
            if client.is_there(system) and not client.shared:
                chosen[client.key] = client
            elif not client.shared and client.key not in chosen:
                missing.append(client)
    return [client for client in CLIENTS if client.key in chosen], missing


def _nothing_found() -> str:
    return f"No client was found here. Name one: {', '.join(client.key for client in CLIENTS)}."


class _Work:
    """The same task for one client after the other."""

    def __init__(self, name: str, system: System, dry_run: bool) -> None:
        self._name = name
        self._system = system
        self._dry_run = dry_run
        self._records = Records(system)

    def install(self, client: Client, launch: Launch) -> Result:
        there = client.is_there(self._system)
        try:
            change = installing(client, self._name, launch, self._system, self._records)
            if change is None:
                place = client.place(self._system)
                return Result(client.title, Mark.DONE, f"{self._name!r} is in {place} already; nothing was changed")
            if self._dry_run:
                return _shown(client, change, telling(client, self._name, launch))
            backup = carry_out(change, self._records)
        except Refused as refusal:
            return _refused(client, refusal)
        details = [change.words + _kept(backup), client.restart]
        if change.note:
            details.append(change.note)
        if client.shared:
            details.append(
                "The file belongs to this folder, and holds this machine's paths: mind that when sharing it."
            )
        if not there:
            details.append(f"{client.title} was not found here: the entry waits for it in {change.file.place.parent}.")
        return Result(client.title, Mark.DONE, _INSTALLED, tuple(details))

    def uninstall(self, client: Client) -> Result:
        try:
            change = uninstalling(client, self._name, self._system, self._records)
            if change is None:
                return Result(client.title, Mark.NOTHING, f"no {self._name!r} to remove")
            if self._dry_run:
                return _shown(client, change, {self._name, client.section.name})
            backup = carry_out(change, self._records)
        except Refused as refusal:
            return _refused(client, refusal)
        return Result(client.title, Mark.DONE, change.words + _kept(backup))


def _verified(results: Mapping[Client, Result], name: str, system: System) -> list[Result]:
    """The results, each with what its client would get from what now stands in its file."""
    starts = {}
    for client in (client for client, result in results.items() if result.mark is Mark.DONE):
        with contextlib.suppress(Broken, Refused):  # it is being written by its client just now
            entry = client.section.entry(read(client.place(system)).text, name)
            starts[client] = start_of(client, entry or {}, system.environment)
    verdicts = try_out(starts.values(), system) if starts else {}
    return [
        _checked(result, verdicts[starts[client].key]) if client in starts else result
        for client, result in results.items()
    ]


def _checked(result: Result, verdict: Verdict) -> Result:
    below = result.details if result.words == _INSTALLED else (result.words, *result.details)
    mark = Mark.DONE if verdict.works else Mark.FAILED
    if not verdict.works:
        below = (*below, "The entry stands. Run the same command again to try it once more.")
    return replace(result, mark=mark, words=verdict.words, details=below)


def _shown(client: Client, change: Change, shown: set[str]) -> Result:
    after = None if change.after is None else File(change.file.place, change.after).text
    diff = difference(change.file.place, change.file.text, after, shown)
    return Result(client.title, Mark.NOTHING, "this would change; nothing was written", (diff,))


def _refused(client: Client, refusal: Refused) -> Result:
    return Result(client.title, Mark.FAILED, f"{refusal.message} Nothing was changed. {refusal.hint}")


def _kept(backup: Path | None) -> str:
    return f" (before: {backup.name}, beside it)" if backup else ""
