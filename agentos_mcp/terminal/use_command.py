"""`agentos-mcp use`: remembers AgentOSes as profiles, switches between them, lists and forgets them."""

from __future__ import annotations

import argparse
import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio

from agentos_mcp.agentos.catalog import Inventory
from agentos_mcp.agentos.client import AgentOS, Limits
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, InvalidRequest, ServerFailure, Unauthorized, Unreachable
from agentos_mcp.agentos.http_errors import display_url
from agentos_mcp.agentos.plain_text import one_line, strip_control_chars
from agentos_mcp.agentos.runs.run import KINDS
from agentos_mcp.settings import Settings, SettingsError, Token
from agentos_mcp.settings.agentos_url import is_same_url, parse_url
from agentos_mcp.settings.home_folder import expand_home
from agentos_mcp.settings.options import TOKEN_VARIABLES
from agentos_mcp.settings.profiles import Profile, ProfileFile, Profiles, is_profile_name, is_variable_name
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.terminal.output import print_json, print_text
from agentos_mcp.terminal.program_name import program_words
from agentos_mcp.terminal.question_prompts import can_prompt
from agentos_mcp.tooling.context import open_backend
from agentos_mcp.tooling.results import Table

_NAME_SEPARATORS = re.compile(r"[^a-z0-9]+")
_LIMITS = Limits(connect_seconds=5.0, read_seconds=10.0, read_attempts=1)
_TOKEN_FLAGS = "--token-file PATH, or --token-env VARIABLE"  # noqa: S105 - flags


@dataclass(frozen=True)
class _Check:
    """What was found at an address: an AgentOS, or the error that asking it raised."""

    inventory: Inventory | None = None
    requires_token: bool = False
    error: AgentOSError | None = None


def use(options: argparse.Namespace) -> int:
    """Run the command; its exit code. Raises SettingsError, and AgentOSError for an address that is not remembered."""
    file = ProfileFile()
    profiles = file.read()
    if options.token:
        raise SettingsError(
            f"A token is not kept in the profile: write it into a file that only you can read, and give {_TOKEN_FLAGS}"
        )
    if options.forget:
        if options.target or options.name:
            raise SettingsError("--forget NAME stands alone")
        return _forget(file, profiles, options)
    if not options.target:
        if options.name or options.token_file or options.token_env:
            raise SettingsError("give the URL of the AgentOS, or the name of a profile, too")
        return _list(profiles, options)
    profile, check = _remember(file, profiles, options)
    _report(profile, check, options)
    return 0


def offer_to_remember(options: argparse.Namespace, current: Profile | None) -> dict[str, object]:
    """After `install` with an address: remember it where that is wanted, else say how; what to add to its JSON.

    `current` is the profile that was used.
    """
    if not (options.url or options.token_file) or options.remember is False:
        return {"remembered": None, "next": ""}
    url = options.url or Settings.url
    token = [("--token-file", options.token_file), ("--token-env", "" if options.token_file else options.token_env)]
    line = _surface().command_line("use", url, *(word for pair in token if pair[1] for word in pair))
    if current is not None and (not options.token_file or current.token_file == Path(options.token_file).absolute()):
        return {"remembered": current.name, "next": ""}
    is_wanted = options.remember
    if is_wanted is None and not options.json and can_prompt():
        is_wanted = _is_confirmed(f"Use {display_url(url)} for the commands of this terminal, too? [Y/n] ")
        if not is_wanted:
            return {}
    if not is_wanted:
        if not options.json:
            print(strip_control_chars(f"The commands of this terminal do not know that AgentOS yet. Next: {line}"))
        return {"remembered": None, "next": line}
    request = argparse.Namespace(
        target=url, name="", token_file=options.token_file, token_env=token[1][1], json=options.json
    )
    file = ProfileFile()
    try:
        profile, check = _remember(file, file.read(), request)
    except (AgentOSError, SettingsError) as error:
        # What was asked for first is done.
        message = error.message if isinstance(error, AgentOSError) else str(error)
        if not options.json:
            print(strip_control_chars(f"Not remembered: {message}"), file=sys.stderr)
        return {"remembered": None, "next": line}
    if not options.json:
        _report(profile, check, request)
    return {"remembered": profile.name, "next": ""}


