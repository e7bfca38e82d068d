"""The clients, as a table: where each keeps its servers, how it writes one, how it takes a secret from elsewhere.

A new client is a row here, and a file of its format in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentos_mcp.install.formats import Section
from agentos_mcp.install.host_system import System
from agentos_mcp.install.jsonc_editor import JsonText
from agentos_mcp.install.toml_editor import TomlText
from agentos_mcp.install.yaml_editor import YamlText


@dataclass(frozen=True)
class Reference:
    """How a client writes "the value of this environment variable" in an entry."""

    template: str
    pattern: str

    def to(self, variable: str) -> str:
        return self.template.replace("NAME", variable)

    def resolve(self, text: str, environment: Mapping[str, str]) -> str:
        """As the client would; a variable that is not set stays as it is written."""
        return re.sub(self.pattern, lambda found: environment.get(_name(found), found.group()), text)

    def names(self, text: str) -> list[str]:
        return [_name(found) for found in re.finditer(self.pattern, text)]


def _name(found: re.Match[str]) -> str:
    return next(group for group in found.groups() if group)


@dataclass(frozen=True, eq=False)
class Client:
    """One client. `place` is its file; `traces` are what there is of it where it is installed."""

    key: str
    title: str
    place: Callable[[System], Path]
    section: Section
    restart: str
    traces: Callable[[System], tuple[Path, ...]] | None = None
    command: str = "command"
    arguments: str = "args"
    """Empty where the command is a list that holds the arguments too."""
    variables: str = "env"
    head: Mapping[str, Any] = field(default_factory=dict)
    """What every entry says besides; NAME stands for the entry's name."""
    timeouts: Mapping[str, Callable[[int], int]] = field(default_factory=dict)
    """Settings for how long a call may take, from seconds."""
    reference: Reference | None = None
    forwarded: str = ""
    """The setting that lists variables which are handed on under their own names."""
    shared: bool = False
    """Whether the file belongs to a project, and may be another person's too."""

    def is_there(self, system: System) -> bool:
        place = self.place(system)
        traces = self.traces(system) if self.traces else (place.parent,)
        return any(_exists(path) for path in (place, *traces))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # there is something that may not be looked at: reading it will say what
        return True


def _claude_desktop(system: System) -> Path:
    folder = system.applications / "Claude"
    if system.platform == "win32":
        # Since 2026 the Windows installer is an MSIX package, which reads its own copy of %APPDATA%.
        packaged = sorted(system.local.glob("Packages/Claude_*/LocalCache/Roaming/Claude"))
        folder = next(iter(packaged), folder)
    return folder / "claude_desktop_config.json"


def _claude_code(system: System) -> Path:
    return (system.folder_in("CLAUDE_CONFIG_DIR") or system.home) / ".claude.json"


def _vs_code(system: System) -> Path:
    portable = system.folder_in("VSCODE_PORTABLE")
    folder = (
        portable / "user-data" if portable else (system.folder_in("VSCODE_APPDATA") or system.applications) / "Code"
    )
    return folder / "User" / "mcp.json"


def _codex(system: System) -> Path:
    return (system.folder_in("CODEX_HOME") or system.home / ".codex") / "config.toml"


def _gemini(system: System) -> Path:
    return (system.folder_in("GEMINI_CLI_HOME") or system.home) / ".gemini" / "settings.json"


def _zed(system: System) -> Path:
    if system.platform == "win32":
        folder = system.roaming / "Zed"
    elif system.platform == "darwin":
        folder = system.home / ".config" / "zed"
    else:
        folder = (system.folder_in("FLATPAK_XDG_CONFIG_HOME") or system.config) / "zed"
    return folder / "settings.json"


def _opencode(system: System) -> Path:
    # It reads all of them, and writes to the first of these that there is.
    folder = system.config / "opencode"
    names = ("opencode.jsonc", "opencode.json", "config.json")
    return next((folder / name for name in names if (folder / name).exists()), folder / "opencode.json")


def _goose(system: System) -> Path:
    if root := system.folder_in("GOOSE_PATH_ROOT"):
        return root / "config" / "config.yaml"
    if system.platform == "win32":
        return system.roaming / "Block" / "goose" / "config" / "config.yaml"
    return system.config / "goose" / "config.yaml"


