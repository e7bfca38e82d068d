"""Every setting, in one frozen object."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from agentos_mcp.agentos.errors import Unauthorized
from agentos_mcp.agentos.open_file import open_to_read
from agentos_mcp.agentos.redaction import MASK

__all__ = ["ALL", "DEFAULT", "MASK", "Settings", "SettingsError", "Token", "check_token"]

TOOLSETS = (
    "catalog",
    "runs",
    "sessions",
    "memory",
    "knowledge",
    "traces",
    "metrics",
    "evals",
    "approvals",
    "schedules",
    "learnings",
    "filesystem",
    "components",
    "queue",
    "databases",
)
DEFAULT = "default"
ALL = "all"
EXPOSED = ("agents", "teams", "workflows")
DURABILITIES = ("background", "foreground")
ON_CANCEL = ("cancel", "explicit", "detach")
LOG_LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")


class SettingsError(Exception):
    """A setting that cannot be used: one line with what is wrong and the fix."""


class MissingExtraError(SettingsError):
    """A setting that takes a library of an extra that is not installed."""

    def __init__(self, flag: str, extra: str, module: str) -> None:
        self.extra = extra
        super().__init__(f"{flag} takes the extra '{extra}', which is not installed (there is no {module}).")


MAX_TOKEN_LENGTH = 16 * 1024
"""Characters, and bytes of a token file; headers that are longer are refused on the way."""


def check_token(text: str) -> str:
    """A token as it can be sent in a header. Raises ValueError where it cannot be."""
    value = text.strip()
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("a token is one word of ASCII characters")
    if len(value) > MAX_TOKEN_LENGTH:
        raise ValueError(f"a token has at most {MAX_TOKEN_LENGTH:,} characters")
    return value


class Token:
    """The credential for AgentOS: a fixed one, or a file's content, read again when the file changes.

    `check` says what a token must be (it raises ValueError), of the first one in a file and of each that
    follows. It never shows itself: its `repr` is masked.
    """

    def __init__(self, value: str = "", file: Path | None = None, check: Callable[[str], str] = check_token) -> None:
        self._value = value
        self._file = file
        self._check = check
        self._version: tuple[int, ...] | None = None
        self._problem = ""
        """Why what the file holds now cannot be used."""

    def __call__(self) -> str:
        """The token. Raises SettingsError where a file's first one cannot be used, Unauthorized for a later one."""
        if self._file is None:
            return self._value
        is_first, problem = self._version is None, ""
        try:
            state = self._file.stat()
            version = (state.st_mtime_ns, state.st_size, state.st_ino)
            if version == self._version and not self._problem:
                return self._value
            self._value = self._read(self._file)
            self._version = version
        except FileNotFoundError:
            # While it is being replaced the file may be gone: the last token is still the best guess.
            problem = "there is no such file" if is_first else self._problem
        except (OSError, ValueError) as error:
            problem = _reason(error)
        self._problem = problem
        if problem and is_first:
            raise SettingsError(f"The token file {self._file} cannot be used: {problem}.")
        if problem:
            raise Unauthorized(
                f"The token file {self._file} has changed, and what it holds now cannot be used: {problem}.",
                "Nothing was sent. Write one token into the file; it is read again at once.",
            )
        return self._value

    @property
    def file(self) -> Path | None:
        """The file that it is read from."""
        return self._file

    def known(self) -> tuple[str, ...]:
        """The token as it was last, to be masked; nothing is read for it."""
        return (self._value,) if self._value else ()

    def _read(self, path: Path) -> str:
        """A file's token. Raises OSError and ValueError; a pipe or a device is not waited for."""
        descriptor = open_to_read(path)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ValueError("it is not a regular file")
            content = os.read(descriptor, MAX_TOKEN_LENGTH + 1)
        finally:
            os.close(descriptor)
        if len(content) > MAX_TOKEN_LENGTH:
            raise ValueError(f"it is larger than {MAX_TOKEN_LENGTH:,} bytes")
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError("it is not text in UTF-8") from None
        if not text.strip():
            raise ValueError("it is empty")
        return self._check(text)

    def __repr__(self) -> str:
        return f"Token({MASK if self._value or self._file else 'none'})"


@dataclass(frozen=True)
class Settings:
    """Times are in seconds. `result_tokens` is about how many tokens a result may cost the model."""

    url: str = "http://localhost:7777"
    instance: str = ""
    """Its name, where a server has several AgentOSes."""
    instances: tuple[Settings, ...] = ()
    """The settings of each of several AgentOSes; () where there is only the one at `url`."""
    profile: str = ""
    """The name by which the user knows the AgentOS at `url`; '' where there is none."""
    token: Token = field(default_factory=Token)
    identity: tuple[tuple[str, str], ...] = ()
    """What its table in a file says of the identity of callers over HTTP, by the names of HttpSettings."""
    toolsets: tuple[str, ...] = ()
    """Names of toolsets, `default`, `all`; empty: the default tools, unless `tools` names others."""
    tools: tuple[str, ...] = ()
    """Single tools, beside those of `toolsets`."""
    exclude_tools: tuple[str, ...] = ()
    read_only: bool = False
    expose: tuple[tuple[str, str], ...] = ()
    """Components that get a tool of their own: ("agents", "writer"), ("workflows", "") for all of them."""
    user_id: str = ""
    db_id: str = ""
    knowledge_id: str = ""
    structured_output: bool = False
    timeout: float = 30.0
    result_tokens: int = 6000
    wait: float = 0.0
    """How long a call waits for its run; 0: what its client can bear."""
    durability: str = "background"
    on_cancel: str = "cancel"
    """What ends a run with its call: any cancelled call, one that the client says it cancels (explicit), none."""
    allow_files: tuple[Path, ...] = ()
    """Folders beneath which files may be read, to be attached to a run or added to knowledge."""
    state_secret: Token | None = None
    """Seals what a client carries between the rounds of a question; without one, a key of this process's own does."""
    ask: bool = True
    """Whether people may be asked by a form of their client's."""
    log_level: str = "warning"
    log_format: str = "text"
    audit_log: str = ""
    """The file of the audit log, `-` for standard error; '' for none."""
    metrics_address: tuple[str, int] | None = None
    """The host and the port at which Prometheus's metrics are served."""
    opentelemetry: bool = False
    propagate_trace_context: bool = False
    """Whether AgentOS is told of the trace that a request to it belongs to."""
    caller_is_user: bool = False
    """Whether each caller of an HTTP server acts as a user of their own, so that no call names one."""

    def known_tokens(self) -> tuple[str, ...]:
        """The tokens of all AgentOSes as they were last, to be masked."""
        return tuple(token for settings in self.instances or (self,) for token in settings.token.known())

    @property
    def hidden_parameters(self) -> frozenset[str]:
        """Tool parameters that no client gives: they are the same for every call, or the caller's."""
        return frozenset(self.injected) | ({"user_id"} if self.caller_is_user else set())

    @property
    def injected(self) -> dict[str, str]:
        """Tool parameters that are the same for every call of a caller, by name."""
        values = {"user_id": self.user_id, "db_id": self.db_id, "knowledge_id": self.knowledge_id}
        return {name: value for name, value in values.items() if value}


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
