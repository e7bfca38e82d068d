"""Profiles: the AgentOSes that this user's commands know by name, in one TOML file that holds no secret.

    current = "prod"

    [agentos.prod]
    url = "https://agents.example.com"
    token_file = "/home/ada/.agentos-token"

A table has `url`, and either `token_file` (a path, relative to the file's folder) or `token_env` (the name of an
environment variable), `read_only` (a boolean), `toolsets` (a list), and what `serve --http` needs to tell its callers
apart there (IDENTITY_KEYS, strings). What else stands at the top level is left alone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agentos_mcp.agentos.open_file import open_to_read
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.replace_file import replace_file
from agentos_mcp.settings.agentos_url import parse_url
from agentos_mcp.settings.folder_lock import lock_folder
from agentos_mcp.settings.home_folder import expand_home
from agentos_mcp.settings.settings import SettingsError, Token, check_token

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

FILE_NAME = "agentos.toml"
MAX_FILE_BYTES = 64 * 1024
MAX_PROFILES = 200
_SECTION = "agentos"
_CURRENT = "current"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
IDENTITY_KEYS = (
    "identity",
    "identity_header",
    "user_claim",
    "scope_map",
    "mint_key_file",
    "mint_key_id",
    "mint_issuer",
    "mint_audience",
    "exchange_client_id",
    "exchange_client_secret_file",
    "exchange_grant",
    "exchange_audience",
    "exchange_resource",
    "exchange_scope",
)
"""What a table says of the identity of callers over HTTP, by the names of the settings of HTTP."""
_IDENTITY_FILES = ("scope_map", "mint_key_file", "exchange_client_secret_file")
_KEYS = ("url", "token_file", "token_env", "read_only", "toolsets", *IDENTITY_KEYS)
_LOCK_SECONDS = 5.0
_LINE_IN_ERROR = re.compile(r"line (\d+)")


class ProfileError(SettingsError):
    """The file of the profiles cannot be used, or there is no such profile."""


class UnknownProfileError(ProfileError):
    """There is no profile of the name that was given."""


@dataclass(frozen=True)
class Profile:
    """One AgentOS by name. Its token is named, never held: by a file or by an environment variable."""

    name: str
    url: str
    token_file: Path | None = None
    token_env: str = ""
    read_only: bool = False
    toolsets: tuple[str, ...] = ()
    identity: tuple[tuple[str, str], ...] = ()
    """Of IDENTITY_KEYS those that it has, with their texts. Paths are absolute."""

    @property
    def has_token(self) -> bool:
        return self.token_file is not None or bool(self.token_env)

    def token(self, environ: Mapping[str, str]) -> Token:
        """Its token. Raises SettingsError where what it names is missing or holds none."""
        if self.token_file is not None:
            token = Token(file=self.token_file)
            token()
            return token
        if not self.token_env:
            return Token()
        if not environ.get(self.token_env):
            raise ProfileError(
                f"The profile {self.name} takes its token from the variable {self.token_env}, which is not set here. "
                "Set it and run this again."
            )
        try:
            return Token(check_token(environ[self.token_env]))
        except ValueError as error:
            raise ProfileError(f"What {self.token_env} holds cannot be used: {error}.") from None


@dataclass(frozen=True)
class Profiles:
    """All profiles, by name, and the name of the current one: '' for none."""

    by_name: Mapping[str, Profile]
    current: str = ""

    def choose(self, name: str = "") -> Profile | None:
        """The profile of this name, without one the current; None where there is no current one.

        Raises ProfileError for a name that is not there.
        """
        name = name or self.current
        if not name:
            return None
        if (profile := self.by_name.get(name)) is None:
            names = ", ".join(list(self.by_name)[:20]) or "none yet"
            raise UnknownProfileError(f"There is no profile '{one_line(name, max_length=60)}'; there are: {names}.")
        return profile


def is_profile_name(text: str) -> bool:
    """Whether an AgentOS can be remembered by this name."""
    return _NAME.fullmatch(text) is not None


def is_variable_name(text: str) -> bool:
    return _VARIABLE.fullmatch(text) is not None


def profiles_path(
    environ: Mapping[str, str] | None = None, platform: str = sys.platform, home: Path | None = None
) -> Path:
    """Where this user's profiles are kept."""
    environ = os.environ if environ is None else environ
    home = home or _home()
    variable = "LOCALAPPDATA" if platform == "win32" else "XDG_CONFIG_HOME"
    named = environ.get(variable, "").strip()
    if named and Path(named).is_absolute():
        folder = Path(named)
    elif platform == "win32":
        folder = home / "AppData" / "Local"
    else:
        folder = home / "Library" / "Application Support" if platform == "darwin" else home / ".config"
    return folder / "agentos-mcp" / FILE_NAME


