"""`agentos-mcp install`: adds the entry to each client's configuration, or removes it, then starts what was written."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio

from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.runs.run import KINDS, Kind
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.install import config_file
from agentos_mcp.install.client_entry import (
    ResolvedCommand,
    is_own_entry,
    printable_texts,
    project_entries,
    resolve_command,
)
from agentos_mcp.install.client_table import ALL, CLIENTS, Client
from agentos_mcp.install.config_file import ConfigFile
from agentos_mcp.install.errors import InstallError, InvalidConfigError
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.install_records import InstallRecords
from agentos_mcp.install.install_report import ClientResult, InstallReport, Mark
from agentos_mcp.install.launch_command import Flags, LaunchCommand, build_launch_command
from agentos_mcp.install.masked_diff import masked_diff
from agentos_mcp.install.planned_change import (
    PlannedChange,
    apply_change,
    own_entry_names,
    plan_install,
    plan_uninstall,
)
from agentos_mcp.install.server_probe import AgentOSStatus, ProbeProblem, ProbeResult, ServerProber
from agentos_mcp.settings import SettingsError
from agentos_mcp.settings.profiles import is_variable_name
from agentos_mcp.terminal.program_name import program_words

DEFAULT_ENTRY_NAME = "agentos"
# Together with the longest of our tools this is what every client takes: Cursor has room for sixty.
_ENTRY_NAME = re.compile(r"[a-z][a-z0-9_-]{0,19}")
_VERIFY_SECONDS = 8.0
"""For one server to start and to name its tools."""
_MAX_ERROR_LINE = 400


def install(
    client_keys: Sequence[str],
    *,
    name: str = "",
    flags: Flags | None = None,
    token_variable: str = "",
    uninstall: bool = False,
    dry_run: bool = False,
    verify: bool = True,
    system: HostSystem | None = None,
) -> InstallReport:
    """Add agentos-mcp to clients' configurations, or remove it; the report is to be printed.

    `client_keys` are keys of `CLIENTS`, or `all` for those that are installed here. `name` is the entry's: `agentos`
    where it is empty, and every entry for agentos-mcp where those are removed. `flags` are the
    settings of `serve` by option name, None where not given. `token_variable` names the environment
    variable in which a client finds the token. Raises SettingsError for what cannot be used; an error
    of one client is in its result.
    """
    system = system or HostSystem.current()
    if name and not is_entry_name(name):
        raise SettingsError(f"--name {name} cannot be used: at most 20 of a-z, 0-9, - and _, a letter first")
    if token_variable and not is_variable_name(token_variable):
        raise SettingsError("--token-env takes the name of an environment variable, not a token")
    clients, missing_clients = _select_clients(client_keys, system)
    if uninstall:
        uninstaller = _Uninstaller(name, system, dry_run)
        results = [uninstaller.uninstall(client) for client in clients]
        remaining = uninstaller.remaining_entries(clients)
        return InstallReport(tuple(results), remaining if results else (_no_client_found(), *remaining))
    name = name or DEFAULT_ENTRY_NAME
    installer = _Installer(name, system, dry_run)
    launch = build_launch_command(flags or {}, token_variable, system)
    results = [installer.install(client, launch) for client in clients]
    agentos_name = ""
    if verify and not dry_run:
        results, agentos_name = _verify(dict(zip(clients, results, strict=True)), name, system)
    notes = list(launch.notes)
    if missing_clients and clients:
        titles = ", ".join(f"{client.title} ({client.key})" for client in missing_clients)
        notes.append(f"Skipped, as they were not found here: {titles}. Name one to install it all the same.")
    elif missing_clients:
        notes.append(_no_client_found())
    return InstallReport(tuple(results), tuple(notes), bool(clients), agentos_name)


def is_entry_name(name: str) -> bool:
    """Whether an entry of this name can be installed."""
    return _ENTRY_NAME.fullmatch(name) is not None


def _select_clients(keys: Sequence[str], system: HostSystem) -> tuple[list[Client], list[Client]]:
    """The clients to work on, and those that `all` did not find. A project's file has to be named."""
    by_key = {client.key: client for client in CLIENTS}
    for key in keys:
        if key not in by_key and key != ALL:
            raise SettingsError(f"there is no client '{key}'; use {', '.join(by_key)}, or {ALL}")
    if not keys:
        raise SettingsError(f"name a client: {', '.join(by_key)}, or {ALL}")
    selected = {key: by_key[key] for key in keys if key != ALL}
    missing = []
    if ALL in keys:
        for client in CLIENTS:
            if client.is_installed(system) and not client.is_shared:
                selected[client.key] = client
            elif not client.is_shared and client.key not in selected:
                missing.append(client)
    return [client for client in CLIENTS if client.key in selected], missing


