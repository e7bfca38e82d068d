"""Every setting, in one frozen object."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

TOOLSETS = (
    "catalogue",
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
ON_CANCEL = ("cancel", "detach")
LOG_LEVELS = ("debug", "info", "warning", "error")
MASK = "********"


class SettingsError(Exception):
    """A setting that cannot be used: one line with what is wrong and the fix."""


class Token:
    """The credential for AgentOS: a fixed one, or a file's content, read again when the file changes.

    It never shows itself: its `repr` is masked.
    """

    def __init__(self, value: str = "", file: Path | None = None) -> None:
        self._value = value
        self._file = file
        self._seen: tuple[int, int] | None = None

    def __call__(self) -> str:
        if self._file is None:
            return self._value
        try:
            stat = self._file.stat()
            if self._seen != (stat.st_mtime_ns, stat.st_size):
                self._value = self._file.read_text(encoding="utf-8").strip()
                self._seen = (stat.st_mtime_ns, stat.st_size)
        except (OSError, UnicodeDecodeError) as error:
            # While it is being replaced the file may be gone: the last token is still the best guess.
            if self._seen is None:
                raise SettingsError(f"Cannot read the token file {self._file} ({_reason(error)}).") from None
        return self._value

    def __repr__(self) -> str:
        return f"Token({MASK if self._value or self._file else 'none'})"


@dataclass(frozen=True)
class Settings:
    """Times are in seconds. `result_tokens` is about how many tokens a result may cost the model."""

    url: str = "http://localhost:7777"
    token: Token = field(default_factory=Token)
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
    allow_files: tuple[Path, ...] = ()
    """Folders beneath which files may be read, to be attached to a run or added to knowledge."""
    state_secret: Token | None = None
    """Seals what a client carries between the rounds of a question; without one, a key of this process's own does."""
    ask: bool = True
    """Whether people may be asked by a form of their client's."""
    log_level: str = "warning"

    @property
    def fixed(self) -> dict[str, str]:
        """Tool parameters that are the same for every call, by name."""
        values = {"user_id": self.user_id, "db_id": self.db_id, "knowledge_id": self.knowledge_id}
        return {name: value for name, value in values.items() if value}


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or type(error).__name__