def _is_confirmed(question: str) -> bool:
    """Whether a person at the terminal agrees, as they do with Enter."""
    print(question, end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    return bool(answer) and answer.strip().casefold() in {"", "y", "yes"}


def _remember(file: ProfileFile, profiles: Profiles, options: argparse.Namespace) -> tuple[Profile, _Check]:
    """Save the profile that is asked for, after a look at its address. Raises SettingsError and AgentOSError."""
    profile = _requested_profile(profiles, options)
    is_new = profiles.by_name.get(profile.name) != profile
    check = anyio.run(_check, profile)
    if isinstance(check.error, Unauthorized) and not profile.has_token:
        profile, check = _with_token_of_environment(profile, check)
    if is_new and check.error is not None and not isinstance(check.error, Unreachable | Forbidden):
        raise _refusal(check.error, options)
    with file.locked():
        if not profile.name:
            name = check.inventory.name if check.inventory else ""
            profile = replace(profile, name=_free_name(file.read(), profile.url, name))
        file.save(profile)
    return profile, check


def _requested_profile(profiles: Profiles, options: argparse.Namespace) -> Profile:
    """The profile as it is to be kept; its name is '' where the AgentOS's own is to be taken."""
    target = str(options.target).strip()
    if options.name and not is_profile_name(options.name):
        raise SettingsError(
            f"--name {one_line(options.name, max_length=60)} cannot be used: at most 40 of a-z, 0-9, . - _"
        )
    if "://" in target:
        known = _known_profile(profiles, _parsed_url(target), options.name or "")
        return _with_token_flags(known, options)
    if target not in profiles.by_name and re.fullmatch(r"[\w.\[\]-]+:\d+(/\S*)?|localhost(/\S*)?", target):
        line = _surface().command_line("use", f"http://{target}")
        raise InvalidRequest(f"{target} is not a complete URL.", f"Use `{line}`.")
    if options.name:
        raise SettingsError("--name NAME goes with a URL")
    profile = profiles.choose(target)
    if profile is None:
        raise SettingsError("give the URL of the AgentOS, or the name of a profile")
    return _with_token_flags(profile, options)


def _known_profile(profiles: Profiles, url: str, name: str) -> Profile:
    """What is kept of this address already: its token is its own, so that of another address is not taken over."""
    candidates = [profiles.by_name[name]] if name in profiles.by_name else []
    if not name:
        current = profiles.by_name.get(profiles.current)
        candidates = [*([current] if current else []), *profiles.by_name.values()]
    same = next((profile for profile in candidates if is_same_url(profile.url, url)), None)
    return replace(same, url=url) if same is not None else Profile(name, url)


def _with_token_flags(profile: Profile, options: argparse.Namespace) -> Profile:
    if options.token_file and options.token_env:
        raise SettingsError("give --token-file or --token-env, not both")
    if options.token_file:
        return replace(profile, token_file=_absolute_path(options.token_file, "--token-file"), token_env="")
    if options.token_env:
        if not is_variable_name(options.token_env):
            raise SettingsError("--token-env takes the name of an environment variable, not a token")
        return replace(profile, token_file=None, token_env=options.token_env)
    return profile


def _absolute_path(text: str, source: str) -> Path:
    try:
        return expand_home(text).absolute()
    except ValueError as error:
        raise SettingsError(f"{source} {one_line(text, max_length=200)} cannot be used: {error}.") from None


def _parsed_url(text: str) -> str:
    try:
        return parse_url(text)
    except ValueError as error:
        raise SettingsError(f"The URL of the AgentOS cannot be used: {error}.") from None


async def _check(profile: Profile) -> _Check:
    """What is at the profile's address. Raises SettingsError where its token cannot be read."""
    token = profile.token(os.environ)
    settings = Settings(url=profile.url, token=token, timeout=_LIMITS.read_seconds)
    try:
        async with open_backend(settings) as backend:
            inventory = await backend.catalog.inventory()
    except AgentOSError as error:
        return _Check(error=error)
    if not inventory.id:
        return _Check(error=ServerFailure(f"{display_url(profile.url)} answers, but not as an AgentOS does."))
    return _Check(inventory, await _requires_token(profile.url) if profile.has_token else False)


async def _requires_token(url: str) -> bool:
    async with AgentOS(url, token=Token(), limits=_LIMITS) as agent_os:
        try:
            await agent_os.get("/config", retry=False)
        except AgentOSError:
            return True
    return False


def _with_token_of_environment(profile: Profile, check: _Check) -> tuple[Profile, _Check]:
    """The profile with the variable that holds its token here, where AgentOS accepts that one."""
    url = os.environ.get("AGENTOS_URL", "")
    if url and not _is_address_of(profile, url):
        return profile, check  # the token was set for another address
    if file := os.environ.get("AGENTOS_TOKEN_FILE"):
        profile = replace(profile, token_file=_absolute_path(file, "AGENTOS_TOKEN_FILE"))
    elif variable := next((name for name in TOKEN_VARIABLES if os.environ.get(name)), ""):
        profile = replace(profile, token_env=variable)
    else:
        return profile, check
    return profile, anyio.run(_check, profile)


def _refusal(error: AgentOSError, options: argparse.Namespace) -> AgentOSError:
    """Why the profile is not saved, and what to do."""
    if not isinstance(error, Unauthorized):
        return error.reworded(error.message, "Nothing was saved. Give the URL of an AgentOS.")
    name = ("--name", options.name) if options.name else ()
    line = _surface().command_line("use", options.target, *name, "--token-file", options.token_file or "PATH")
    first = "Write its token into that file" if options.token_file else "Write its token into a file"
    return error.reworded(error.message, f"Nothing was saved. {first}, then `{line}`.")


def _free_name(profiles: Profiles, url: str, agentos_name: str) -> str:
    """A name that no other profile has: the AgentOS's own, else its host and port."""
    parts = urlsplit(url)
    fallback = f"{parts.hostname}-{parts.port}" if parts.port else str(parts.hostname)
    for text in (agentos_name, fallback, "agentos"):
        base = _NAME_SEPARATORS.sub("-", strip_control_chars(text[:200]).casefold()).strip("-")[:36].rstrip("-")
        if is_profile_name(base):
            break
    numbered = (f"{base}-{number}" for number in range(2, len(profiles.by_name) + 3))
    return next(name for name in (base, *numbered) if name not in profiles.by_name)


# What is printed


def _report(profile: Profile, check: _Check, options: argparse.Namespace) -> None:
    ahead = _variable_ahead(profile)
    if options.json:
        print_json(
            {
                "profile": _as_data(profile, is_current=True),
                "found": _found(check),
                "warning": check.error.message if check.error else ahead or None,
            }
        )
        return
    lines = [f"The terminal uses {profile.name} now: {_described(profile)}."]
    if check.inventory is not None:
        lines.append(_greeting(profile, check.inventory, check.requires_token))
    elif check.error is not None:
        lines.append(f"Warning: {check.error.message} The profile was saved all the same.")
    if ahead:
        lines.append(f"Warning: {ahead}")
    chosen = ("--profile", profile.name) if ahead else ()
    lines.append(f"Next: {_surface(chosen).command_line(*_next_words(check))}")
    print(strip_control_chars("\n".join(lines)))


def _found(check: _Check) -> dict[str, Any] | None:
    if check.inventory is None:
        return None
    counts = {f"{kind}s": len(check.inventory.of(kind)) for kind in KINDS}
    return {"name": check.inventory.name, "requires_token": check.requires_token, **counts}


def _greeting(profile: Profile, inventory: Inventory, requires_token: bool) -> str:
    counts = ", ".join(_amount(len(inventory.of(kind)), kind) for kind in KINDS)
    token = ""
    if profile.has_token:
        token = " and accepts the token" if requires_token else " and requires no token"
    return f"The AgentOS {one_line(inventory.name or inventory.id, max_length=80)} answers there{token}: {counts}."


def _variable_ahead(profile: Profile) -> str:
    """What says of an environment variable that goes before the current profile; '' where none does."""
    url, name = os.environ.get("AGENTOS_URL", ""), os.environ.get("AGENTOS_PROFILE", "")
    if url and not _is_address_of(profile, url):
        return "AGENTOS_URL is set here to another address, and goes before the profile. Unset it."
    if name and name != profile.name and not url:
        return "AGENTOS_PROFILE is set here to another profile, and goes before this one. Unset it."
    return ""


def _is_address_of(profile: Profile, url: str) -> bool:
    try:
        return is_same_url(parse_url(url), profile.url)
    except ValueError:
        return False


def _next_words(check: _Check) -> tuple[str, ...]:
    if check.error is not None or check.inventory is None:
        return ("doctor",)
    for kind in KINDS:
        if components := check.inventory.of(kind):
            return ("run", kind, components[0].id, "-m", "Hello! What can you do?")
    return ("agents",)


def _described(profile: Profile) -> str:
    url = display_url(profile.url)
    if profile.token_file is not None:
        return f"{url}, with the token in {profile.token_file}"
    return f"{url}, with the token in the variable {profile.token_env}" if profile.token_env else url


def _list(profiles: Profiles, options: argparse.Namespace) -> int:
    current = profiles.current if profiles.current in profiles.by_name else ""
    if options.json:
        items = [_as_data(profile, is_current=name == current) for name, profile in profiles.by_name.items()]
        print_json({"current": current or None, "items": items})
        return 0
    rows = [
        (
            profile.name,
            "yes" if profile.name == current else "",
            display_url(profile.url),
            str(profile.token_file or "") or (f"${profile.token_env}" if profile.token_env else ""),
        )
        for profile in profiles.by_name.values()
    ]
    empty = f"No AgentOS is remembered yet. `{_surface().command_line('use', 'URL')}` remembers one."
    print_text(Table(("profile", "current", "url", "token"), rows, empty=empty), surface=_surface())
    if rows and not current:
        line = _surface().command_line("use", rows[0][0])
        print(f"None of them is current. Next: {line}", file=sys.stderr)
    return 0


def _forget(file: ProfileFile, profiles: Profiles, options: argparse.Namespace) -> int:
    profile = file.forget(options.forget)
    was_current = profile.name == profiles.current
    if options.json:
        print_json({"forgotten": _as_data(profile, is_current=False)})
        return 0
    print(strip_control_chars(f"{profile.name} ({display_url(profile.url)}) is forgotten."))
    if was_current:
        print(f"No profile is in use now: commands go to {Settings.url}.")
    return 0


def _as_data(profile: Profile, *, is_current: bool) -> dict[str, Any]:
    return {
        "name": profile.name,
        "url": display_url(profile.url),
        "token_file": str(profile.token_file) if profile.token_file is not None else None,
        "token_env": profile.token_env or None,
        "current": is_current,
    }


def _surface(connection_flags: tuple[str, ...] = ()) -> CommandSurface:
    """For commands that say themselves which AgentOS they are about."""
    return CommandSurface(program_words(), connection_flags)


def _amount(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