def _no_client_found() -> str:
    return f"No client was found here. Name one: {', '.join(client.key for client in CLIENTS)}."


class _Installer:
    """Adds the entry to one client after the other."""

    def __init__(self, name: str, system: HostSystem, dry_run: bool) -> None:
        self._name = name
        self._system = system
        self._dry_run = dry_run
        self._records = InstallRecords(system)

    def install(self, client: Client, launch: LaunchCommand) -> ClientResult:
        was_installed = client.is_installed(self._system)
        try:
            change = plan_install(client, self._name, launch, self._system, self._records)
            if change is None:
                path = client.config_path(self._system)
                return ClientResult(
                    client.title, Mark.DONE, f"{self._name!r} is already in {path}; nothing was changed"
                )
            if self._dry_run:
                return _preview(client, change, printable_texts(client, self._name, launch))
            backup = apply_change(change, self._records)
        except InstallError as error:
            return _failure(client, error)
        details = [client.restart_hint]
        if change.note:
            details.append(change.note)
        if client.is_shared:
            details.append(
                "The file belongs to this folder, and has paths of this machine: check it before you share it."
            )
        if not was_installed:
            details.append(
                f"{client.title} was not found here: it will use the entry in {change.file.path.parent} once installed."
            )
        return ClientResult(client.title, Mark.DONE, change.summary + _backup_note(backup), tuple(details))


class _Uninstaller:
    """Removes an entry, or all entries for agentos-mcp where no name is given, from one client after the other."""

    def __init__(self, name: str, system: HostSystem, dry_run: bool) -> None:
        self._name = name
        self._system = system
        self._dry_run = dry_run
        self._records = InstallRecords(system)

    def uninstall(self, client: Client) -> ClientResult:
        try:
            names = [self._name] if self._name else own_entry_names(client, self._system)
        except InstallError as error:
            return _failure(client, error)
        results = [self._remove(client, name) for name in names]
        if not results:
            return ClientResult(client.title, Mark.UNCHANGED, "no entry for agentos-mcp to remove")
        mark = next((mark for mark in (Mark.FAILED, Mark.DONE) if any(result.mark is mark for result in results)), None)
        first, *others = sorted(results, key=lambda result: result.mark is not mark)
        details = [line for result in others for line in (result.message, *result.details)]
        return replace(first, details=(*first.details, *details))

    def remaining_entries(self, clients: Sequence[Client]) -> tuple[str, ...]:
        """A line for each entry that stays, as it is for one folder, and others may use it."""
        remaining: list[str] = []
        for client in CLIENTS:
            with contextlib.suppress(InstallError, InvalidConfigError):
                if client.is_shared and client not in clients:
                    line = self._system.shell_line([*program_words(), "install", client.key, "--uninstall"])
                    remaining += [
                        f"{name!r} stays in {client.config_path(self._system)}, which others may use, too. To remove "
                        f"it: {line}"
                        for name in own_entry_names(client, self._system)
                        if self._name in {"", name}
                    ]
                if client in clients:
                    remaining += [
                        f"{name!r} stays in {client.title} for {folder}. To remove it, in that folder: "
                        f"{self._system.shell_line(['claude', 'mcp', 'remove', name, '-s', 'local'])}"
                        for folder, name, entry in project_entries(
                            client, config_file.read(client.config_path(self._system)).text
                        )
                        if self._name in {"", name} and is_own_entry(client, entry)
                    ]
        return tuple(remaining)

    def _remove(self, client: Client, name: str) -> ClientResult:
        try:
            change = plan_uninstall(client, name, self._system, self._records)
            if change is None:
                return ClientResult(client.title, Mark.UNCHANGED, f"no {name!r} to remove")
            if self._dry_run:
                return _preview(client, change, {name, client.section.name})
            backup = apply_change(change, self._records)
        except InstallError as error:
            return _failure(client, error)
        return ClientResult(client.title, Mark.DONE, change.summary + _backup_note(backup))


