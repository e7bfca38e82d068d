"""What the doctor looks at in each client: its configuration, our entries in it, what they start."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from agentos_mcp import __version__
from agentos_mcp.agentos.http_errors import shown_url
from agentos_mcp.doctor.address_result import Place
from agentos_mcp.doctor.agentos_addresses import LOCAL, listens
from agentos_mcp.doctor.concurrent_checks import Check, side_by_side
from agentos_mcp.doctor.configured_entries import Entry, entries_of
from agentos_mcp.doctor.findings import Finding, Tell, bad, good, warning
from agentos_mcp.doctor.fix_commands import own_command, shell_line
from agentos_mcp.doctor.secret_mask import Mask
from agentos_mcp.doctor.server_start import Started, Starter
from agentos_mcp.install.client_entry import Start, start_of
from agentos_mcp.install.client_table import CLIENTS, Client
from agentos_mcp.install.errors import Refused
from agentos_mcp.install.host_system import System
from agentos_mcp.install.server_command import server_command
from agentos_mcp.tooling.markdown import one_line

SLOW = 10.0
"""Seconds to start, after which Codex gives up, unless its entry says otherwise."""


class Clients:
    """Every client that is here. `found` knows, once it does, where an AgentOS is."""

    def __init__(self, system: System, starter: Starter, mask: Mask, found: Place) -> None:
        self._system = system
        self._starter = starter
        self._mask = mask
        self._found = found

    async def look(self, tell: Tell) -> None:
        """Tell of each configuration that cannot be read, of each entry of ours, and of clients without one."""
        checks: list[Check] = []
        without: list[Client] = []
        broken = 0
        for client in CLIENTS:
            if client.shared and not client.place(self._system).exists():
                continue  # a project's file is only there where somebody made it
            if not client.is_there(self._system):
                continue
            try:
                entries = entries_of(client, self._system)
            except Refused as refusal:
                broken += 1
                checks.append(partial(_broken, client, refusal, own_command(self._system, "install", client.key)))
                continue
            checks += [partial(self._look_at, entry) for entry in entries]
            if not entries and not client.shared:
                without.append(client)
        await side_by_side(checks, tell)
        self._tell_of_others(without, has_one=len(checks) > broken, has_broken=bool(broken), tell=tell)

    def _tell_of_others(self, without: list[Client], *, has_one: bool, has_broken: bool, tell: Tell) -> None:
        titles = ", ".join(client.title for client in without)
        add = own_command(self._system, "install", *(client.key for client in without))
        if without and has_one:
            tell(good("Other clients", f"{titles} could have it too", f"To add it: {add}"))
        elif without:
            tell(warning("Clients", f"none has it yet (found here: {titles})", f"Add it where you want it: {add}"))
        elif not has_one and not has_broken:
            fix = f"Name the one that you use: {own_command(self._system, 'install', 'CLIENT')}"
            tell(warning("Clients", "no MCP client was found here", fix))

    async def _look_at(self, entry: Entry, tell: Tell) -> None:
        start = start_of(entry.client, entry.held, self._system.environment)
        self._mask.add_launch(start.arguments, start.environment)
        what, name = entry.client.title, str(entry)
        again = entry.again(self._system)
        if entry.is_off:
            tell(warning(what, f"{name} in {entry.place} is switched off", f"Switch it on in {what}."))
            return
        if entry.address:
            tell(await self._connecting(entry))
            return
        if entry.fetches_by_name:
            words = f"{entry} has agentos-mcp fetched by its name, which is another project's on PyPI"
            tell(bad(what, f"{words}; that would be started, and given your token", again))
            return
        problem = self._not_startable(start)
        if problem:
            tell(bad(what, f"{name} in {entry.place} starts {problem}", again))
            return
        if start.missing:
            names = " and ".join(dict.fromkeys(start.missing))
            words = f"{name} takes {names} from the environment, which is not set here, so it was not tried"
            tell(warning(what, words, f"Set {names} where {what} is started, or: {again} --token-file PATH"))
            return
        path, lucky = self._path_for(start)
        if lucky:
            words = f"{name} starts {start.command!r}, which a client that is not started from a shell does not find"
            tell(warning(what, f"{words} (spawn {start.command} ENOENT)", again))
        found = await self._starter.start(start, path)
        await self._tell_of_start(entry, start, found, again, tell)

    async def _connecting(self, entry: Entry) -> Finding:
        """Of an entry that starts nothing: whether anything is where it connects to."""
        what, place = entry.client.title, shown_url(entry.address)
        if await listens(entry.address):
            return good(what, f"{entry} connects to {place}, and something answers there")
        words, parts = f"{entry} connects to {place}, and nothing answers there", urlsplit(entry.address)
        if parts.hostname not in LOCAL or not parts.port:
            return bad(what, words, f"Start it there, or start one here instead: {entry.again(self._system)}")
        command = own_command(self._system, "serve", "--http", "--port", str(parts.port))
        return bad(what, words, f"Start it: {command}")

    def _not_startable(self, start: Start) -> str:
        """Why nothing can be started; '' where something can be tried."""
        command = Path(start.command)
        if not start.command:
            return "nothing: it has no command"
        if not command.is_absolute():
            if shutil.which(start.command, path=self._all_paths()):
                return ""
            return f"{start.command!r}, which is not installed here (clients say: spawn {start.command} ENOENT)"
        if not command.exists():
            return f"{command}, which is not there (clients say: spawn {command} ENOENT)"
        if not shutil.which(str(command)):
            return f"{command}, which is no program that may be executed (clients say: spawn {command} EACCES)"
        return ""

    def _path_for(self, start: Start) -> tuple[str, bool]:
        """The PATH to start it with; whether it needs more of it than a desktop client has."""
        minimal = self._system.minimal_path
        needs_more = not Path(start.command).is_absolute() and not shutil.which(start.command, path=minimal)
        return (self._all_paths(), True) if needs_more else (minimal, False)

    def _all_paths(self) -> str:
        separator = ";" if self._system.platform == "win32" else ":"
        return separator.join(filter(None, (self._system.environment.get("PATH", ""), self._system.minimal_path)))

    async def _tell_of_start(self, entry: Entry, start: Start, found: Started, again: str, tell: Tell) -> None:
        what, name = entry.client.title, str(entry)
        by_hand = f"Run it to see why: {shell_line(self._system, [start.command, *_without_token(start.arguments)])}"
        if found.missing:
            words = f"{name} starts {start.command}, whose interpreter is gone ({found.said})"
            tell(bad(what, words, again))
        elif found.strays:
            written_by_us = [start.command] == server_command(self._system)[:1]
            words = f"{name} prints what is no protocol: {one_line(found.strays[0], most=80)!r}"
            tell(
                bad(
                    what,
                    f"{words} (clients say: Unexpected token, not valid JSON)",
                    by_hand if written_by_us else again,
                )
            )
        elif found.tools is None and found.silent:
            tell(bad(what, f"{name} starts and does not answer", by_hand))
        elif found.tools is None:
            said = f", and says: {one_line(found.said, most=200)}" if found.said else " without a word"
            tell(bad(what, f"{name} ends before it answers{said}", by_hand if found.said else again))
        elif found.unusable:
            tell(bad(what, f"{name} starts, but: {found.unusable}", await self._reaching(entry, found.unusable)))
        else:
            self._tell_of_success(entry, found, again, tell)

    def _tell_of_success(self, entry: Entry, found: Started, again: str, tell: Tell) -> None:
        what, tools = entry.client.title, len(found.tools or ())
        words = f"{entry} starts in {found.seconds:.1f} s, with {tools} tool{'' if tools == 1 else 's'}"
        if found.stranger:
            tell(bad(what, f"{words}, but it is another program, which calls itself {found.stranger!r}", again))
        elif not tools:
            tell(warning(what, words, again))
        elif found.slow:
            tell(warning(what, f"{words}; its AgentOS is slow to answer", "See what keeps the AgentOS busy."))
        elif found.version and found.version != __version__:
            tell(warning(what, f"{words}; it is agentos-mcp {found.version}, and this is {__version__}", again))
        elif found.seconds > SLOW:
            tell(warning(what, f"{words}, and some clients give up after {SLOW:g} s", again))
        else:
            tell(good(what, words))

    async def _reaching(self, entry: Entry, unusable: str) -> str:
        """What mends an entry that starts and cannot use its AgentOS."""
        again = entry.again(self._system)
        if "token" in unusable:
            return again if "--token-file" in again else f"{again} --token-file PATH"
        url = await self._found.url()
        if url and url != entry.url.rstrip("/"):
            return f"An AgentOS answers at {url}. For that one: {entry.again(self._system, url)}"
        return f"Start the AgentOS, or name another: {entry.again(self._system, 'http://HOST:PORT')}"


async def _broken(client: Client, refusal: Refused, again: str, tell: Tell) -> None:
    words = f"{refusal.message.rstrip('.')}; {client.title} reads it no better"
    tell(bad(client.title, words, f"{refusal.hint} Then: {again}"))


def _without_token(arguments: tuple[str, ...]) -> list[str]:
    kept = list(arguments)
    for at, argument in enumerate(arguments):
        if argument == "--token" and at + 1 < len(kept):
            kept[at + 1] = "..."
        elif argument.startswith("--token="):
            kept[at] = "--token=..."
    return kept
