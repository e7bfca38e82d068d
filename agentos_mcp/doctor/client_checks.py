"""Checks of each MCP client: its configuration, its entries for agentos-mcp, and the servers that they start."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from agentos_mcp import DISTRIBUTION, __version__
from agentos_mcp.agentos.http_errors import display_url
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.doctor.address_checks import LOCAL_HOSTS, AgentOSLocation, has_listener
from agentos_mcp.doctor.configured_entries import ConfiguredEntry, UnreadableConfigError, read_entries
from agentos_mcp.doctor.findings import Check, Finding, Report, bad, good, run_checks, warning
from agentos_mcp.doctor.fixes import Fix, FixStep, OtherCommand, run_command
from agentos_mcp.doctor.secret_mask import SecretMask
from agentos_mcp.install.client_entry import ResolvedCommand, resolve_command
from agentos_mcp.install.client_table import CLIENTS, Client
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.launch_command import server_command
from agentos_mcp.install.server_probe import (
    AgentOSStatus,
    ProbeProblem,
    ProbeResult,
    ReportedAgentOS,
    ServerProber,
)

SLOW_START_SECONDS = 10.0
"""After which Codex gives up, unless its entry has another limit."""


class ClientChecks:
    """Checks every client that is installed here. `location` is awaited for where an AgentOS was found."""

    def __init__(self, system: HostSystem, prober: ServerProber, mask: SecretMask, location: AgentOSLocation) -> None:
        self._system = system
        self._prober = prober
        self._mask = mask
        self._location = location

    async def run(self, report: Report) -> None:
        """Report each configuration that cannot be read, each of our entries, and the clients without one."""
        checks: list[Check] = []
        without_entry: list[Client] = []
        has_entry = has_broken_config = False
        for client in CLIENTS:
            if client.is_shared and not client.config_path(self._system).exists():
                continue  # a project's file exists only where somebody made it
            if not client.is_installed(self._system):
                continue
            try:
                entries = read_entries(client, self._system)
            except UnreadableConfigError as error:
                has_broken_config = True
                checks.append(partial(_report_unreadable_config, client, error))
                continue
            has_entry = has_entry or bool(entries)
            checks += [partial(self._check_entry, entry) for entry in entries]
            if not entries and not client.is_shared:
                without_entry.append(client)
        await run_checks(checks, report)
        for finding in _clients_without_entry(without_entry, has_entry=has_entry, has_broken_config=has_broken_config):
            report(finding)

    async def _check_entry(self, entry: ConfiguredEntry, report: Report) -> None:
        command = resolve_command(entry.client, entry.fields, self._system.environment)
        self._mask.add_command(command.arguments, command.environment)
        subject, located_entry = entry.client.title, f"{entry} in {entry.config_path}"
        if entry.is_disabled:
            report(warning(subject, f"{located_entry} is disabled", FixStep(f"Enable it in {subject}.")))
        elif entry.server_url:
            report(await _check_connection(entry))
        elif entry.downloads_foreign_package:
            message = f"{entry} downloads a package that is not this project's, which is named {DISTRIBUTION}"
            report(bad(subject, f"{message}; that would be started, and get your token", *entry.install_again()))
        elif problem := self._executable_problem(command):
            report(bad(subject, f"{located_entry} starts {problem}", *entry.install_again()))
        elif command.missing:
            names = " and ".join(command.missing)
            message = f"{entry} takes {names} from the environment; not set here, so it was not tried"
            instruction = f"Set {names} where {subject} is started, or"
            report(warning(subject, message, *entry.install_again(instruction, token_file=True)))
        else:
            await self._start_entry(entry, command, report)

    async def _start_entry(self, entry: ConfiguredEntry, command: ResolvedCommand, report: Report) -> None:
        path = self._system.minimal_path
        if not Path(command.program).is_absolute() and not shutil.which(command.program, path=path):
            path = self._shell_path()
            message = f"{entry} starts {command.program!r}, which only a client that is started from a shell finds"
            message = f"{message} (spawn {command.program} ENOENT)"
            report(warning(entry.client.title, message, *entry.install_again()))
        probe = await self._prober.probe(command, path)
        report(await self._probe_finding(entry, command, probe))

    def _executable_problem(self, command: ResolvedCommand) -> str:
        """What would be started and cannot; '' where something can be tried."""
        program = Path(command.program)
        if not command.program:
            return "nothing: it has no command"
        if not program.is_absolute():
            if shutil.which(command.program, path=self._shell_path()):
                return ""
            return f"{command.program!r}, which is not installed here (clients say: spawn {command.program} ENOENT)"
        if not program.exists():
            return f"{program}, which does not exist (clients say: spawn {program} ENOENT)"
        if not shutil.which(str(program)):
            return f"{program}, which is not executable (clients say: spawn {program} EACCES)"
        return ""

    def _shell_path(self) -> str:
        separator = ";" if self._system.platform == "win32" else ":"
        return separator.join(filter(None, (self._system.environment.get("PATH", ""), self._system.minimal_path)))

    async def _probe_finding(self, entry: ConfiguredEntry, command: ResolvedCommand, probe: ProbeResult) -> Finding:
        subject, install_again = entry.client.title, entry.install_again()
        visible_command = OtherCommand((command.program, *_without_token(command.arguments)))
        run_by_hand = (FixStep("Run it to see why", visible_command),)
        if probe.problem is ProbeProblem.NOT_EXECUTABLE:
            message = f"{entry} starts {command.program}, whose interpreter does not exist ({probe.last_error_line})"
            return bad(subject, message, *install_again)
        if probe.stray_lines:
            line = one_line(probe.stray_lines[0], max_length=80)
            message = f"{entry} prints to its standard output what is not MCP: {line!r}"
            message = f"{message} (clients say: Unexpected token, not valid JSON)"
            is_our_program = [command.program] == server_command(self._system)[:1]
            return bad(subject, message, *(run_by_hand if is_our_program else install_again))
        if probe.problem is ProbeProblem.TIMEOUT:
            return bad(subject, f"{entry} starts, but does not answer", *run_by_hand)
        if probe.problem:
            if not probe.last_error_line:
                return bad(subject, f"{entry} ends before it answers, without a message", *install_again)
            message = f"{entry} ends before it answers: {one_line(probe.last_error_line, max_length=200)}"
            return bad(subject, message, *run_by_hand)
        if probe.agentos and probe.agentos.status is AgentOSStatus.UNUSABLE:
            fix = await self._reach_agentos(entry, probe.agentos)
            return bad(subject, f"{entry} starts, but: {probe.agentos.error_message}", *fix)
        return _running_server(entry, probe, install_again)

    async def _reach_agentos(self, entry: ConfiguredEntry, agentos: ReportedAgentOS) -> Fix:
        """The fix for an entry that starts, but whose AgentOS cannot be used."""
        if agentos.needs_other_token:
            return entry.install_again(token_file=True)
        url = await self._location.url()
        if url and url != entry.agentos_url.rstrip("/"):
            return entry.install_again(f"An AgentOS answers at {url}. To use that", url=url)
        return entry.install_again("Start the AgentOS, or use another one", url="http://HOST:PORT")


def _running_server(entry: ConfiguredEntry, probe: ProbeResult, install_again: Fix) -> Finding:
    """The finding on a server that named its tools."""
    subject, tools = entry.client.title, len(probe.tools)
    message = f"{entry} starts in {probe.seconds:.1f} s, with {tools} tool{'' if tools == 1 else 's'}"
    if probe.is_foreign_server:
        message = f"{message}, but it is another program, which calls itself {probe.server_name!r}"
        return bad(subject, message, *install_again)
    if not tools:
        return warning(subject, message, *install_again)
    if probe.agentos and probe.agentos.status is AgentOSStatus.SLOW:
        fix = FixStep("Check what keeps the AgentOS busy.")
        return warning(subject, f"{message}; its AgentOS is slow to answer", fix)
    if probe.version != __version__:
        message = f"{message}; it is agentos-mcp {probe.version}, and this is {__version__}"
        return warning(subject, message, *install_again)
    if probe.seconds > SLOW_START_SECONDS:
        message = f"{message}, and some clients give up after {SLOW_START_SECONDS:g} s"
        return warning(subject, message, *install_again)
    if entry.lacks_settings:
        names = " and ".join(entry.client.top_level_settings)
        message = f"{message}; without {names} {subject} begins without its tools where that takes longer than 1 s"
        return warning(subject, message, *install_again)
    return good(subject, message)


async def _check_connection(entry: ConfiguredEntry) -> Finding:
    """Whether anything is where an entry connects to that starts no program."""
    subject, url, parts = entry.client.title, display_url(entry.server_url), urlsplit(entry.server_url)
    if await has_listener(entry.server_url):
        return good(subject, f"{entry} connects to {url}, and a server answers there")
    message = f"{entry} connects to {url}, and nothing answers there"
    if parts.hostname in LOCAL_HOSTS and parts.port:
        return bad(subject, message, run_command("Start it", "serve", "--http", "--port", str(parts.port)))
    return bad(subject, message, *entry.install_again("Start it there, or start one here instead"))


async def _report_unreadable_config(client: Client, error: UnreadableConfigError, report: Report) -> None:
    fix = run_command("Fix it in an editor, or move it away. Then", "install", client.key)
    report(bad(client.title, f"{error}; {client.title} cannot read it either", fix))


def _clients_without_entry(clients: list[Client], *, has_entry: bool, has_broken_config: bool) -> list[Finding]:
    """At most one finding on the clients that have no entry yet."""
    titles = ", ".join(client.title for client in clients)
    keys = [client.key for client in clients]
    if clients and has_entry:
        return [
            good("Other clients", f"no entry for agentos-mcp in {titles}", run_command("To add it", "install", *keys))
        ]
    if clients:
        message = f"none has an entry for agentos-mcp yet (found here: {titles})"
        return [warning("Clients", message, run_command("Add it where you want it", "install", *keys))]
    if not has_entry and not has_broken_config:
        fix = run_command("Name the one that you use", "install", "CLIENT")
        return [warning("Clients", "no MCP client was found here", fix)]
    return []


def _without_token(arguments: tuple[str, ...]) -> list[str]:
    masked = list(arguments)
    for index, argument in enumerate(arguments):
        if argument == "--token" and index + 1 < len(masked):
            masked[index + 1] = "..."
        elif argument.startswith("--token="):
            masked[index] = "--token=..."
    return masked
