"""Checks of each MCP client: its configuration, its entries for agentos-mcp, and the servers that they start."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from agentos_mcp import DISTRIBUTION, __version__
from agentos_mcp.agentos.http_errors import display_url
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.doctor.address_checks import LOCAL_HOSTS, AgentOSLocation
from agentos_mcp.doctor.agentos_probe import AgentOSProbe, AgentOSProber, TokenStatus
from agentos_mcp.doctor.configured_entries import ClientConfiguration, ConfiguredEntry
from agentos_mcp.doctor.entry_connection import corrected_url
from agentos_mcp.doctor.findings import About, Check, Finding, Report, bad, good, run_checks, warning
from agentos_mcp.doctor.fixes import (
    AutomaticFix,
    Fix,
    FixStep,
    OtherCommand,
    RestrictPermissions,
    run_command,
)
from agentos_mcp.doctor.mcp_server_probe import MCPServerProbe, has_listener, probe_mcp_server
from agentos_mcp.doctor.secret_mask import SecretMask
from agentos_mcp.doctor.startup_failures import describe_exit, explain_failure, interpreter_of
from agentos_mcp.install.client_table import Client
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.launch_command import server_command
from agentos_mcp.install.server_probe import AgentOSStatus, ProbeProblem, ProbeResult, ServerProber

SLOW_START_SECONDS = 10.0
"""After which Codex gives up, unless its entry has another limit."""
_MAX_QUOTED_LINE = 200
_MAX_REASON = 300


class ClientChecks:
    """Checks the entries of every client that is installed here, each with the AgentOS and the token that it uses."""

    def __init__(
        self,
        system: HostSystem,
        server_prober: ServerProber,
        agentos_prober: AgentOSProber,
        mask: SecretMask,
        location: AgentOSLocation,
    ) -> None:
        self._system = system
        self._server_prober = server_prober
        self._agentos_prober = agentos_prober
        self._mask = mask
        self._location = location

    async def run(self, configurations: Sequence[ClientConfiguration], report: Report) -> None:
        """Report each configuration that cannot be read, each of our entries, and the clients without one."""
        checks: list[Check] = []
        without_entry: list[Client] = []
        for configuration in configurations:
            if configuration.error:
                checks.append(partial(self._report_unreadable_config, configuration))
            checks += [partial(self._check_entry, entry) for entry in configuration.entries]
            if not configuration.entries and not configuration.error and not configuration.client.is_shared:
                without_entry.append(configuration.client)
        await run_checks(checks, report)
        has_entry = any(configuration.entries for configuration in configurations)
        has_broken_config = any(configuration.error for configuration in configurations)
        flags = await self._location.connection_flags()
        for finding in _clients_without_entry(
            without_entry, flags, has_entry=has_entry, has_broken_config=has_broken_config
        ):
            report(finding)

    async def _check_connection(self, entry: ConfiguredEntry, token: str, report: Report) -> None:
        """Whether anything is where an entry connects to that starts no program, and takes its token."""
        subject, url, parts = entry.client.title, display_url(entry.server_url), urlsplit(entry.server_url)
        about = About(entry.client.key, entry.name)
        if entry.is_disabled:
            located = f"{entry} in {entry.config_path}"
            report(warning(subject, f"{located} is disabled", FixStep(f"Enable it in {subject}."), about=about))
            return
        if await has_listener(entry.server_url):
            server = MCPServerProbe() if parts.query else await probe_mcp_server(entry.server_url, token)
            if server.refuses_token:
                problem = "refuses its token" if token else "asks for a token, and it sends none"
                fix = FixStep(f"Give it that of the server ({subject}: the header Authorization).")
                report(bad(subject, f"{entry} connects to {url}, and the server there {problem}", fix, about=about))
                return
            names = ", ".join(agentos.instance for agentos in server.agentoses if agentos.instance)
            if server.agentoses and not names:
                about = replace(about, url=server.agentoses[0].url, agentos=server.agentoses[0].name)
                names = " at ".join(filter(None, (about.agentos, about.url)))
            message = f"{entry}{f' for {names}' if names else ''} connects to {url}, and a server answers there"
            unusable = [agentos for agentos in server.agentoses if agentos.status is AgentOSStatus.UNUSABLE]
            if unusable:
                reason = one_line(unusable[0].error_message, max_length=_MAX_REASON)
                problem = f"{message}, but {unusable[0].label} cannot be used: {reason}"
                report(bad(subject, problem, FixStep("Correct that where the server runs."), about=about))
                return
            report(good(subject, message, about=about))
            return
        message = f"{entry} connects to {url}, and nothing answers there"
        if parts.hostname in LOCAL_HOSTS and parts.port:
            flags = await self._location.connection_flags()
            start = run_command("Start it", "serve", "--http", "--port", str(parts.port), *flags)
            report(bad(subject, message, start, about=about))
            return
        install = entry.install_again("Start it there, or start one here instead")
        report(bad(subject, message, *install, about=about))

    async def _report_unreadable_config(self, configuration: ClientConfiguration, report: Report) -> None:
        client, flags = configuration.client, await self._location.connection_flags()
        fix = run_command("Fix it in an editor, or move it away. Then", "install", client.key, *flags)
        report(bad(client.title, configuration.error, fix, about=About(client.key)))

    async def _check_entry(self, entry: ConfiguredEntry, report: Report) -> None:
        command, connection = entry.command, entry.connection
        if entry.server_url:
            token = entry.bearer_token(self._system.environment)
            self._mask.add(token)
            await self._check_connection(entry, token, report)
            return
        check = _EntryCheck(entry, self._system, self._server_prober, self._mask)
        if entry.is_disabled or command.missing or connection.token_problem or not connection.url:
            await check.run(None, report)
            return
        probe = await self._agentos_prober.probe(connection.url, connection.token)
        await check.run(probe, report)


class _EntryCheck:
    """Checks one entry that starts a program. `agentos` is what its AgentOS says to its token; None where not asked."""

    def __init__(
        self,
        entry: ConfiguredEntry,
        system: HostSystem,
        prober: ServerProber,
        mask: SecretMask,
    ) -> None:
        self._entry = entry
        self._command = entry.command
        self._connection = entry.connection
        self._system = system
        self._prober = prober
        self._mask = mask
        self._subject = entry.client.title
        mask.add_command(self._command.arguments, self._command.environment)
        for each in self._connection.each:
            mask.add(each.token)

    async def run(self, agentos: AgentOSProbe | None, report: Report) -> None:
        entry, command = self._entry, self._command
        url = display_url(self._connection.url) if self._connection.url else ""
        name = agentos.address.name if agentos else ""
        self._about = About(entry.client.key, entry.name, url, name)
        several = ", ".join(settings.instance for settings in self._connection.instances)
        agentos_name = f"{name} at {url}" if name else url or several
        self._label = f"{entry} for {agentos_name}" if agentos_name else str(entry)
        located = f"{self._label}, in {entry.config_path},"
        if not entry.is_disabled:
            self._report_token_file(report)
        if entry.is_disabled:
            fix = FixStep(f"Enable it in {self._subject}.")
            report(self._warning(f"{located} is disabled", (fix,)))
        elif entry.downloads_foreign_package:
            message = f"{located} downloads a package that is not this project's, which is named {DISTRIBUTION}"
            report(self._bad_installation(f"{message}; that would be started, and get your token"))
        elif problem := self._executable_problem():
            report(self._bad_installation(f"{located} starts {problem}"))
        elif inputs := entry.inputs:
            message = f"{entry} takes {' and '.join(inputs)} from {self._subject}, which asks for them: not tried here"
            report(good(self._subject, message, about=self._about))
        elif self._connection.url_problem:
            report(self._invalid_url())
        elif self._connection.token_problem:
            message = f"{self._label} cannot start: {self._connection.token_problem}"
            report(self._bad(message, entry.install_again("Correct that, or give it another token", token_file=True)))
        elif command.missing:
            names = " and ".join(command.missing)
            message = f"{self._label} takes {names} from the environment; not set here, so it was not tried"
            instruction = f"Set {names} where {self._subject} is started, or"
            report(self._warning(message, entry.install_again(instruction, token_file=True)))
        else:
            await self._start(agentos, report)

    # Findings

    def _warning(self, message: str, fix: Fix = (), automatic: AutomaticFix | None = None) -> Finding:
        return warning(self._subject, message, *fix, about=self._about, automatic=automatic)

    def _bad(self, message: str, fix: Fix = (), details: Sequence[str] = ()) -> Finding:
        return bad(self._subject, message, *fix, about=self._about, details=details)

    def _stale_installation(self, message: str) -> Finding:
        """A warning that installing the entry again gets rid of."""
        return self._warning(message, self._entry.install_again(), self._entry.automatic_installation())

    def _bad_installation(self, message: str, details: Sequence[str] = ()) -> Finding:
        """A problem that installing the entry again gets rid of."""
        fix, automatic = self._entry.install_again(), self._entry.automatic_installation()
        return bad(self._subject, message, *fix, about=self._about, details=details, automatic=automatic)

    def _invalid_url(self) -> Finding:
        message = f"{self._label} cannot start: {self._connection.url_problem}"
        corrected = corrected_url(self._entry.agentos_url)
        if not corrected or corrected == self._entry.agentos_url:
            return self._bad(message, self._entry.install_again("Give the URL of your AgentOS", url="http://HOST:PORT"))
        fix, automatic = self._entry.install_again(url=corrected), self._entry.automatic_installation(url=corrected)
        return bad(self._subject, message, *fix, about=self._about, automatic=automatic)

    def _report_token_file(self, report: Report) -> None:
        path = self._connection.token_file
        if path is None or self._system.platform == "win32":
            return
        try:
            mode = path.stat().st_mode & 0o777
        except OSError:
            return  # the server says so
        if mode & 0o077:
            message = f"{self._label} takes its token from {path}, which others on this machine can read ({mode:03o})"
            chmod = FixStep("Let only yourself read it", OtherCommand(("chmod", "600", str(path))))
            report(self._warning(message, (chmod,), RestrictPermissions(path)))

    # The program

    def _executable_problem(self) -> str:
        """What would be started and cannot; '' where something can be tried."""
        command = self._command
        program = Path(command.program)
        if not command.program:
            return "nothing: it has no command"
        if not program.is_absolute():
            if shutil.which(command.program, path=self._shell_path()):
                return ""
            return f"{command.program!r}, which is not installed here (clients say: spawn {command.program} ENOENT)"
        try:
            is_there = program.exists()
        except (OSError, ValueError):
            is_there = False
        if not is_there:
            return f"{program}, which does not exist (clients say: spawn {program} ENOENT)"
        if not shutil.which(str(program)):
            return f"{program}, which is not executable (clients say: spawn {program} EACCES)"
        return ""

    def _shell_path(self) -> str:
        separator = ";" if self._system.platform == "win32" else ":"
        return separator.join(filter(None, (self._system.environment.get("PATH", ""), self._system.minimal_path)))

    async def _start(self, agentos: AgentOSProbe | None, report: Report) -> None:
        command, path = self._command, self._system.minimal_path
        if not Path(command.program).is_absolute() and not shutil.which(command.program, path=path):
            path = self._shell_path()
            if not self._entry.client.reads_shell_path:
                message = f"{self._label} starts {command.program!r}, which only a client that is started from a shell"
                report(self._stale_installation(f"{message} finds (spawn {command.program} ENOENT)"))
        probe = await self._prober.probe(command, path)
        if probe.problem or probe.stray_lines:
            report(await self._failed_start(probe, path))
        elif problem := self._agentos_problem(probe, agentos):
            report(problem)
        else:
            report(self._running_server(probe, agentos))

    async def _failed_start(self, probe: ProbeResult, path: str) -> Finding:
        program = self._command.program
        lines = [self._quote(line) for line in probe.error_lines]
        if probe.problem is ProbeProblem.NOT_EXECUTABLE:
            interpreter = " ".join(interpreter_of(program, path)[:1])
            reason = f"{interpreter}: {probe.last_error_line}" if interpreter else probe.last_error_line
            kind = "whose interpreter does not exist" if interpreter else "which cannot be executed"
            return self._bad_installation(f"{self._label} starts {program}, {kind} ({reason})")
        if probe.stray_lines:
            message = f"{self._label} prints to its standard output what is not MCP: "
            message += f"{self._quote(probe.stray_lines[0], 80)!r} (clients say: Unexpected token, not valid JSON)"
            if [program] != server_command(self._system)[:1]:
                return self._bad_installation(message)
            return self._bad(message, (FixStep("Find what prints that: it may be Python itself."),))
        if probe.problem is ProbeProblem.TIMEOUT:
            message = f"{self._label} starts, but does not answer within {probe.seconds:g} s"
            return self._bad(message, (FixStep("Check what it waits for; its last lines, if any, are above."),), lines)
        failure = await explain_failure(self._command, probe, path)
        ends = f"{self._label} ends before it answers{describe_exit(probe.exit_code)}"
        if not failure.reason:
            return self._bad_installation(f"{ends}, without a message")
        message = f"{ends}: {self._quote(failure.reason, _MAX_REASON)}"
        details = lines if len(lines) > 1 else []
        if failure.needs_installation:
            return self._bad_installation(message, details)
        return self._bad(message, (FixStep(f"Correct that in its entry, in {self._entry.config_path}."),), details)

    def _quote(self, line: str, max_length: int = _MAX_QUOTED_LINE) -> str:
        """A line of another program: masked before it is cut, since half a secret would no longer be found."""
        return one_line(self._mask.hide(line), max_length=max_length)

    # Its AgentOS

    def _agentos_problem(self, probe: ProbeResult, agentos: AgentOSProbe | None) -> Finding | None:
        """Why the AgentOS of a server that starts cannot be used; None where it can."""
        if probe.is_foreign_server:
            return None
        entry, reported = self._entry, probe.agentos
        credential = agentos.credential if agentos else "a token"
        status = agentos.status if agentos else TokenStatus.UNKNOWN
        reason = agentos.reason if agentos else ""
        is_one = not self._connection.instances
        if is_one and status is TokenStatus.UNKNOWN and reported and reported.needs_other_token:
            # It did not answer here in time, but its server.
            refused = TokenStatus.TOO_NARROW if reported.is_forbidden else TokenStatus.REFUSED
            status = refused if self._connection.token else TokenStatus.MISSING
            reason = self._quote(reported.error_message, _MAX_REASON)
        source = f", from {self._connection.token_source}" if self._connection.token_source else ""
        match status:
            case TokenStatus.MISSING:
                message = f"{self._label} starts, but has no token, and AgentOS requires {credential}"
                return self._bad(message, entry.install_again(token_file=True))
            case TokenStatus.REFUSED:
                message = f"{self._label} starts, but AgentOS refuses its token{source}: {reason}"
                return self._bad(message, entry.install_again("Give it the right one", token_file=True))
            case TokenStatus.TOO_NARROW:
                message = f"{self._label} starts, but its token{source and f'{source},'} permits too little: {reason}"
                return self._bad(message, entry.install_again("Give it one that may more", token_file=True))
        unusable = probe.agentos_that_is(AgentOSStatus.UNUSABLE)
        if unusable is None:
            return None
        problem = agentos.address.problem if agentos else ""
        problem = problem or f"{unusable.label} cannot be used: {self._quote(unusable.error_message, _MAX_REASON)}"
        message = f"{self._label} starts, but {problem}"
        instruction = "Start its AgentOS, or give the address of yours"
        return self._bad(message, entry.install_again(instruction, url="http://HOST:PORT"))

    def _running_server(self, probe: ProbeResult, agentos: AgentOSProbe | None) -> Finding:
        """The finding on a server that named its tools, and whose AgentOS is not known to be unusable."""
        entry, tools = self._entry, len(probe.tools)
        message = f"{self._label} starts in {probe.seconds:.1f} s, with {tools} tool{'' if tools == 1 else 's'}"
        if probe.is_foreign_server:
            return self._bad_installation(
                f"{message}, but it is another program, which calls itself {self._quote(probe.server_name, 80)!r}"
            )
        if not tools:
            return self._warning(message, entry.install_again())
        if slow := probe.agentos_that_is(AgentOSStatus.SLOW):
            return self._warning(
                f"{message}; {slow.label} is slow to answer", (FixStep("Check what keeps the AgentOS busy."),)
            )
        if probe.version != __version__:
            return self._stale_installation(
                f"{message}; it is agentos-mcp {self._quote(probe.version, 40)}, and this is {__version__}"
            )
        if probe.seconds > SLOW_START_SECONDS:
            message = f"{message}, and some clients give up after {SLOW_START_SECONDS:g} s"
            return self._warning(message, entry.install_again())
        if entry.lacks_settings:
            names = " and ".join(entry.client.top_level_settings)
            without = f"without {names} {self._subject} begins without its tools where that takes longer than 1 s"
            return self._stale_installation(f"{message}; {without}")
        return good(self._subject, f"{message}{self._token_clause(agentos)}", about=self._about)

    def _token_clause(self, agentos: AgentOSProbe | None) -> str:
        source = self._connection.token_source
        match agentos.status if agentos else TokenStatus.UNKNOWN:
            case TokenStatus.ACCEPTED:
                return f"; its token, from {source}, is accepted"
            case TokenStatus.NOT_REQUIRED if source:
                return f"; no token is required, so that from {source} is ignored"
            case TokenStatus.NOT_REQUIRED:
                return "; no token is required"
        return ""


def _clients_without_entry(
    clients: list[Client], flags: Sequence[str], *, has_entry: bool, has_broken_config: bool
) -> list[Finding]:
    """At most one finding on the clients that have no entry yet; `flags` say which AgentOS one would be for."""
    titles = ", ".join(client.title for client in clients)
    keys = [client.key for client in clients]
    if clients and has_entry:
        add = run_command("To add it", "install", *keys, *flags)
        return [good("Other clients", f"no entry for agentos-mcp in {titles}", add)]
    if clients:
        message = f"none has an entry for agentos-mcp yet (found here: {titles})"
        return [warning("Clients", message, run_command("Add it where you want it", "install", *keys, *flags))]
    if not has_entry and not has_broken_config:
        fix = run_command("Name the one that you use", "install", "CLIENT", *flags)
        return [warning("Clients", "no MCP client was found here", fix)]
    return []