_LENIENT, _STRICT = JsonText(), JsonText(strict=True)
_DOLLAR = Reference("${NAME}", r"\$\{(\w+)\}")
_DOLLAR_ENV = Reference("${env:NAME}", r"\$\{env:(\w+)\}")

CLIENTS = (
    Client(
        "claude-desktop",
        "Claude Desktop",
        _claude_desktop,
        Section(_STRICT, "mcpServers"),
        "Quit Claude Desktop (closing its window is not enough) and open it again.",
    ),
    Client(
        "claude-code",
        "Claude Code",
        _claude_code,
        Section(_STRICT, "mcpServers"),
        "Start a new Claude Code session; /mcp shows the server.",
        traces=lambda system: (system.folder_in("CLAUDE_CONFIG_DIR") or system.home / ".claude",),
        head={"type": "stdio"},
        # No timeout: without one a call has hours, and with one progress no longer helps.
        reference=_DOLLAR,
    ),
    Client(
        "cursor",
        "Cursor",
        lambda system: system.home / ".cursor" / "mcp.json",
        Section(_LENIENT, "mcpServers"),
        "Cursor picks it up; if not, restart it. Its settings list the server under MCP.",
        reference=_DOLLAR_ENV,
    ),
    Client(
        "vscode",
        "VS Code",
        _vs_code,
        Section(_LENIENT, "servers"),
        "In VS Code run `MCP: List Servers` and start it there, once.",
        head={"type": "stdio"},
        reference=_DOLLAR_ENV,
    ),
    Client(
        "vscode-workspace",
        "VS Code (this workspace)",
        lambda system: system.folder / ".vscode" / "mcp.json",
        Section(_LENIENT, "servers"),
        "Open this folder in VS Code, run `MCP: List Servers` and start it there, once.",
        traces=lambda system: (system.folder,),
        head={"type": "stdio"},
        reference=_DOLLAR_ENV,
        shared=True,
    ),
    Client(
        "codex",
        "Codex",
        _codex,
        Section(TomlText(), "mcp_servers"),
        "Start a new Codex session; /mcp shows the server.",
        timeouts={"startup_timeout_sec": lambda _: 30, "tool_timeout_sec": lambda seconds: seconds},
        forwarded="env_vars",
    ),
    Client(
        "gemini",
        "Gemini CLI",
        _gemini,
        Section(_LENIENT, "mcpServers"),
        "Start Gemini CLI again, in a folder that it trusts; /mcp shows the server.",
        timeouts={"timeout": lambda seconds: seconds * 1000},
        reference=Reference("${NAME}", r"\$(?:\{(\w+)\}|(\w+))"),
    ),
    Client(
        "windsurf",
        "Windsurf",
        lambda system: system.home / ".codeium" / "windsurf" / "mcp_config.json",
        Section(_LENIENT, "mcpServers"),
        "In Windsurf press Refresh in Cascade's MCP panel, or restart it.",
        reference=_DOLLAR_ENV,
    ),
    Client(
        "zed",
        "Zed",
        _zed,
        Section(_LENIENT, "context_servers"),
        "Zed picks it up; its agent panel's settings list the server.",
        timeouts={"timeout": lambda seconds: min(seconds, 600)},
    ),
    Client(
        "opencode",
        "opencode",
        _opencode,
        Section(_LENIENT, "mcp"),
        "Start opencode again; `opencode mcp list` shows the server.",
        arguments="",
        variables="environment",
        head={"type": "local", "enabled": True},
        timeouts={"timeout": lambda seconds: seconds * 1000},
        reference=Reference("{env:NAME}", r"\{env:([^}]+)\}"),
    ),
    Client(
        "goose",
        "Goose",
        _goose,
        Section(YamlText(), "extensions"),
        "Start a new Goose session.",
        command="cmd",
        variables="envs",
        head={
            "enabled": True,
            "type": "stdio",
            "name": "NAME",
            "description": "Agents, teams and workflows of an AgentOS",
        },
        timeouts={"timeout": lambda seconds: seconds},
        forwarded="env_keys",
    ),
)
ALL = "all"