class ProfileFile:
    """The file with the profiles. It is only for its owner to read, and is always replaced as a whole."""

    def __init__(self, path: Path | None = None, *, is_private: bool = True) -> None:
        """`is_private` is False for a file that somebody named to be read: it may be a link, and others may read it."""
        self.path = path or profiles_path()
        self._is_private = is_private
        self._is_locked = False

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Inside it no other command changes the file. Raises ProfileError where one does for too long."""
        if self._is_locked:
            yield
            return
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(lock_folder(self._made_folder(), _LOCK_SECONDS))
            except TimeoutError:
                problem = "another program has been changing it for too long"
                raise self._problem(problem, "Wait for it to end") from None
            except OSError as error:
                problem = f"it cannot be written ({_reason(error)})"
                raise self._problem(problem, "Check its folder's permissions") from None
            self._is_locked = True
            try:
                yield
            finally:
                self._is_locked = False

    def read(self) -> Profiles:
        """What is in it; no profiles where there is no file. Raises ProfileError for one that cannot be used."""
        return self._parse(self._text())

    def save(self, profile: Profile) -> None:
        """Add a profile, or change the one of its name, and make it the current one. Raises ProfileError."""

        def change(document: TOMLDocument) -> None:
            import tomlkit

            section = document.setdefault(_SECTION, tomlkit.table(is_super_table=True))
            table = section.setdefault(profile.name, tomlkit.table())
            values = {
                "url": profile.url,
                "token_file": str(profile.token_file or ""),
                "token_env": profile.token_env,
            }
            for key, value in values.items():
                if value:
                    table[key] = value
                else:
                    table.pop(key, None)
            document[_CURRENT] = profile.name

        self._edit(change)

    def forget(self, name: str) -> Profile:
        """Remove a profile; afterwards there is no current one where it was that. Raises ProfileError."""
        profile = self.read().choose(name)
        if profile is None:
            raise ProfileError("Name a profile.")

        def change(document: TOMLDocument) -> None:
            document[_SECTION].pop(name)
            if document.get(_CURRENT) == name:
                document.pop(_CURRENT)

        self._edit(change)
        return profile

    # Reading

    def _text(self) -> str:
        """The file's text, '' where there is no file. A link, a pipe or another's file is not read."""
        try:
            descriptor = open_to_read(self.path, follow_links=not self._is_private)
        except FileNotFoundError:
            return ""
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.EMLINK}:
                raise self._problem("it is a symbolic link", "Put the file itself there") from None
            raise self._problem(_reason(error), "Check its permissions, or move it away") from None
        try:
            self._check_owner(os.fstat(descriptor))
            data = b""
            while len(data) <= MAX_FILE_BYTES and (piece := os.read(descriptor, MAX_FILE_BYTES + 1)):
                data += piece
        except OSError as error:
            raise self._problem(_reason(error), "Check its permissions, or move it away") from None
        finally:
            os.close(descriptor)
        if len(data) > MAX_FILE_BYTES:
            raise self._problem(f"it is larger than {MAX_FILE_BYTES // 1024} KiB", "Move it away")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise self._problem("it is not text in UTF-8", "Correct it, or move it away", line) from None

    def _check_owner(self, state: os.stat_result) -> None:
        if not stat.S_ISREG(state.st_mode):
            raise self._problem("it is not a regular file", "Move it away")
        if not hasattr(os, "geteuid"):
            return
        if not self._is_private:
            # Whoever can write it says where tokens go.
            if state.st_mode & 0o002:
                raise self._problem("every user of this machine can change it", "chmod o-w prevents that")
            return
        if state.st_uid != os.geteuid():
            raise self._problem("it belongs to another user", "Move it away")
        if state.st_mode & 0o077:
            raise self._problem("other users of this machine can open it", "chmod 600 makes it yours alone")

    def _parse(self, text: str) -> Profiles:
        try:
            document = tomllib.loads(text)
        except RecursionError:
            raise self._problem("it is nested too deeply", "Correct it, or move it away") from None
        except ValueError as error:
            found = _LINE_IN_ERROR.search(str(error))
            problem = one_line(str(error).partition(" (at ")[0], max_length=200)
            line = int(found[1]) if found else 0
            problem = problem[:1].lower() + problem[1:]
            raise self._problem(problem, "Correct it, or move it away", line) from None
        current, tables = document.get(_CURRENT, ""), document.get(_SECTION, {})
        if not isinstance(current, str):
            raise self._problem(f"{_CURRENT} is not a string", "Correct it", _line_of(text, "", _CURRENT))
        if not isinstance(tables, dict):
            line = _line_of(text, "", _SECTION)
            raise self._problem(f"{_SECTION} is not a table", f"Write [{_SECTION}.NAME]", line)
        if len(tables) > MAX_PROFILES:
            raise self._problem(f"it has more than {MAX_PROFILES} profiles", "Remove some")
        return Profiles({name: self._profile(text, name, table) for name, table in tables.items()}, current)

    def _profile(self, text: str, name: str, table: object) -> Profile:
        try:
            if not is_profile_name(name):
                raise _WrongValueError("", "a name has at most 40 of a-z, 0-9, '.', '-' and '_'")
            if not isinstance(table, dict):
                raise _WrongValueError("", f"it is not a table; write [{_SECTION}.{name}]")
            return self._from_table(name, table)
        except _WrongValueError as error:
            where = f"{_SECTION}.{one_line(name, max_length=60)}"
            problem = f"{where}: {error.key} {error.problem}" if error.key else f"{where}: {error.problem}"
            raise self._problem(problem, "Correct it", _line_of(text, name, error.key)) from None

    def _from_table(self, name: str, table: Mapping[str, Any]) -> Profile:
        for key in table:
            if key == "token":
                raise _WrongValueError(
                    key, "would keep a secret here; write it into a file and name that as token_file"
                )
            if key not in _KEYS:
                shown = one_line(key, max_length=60)
                raise _WrongValueError(shown, f"is not known to this version; it knows {', '.join(_KEYS)}")
        if "url" not in table:
            raise _WrongValueError("url", "is missing")
        try:
            url = parse_url(_string(table, "url"))
        except ValueError as error:
            raise _WrongValueError("url", f"cannot be used: {error}") from None
        token_file, token_env = _string(table, "token_file"), _string(table, "token_env")
        if token_file and token_env:
            raise _WrongValueError("token_env", "stands beside token_file; keep one of them")
        if token_env and not is_variable_name(token_env):
            raise _WrongValueError("token_env", "is the name of an environment variable, not a token")
        read_only, toolsets = table.get("read_only", False), table.get("toolsets", [])
        if not isinstance(read_only, bool):
            raise _WrongValueError("read_only", "is not true or false")
        if not isinstance(toolsets, list) or not all(isinstance(toolset, str) for toolset in toolsets):
            raise _WrongValueError("toolsets", "is not a list of strings")
        file = self._beside("token_file", token_file) if token_file else None
        identity = {key: text for key in IDENTITY_KEYS if (text := _string(table, key))}
        identity |= {key: str(self._beside(key, identity[key])) for key in _IDENTITY_FILES if key in identity}
        return Profile(name, url, file, token_env, read_only, tuple(toolsets), tuple(identity.items()))

    def _beside(self, key: str, path: str) -> Path:
        """A path that the file names: relative to its folder."""
        try:
            return self.path.parent.absolute() / expand_home(path)
        except ValueError as error:
            raise _WrongValueError(key, f"cannot be used: {error}") from None

    def _problem(self, problem: str, what_to_do: str, line: int = 0) -> ProfileError:
        where = f"{self.path}, line {line}" if line else str(self.path)
        return ProfileError(f"{where}: {problem}. {what_to_do} and run this again.")

    # Writing

    def _edit(self, change: Callable[[TOMLDocument], None]) -> None:
        """Change the document, whose other keys, tables and comments stay. Raises ProfileError."""
        with self.locked():
            self._edit_locked(change)

    def _edit_locked(self, change: Callable[[TOMLDocument], None]) -> None:
        import tomlkit
        from tomlkit.exceptions import TOMLKitError

        before = self._text()
        self._parse(before)
        try:
            document = tomlkit.parse(before)
            change(document)
            after = tomlkit.dumps(document)
        except (TOMLKitError, TypeError, AttributeError, RecursionError) as error:
            problem = f"it cannot be edited ({one_line(str(error), max_length=200)})"
            raise self._problem(problem, "Move it away") from None
        if len(after.encode()) > MAX_FILE_BYTES:
            raise self._problem(f"it would be larger than {MAX_FILE_BYTES // 1024} KiB", "Remove some profiles")
        self._parse(after)
        try:
            self._write(before, after)
        except OSError as error:
            raise self._problem(f"it cannot be written ({_reason(error)})", "Check its folder's permissions") from None

    def _made_folder(self) -> Path:
        """The file's folder. Raises ProfileError where it cannot be made."""
        folder = self.path.parent
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if hasattr(os, "geteuid") and folder.stat().st_mode & 0o077:
                folder.chmod(0o700)
        except OSError as error:
            raise self._problem(f"it cannot be written ({_reason(error)})", "Check its folder's permissions") from None
        return folder

    def _write(self, before: str, after: str) -> None:
        folder = self._made_folder()
        # Nobody else may open what mkstemp makes.
        handle, name = tempfile.mkstemp(prefix=f".{FILE_NAME}.", dir=folder)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(after.encode())
                stream.flush()
                os.fsync(stream.fileno())
            if self._text() != before:
                raise self._problem("another program changed it just now", "Look at it")
            replace_file(temporary, self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        with contextlib.suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


class _WrongValueError(Exception):
    """A value in a profile's table: its key, '' for the table itself, and a clause that says what is wrong."""

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        self.problem = problem
        super().__init__(problem)


def _string(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise _WrongValueError(key, "is not a string")
    if not value.isprintable():
        raise _WrongValueError(key, "has characters that cannot be shown")
    return value


def _line_of(text: str, name: str, key: str) -> int:
    """The line of a key in a profile's table, or of its header; 0 where it is not written in the usual way."""
    header = re.compile(rf"""\s*\[\s*{_SECTION}\s*\.\s*["']?{re.escape(name)}["']?\s*\]""")
    assignment = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
    header_line, is_inside = 0, not name
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("["):
            is_inside = bool(name) and header.match(line) is not None
            header_line = number if is_inside else header_line
        elif is_inside and key and assignment.match(line):
            return number
    return header_line


def _home() -> Path:
    """The user's home; for a user without one, as in a container, a folder that is nowhere."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