def _preview(client: Client, change: PlannedChange, printable: set[str]) -> ClientResult:
    after = None if change.new_data is None else ConfigFile(change.file.path, change.new_data).text
    diff = masked_diff(change.file.path, change.file.text, after, printable)
    return ClientResult(client.title, Mark.UNCHANGED, "this would change; nothing was written", (diff,))


def _failure(client: Client, error: InstallError) -> ClientResult:
    return ClientResult(client.title, Mark.FAILED, f"{error.message} Nothing was changed. {error.hint}")


def _backup_note(backup: Path | None) -> str:
    return f" (backup: {backup.name}, in the same folder)" if backup else ""


# Verification


def _verify(results: Mapping[Client, ClientResult], name: str, system: HostSystem) -> tuple[list[ClientResult], str]:
    """The results, each with what its client gets when it starts the entry that is now in its file; and what the
    AgentOS of the entries calls itself, '' where none reached it.
    """
    commands: dict[Client, ResolvedCommand] = {}
    for client in (client for client, result in results.items() if result.mark is Mark.DONE):
        with contextlib.suppress(InvalidConfigError, InstallError):  # its client is writing it just now
            entry = client.section.entry(config_file.read(client.config_path(system)).text, name)
            commands[client] = resolve_command(client, entry or {}, system.environment)
    verified = anyio.run(_probe_all, list(commands.values()), system) if commands else []
    probes = dict(zip(commands, verified, strict=True))
    verified_results = [
        _verified(result, commands[client], probes[client]) if client in commands else result
        for client, result in results.items()
    ]
    names = (probe.agentos.name for probe in probes.values() if probe and probe.agentos)
    return verified_results, next(filter(None, names), "")


async def _probe_all(commands: Sequence[ResolvedCommand], system: HostSystem) -> list[ProbeResult | None]:
    """None for a command that lacks environment variables here."""
    prober = ServerProber(_VERIFY_SECONDS)

    async def probe(command: ResolvedCommand) -> ProbeResult | None:
        return None if command.missing else await prober.probe(command, system.minimal_path)

    return await gather(partial(probe, command) for command in commands)


def _verified(result: ClientResult, command: ResolvedCommand, probe: ProbeResult | None) -> ClientResult:
    problem = describe_probe_problem(command, probe)
    if problem:
        details = (result.message, *result.details, "The entry was kept. Run the same command again to try it again.")
        return replace(result, mark=Mark.FAILED, message=problem, details=details)
    return replace(result, message=_describe_server(probe) if probe else "", details=(result.message, *result.details))


def describe_probe_problem(command: ResolvedCommand, probe: ProbeResult | None) -> str:
    """What is wrong with a server that was started, then what to do; '' where it works."""
    if probe is None:
        names = " and ".join(command.missing)
        return f"{names} is not set here, so the entry was not tried. Set it where the client is started."
    if probe.problem is ProbeProblem.NOT_EXECUTABLE:
        return f"{command.program} cannot be started ({probe.last_error_line}). Install again."
    if probe.stray_lines:
        line = one_line(probe.stray_lines[0], max_length=_MAX_ERROR_LINE)
        return f"it prints to its standard output what is not MCP: {line!r}. Find out what prints that."
    if probe.problem:
        is_timeout = probe.problem is ProbeProblem.TIMEOUT
        problem = "it did not answer in time" if is_timeout else "it does not start as an MCP server"
        if probe.last_error_line:
            return f"{problem}. Its error output: {one_line(probe.last_error_line, max_length=_MAX_ERROR_LINE)}"
        return f"{problem}. Run it in a terminal to see why: {' '.join(command.command_line)}"
    if unusable := probe.agentos_that_is(AgentOSStatus.UNUSABLE):
        return f"{unusable.instance}: {unusable.error_message}" if unusable.instance else unusable.error_message
    return ""


def _describe_server(probe: ProbeResult) -> str:
    """`57 tools, 3 agents, 1 team, 2 workflows`."""
    amounts = [_amount(len(probe.tools), "tool")]
    if slow := probe.agentos_that_is(AgentOSStatus.SLOW):
        return f"{amounts[0]}; {slow.label} is slow to answer"
    counts: Counter[Kind] = Counter()
    for agentos in probe.agentoses:
        counts.update(agentos.counts)
    amounts += [_amount(counts[kind], kind) for kind in KINDS if kind in counts and (counts[kind] or kind != "team")]
    return ", ".join(amounts)


def _amount(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
