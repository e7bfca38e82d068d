"""The supported MCP clients, as a table: their configuration file, its format, how they read secrets.

A new client is a row here, and a sample of its file in the tests.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.jsonc_editor import JsonFormat
from agentos_mcp.install.server_section import ServerSection
from agentos_mcp.install.toml_editor import TomlFormat
from agentos_mcp.install.yaml_editor import YamlFormat


@dataclass(frozen=True)
class VariableReference:
    """How an entry of a client refers to the value of an environment variable."""

    template: str
    pattern: str

    def render(self, variable: str) -> str:
        return self.template.replace("NAME", variable)

    def resolve(self, text: str, environment: Mapping[str, str]) -> str:
        """The text as the client reads it; a reference to a variable that is not set stays as it is."""
        return re.sub(self.pattern, lambda match: environment.get(_variable_name(match), match.group()), text)

    def variable_names(self, text: str) -> list[str]:
        return [_variable_name(match) for match in re.finditer(self.pattern, text)]


def _variable_name(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group)


@dataclass(frozen=True, eq=False)
class Client:
    """One client. `*_key` is what the client calls that part of an entry."""

    key: str
    title: str
    config_path: Callable[[HostSystem], Path]
    section: ServerSection
    restart_hint: str
    presence_paths: Callable[[HostSystem], tuple[Path, ...]] | None = None
    """Paths that exist where the client is installed; the folder of its configuration where not given."""
    program: str = ""
    """The client's own program, which the shell finds before the client was ever started; empty where it has none, or
    where another program has its name."""
    command_key: str = "command"
    arguments_key: str = "args"
    """Empty where the command is a list that holds the arguments too."""
    variables_key: str = "env"
    fixed_fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields of every entry with their values; NAME stands for the entry's name."""
    timeouts: Mapping[str, Callable[[int], int]] = field(default_factory=dict)
    """Fields that limit how long a call may take: seconds -> the value in the client's unit."""
    variable_reference: VariableReference | None = None
    input_reference: VariableReference | None = None
    """How an entry refers to a value that the client asks its person for, and keeps."""
    reads_shell_path: bool = False
    """Whether it finds what the person's shell finds, however it was started: it runs in a terminal, or is an editor
    that takes the shell's environment over (VS Code, and what is made of it)."""
    forwarded_key: str = ""
    """The list of environment variables that are passed on under their own names; empty where there is none."""
    top_level_settings: Mapping[str, int] = field(default_factory=dict)
    """Settings of the client itself that its servers need, unless an entry is `required`: each is written where the
    file has none, and removed with the last entry."""
    top_level_note: str = ""
    """What they change."""
    is_shared: bool = False
    """Whether the file belongs to a project, and may be used by other people too."""

    def missing_settings(self, text: str, entry: Mapping[str, Any]) -> dict[str, int]:
        """The top-level settings that a file with this entry lacks. Raises InvalidConfigError."""
        if entry.get("required") is True or not self.top_level_settings:
            return {}
        present = self.section.format.read(text)
        return {key: value for key, value in self.top_level_settings.items() if key not in present}

    def is_installed(self, system: HostSystem) -> bool:
        config_path = self.config_path(system)
        presence_paths = self.presence_paths(system) if self.presence_paths else (config_path.parent,)
        return any(_exists(path) for path in (config_path, *presence_paths)) or self._is_on_path(system)

    def _is_on_path(self, system: HostSystem) -> bool:
        path = system.environment.get("PATH", "")
        return bool(self.program and path and shutil.which(self.program, path=path))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # something exists that may not be read: reading it will raise the reason
        return True


def _claude_desktop_config(system: HostSystem) -> Path:
    folder = system.applications_folder / "Claude"
    if system.platform == "win32":
        # Since 2026 the Windows installer is an MSIX package, which reads its own copy of %APPDATA%.
        packaged = sorted(system.local_folder.glob("Packages/Claude_*/LocalCache/Roaming/Claude"))
        folder = next(iter(packaged), folder)
    return folder / "claude_desktop_config.json"


def _claude_code_config(system: HostSystem) -> Path:
    return (system.folder_from_variable("CLAUDE_CONFIG_DIR") or system.home) / ".claude.json"


def _vs_code_config(system: HostSystem) -> Path:
    portable = system.folder_from_variable("VSCODE_PORTABLE")
    folder = (
        portable / "user-data"
        if portable
        else (system.folder_from_variable("VSCODE_APPDATA") or system.applications_folder) / "Code"
    )
    return folder / "User" / "mcp.json"


def _codex_config(system: HostSystem) -> Path:
    return (system.folder_from_variable("CODEX_HOME") or system.home / ".codex") / "config.toml"


def _gemini_config(system: HostSystem) -> Path:
    return (system.folder_from_variable("GEMINI_CLI_HOME") or system.home) / ".gemini" / "settings.json"


def _zed_config(system: HostSystem) -> Path:
    if system.platform == "win32":
        folder = system.roaming_folder / "Zed"
    elif system.platform == "darwin":
        folder = system.home / ".config" / "zed"
    else:
        folder = (system.folder_from_variable("FLATPAK_XDG_CONFIG_HOME") or system.config_folder) / "zed"
    return folder / "settings.json"


def _opencode_config(system: HostSystem) -> Path:
    # opencode reads all of them, and writes to the first that exists.
    folder = system.config_folder / "opencode"
    names = ("opencode.jsonc", "opencode.json", "config.json")
    return next((folder / name for name in names if (folder / name).exists()), folder / "opencode.json")


def _goose_config(system: HostSystem) -> Path:
    if root := system.folder_from_variable("GOOSE_PATH_ROOT"):
        return root / "config" / "config.yaml"
    if system.platform == "win32":
        return system.roaming_folder / "Block" / "goose" / "config" / "config.yaml"
    return system.config_folder / "goose" / "config.yaml"


_LENIENT_JSON, _STRICT_JSON = JsonFormat(), JsonFormat(strict=True)
_DOLLAR = VariableReference("${NAME}", r"\$\{(\w+)\}")
_DOLLAR_ENV = VariableReference("${env:NAME}", r"\$\{env:(\w+)\}")
_DOLLAR_INPUT = VariableReference("${input:NAME}", r"\$\{input:([\w.-]+)\}")

CLIENTS = (
    Client(
        "claude-desktop",
        "Claude Desktop",
        _claude_desktop_config,
        ServerSection(_STRICT_JSON, "mcpServers"),
        "Quit Claude Desktop (closing its window is not enough) and open it again.",
    ),
    Client(
        "claude-code",
        "Claude Code",
        _claude_code_config,
        ServerSection(_STRICT_JSON, "mcpServers"),
        "Start a new Claude Code session; /mcp shows the server.",
        program="claude",
        presence_paths=lambda system: (system.folder_from_variable("CLAUDE_CONFIG_DIR") or system.home / ".claude",),
        fixed_fields={"type": "stdio"},
        # No timeout: without one a call has hours, and with one progress no longer helps.
        variable_reference=_DOLLAR,
        reads_shell_path=True,
    ),
    Client(
        "cursor",
        "Cursor",
        lambda system: system.home / ".cursor" / "mcp.json",
        ServerSection(_LENIENT_JSON, "mcpServers"),
        "Cursor picks it up; if not, restart it. Its settings list the server under MCP.",
        program="cursor",
        variable_reference=_DOLLAR_ENV,
        reads_shell_path=True,
    ),
    Client(
        "vscode",
        "VS Code",
        _vs_code_config,
        ServerSection(_LENIENT_JSON, "servers"),
        "In VS Code run `MCP: List Servers` and start it there, once.",
        program="code",
        fixed_fields={"type": "stdio"},
        variable_reference=_DOLLAR_ENV,
        reads_shell_path=True,
        input_reference=_DOLLAR_INPUT,
    ),
    Client(
        "vscode-workspace",
        "VS Code (this workspace)",
        lambda system: system.working_folder / ".vscode" / "mcp.json",
        ServerSection(_LENIENT_JSON, "servers"),
        "Open this folder in VS Code, run `MCP: List Servers` and start it there, once.",
        presence_paths=lambda system: (system.working_folder,),
        fixed_fields={"type": "stdio"},
        variable_reference=_DOLLAR_ENV,
        is_shared=True,
        reads_shell_path=True,
        input_reference=_DOLLAR_INPUT,
    ),
    Client(
        "codex",
        "Codex",
        _codex_config,
        ServerSection(TomlFormat(), "mcp_servers"),
        "Start a new Codex session; /mcp shows the server.",
        program="codex",
        timeouts={"startup_timeout_sec": lambda _: 30, "tool_timeout_sec": lambda seconds: seconds},
        forwarded_key="env_vars",
        top_level_settings={"mcp_optional_startup_grace_ms": 10_000},
        top_level_note="Codex now waits up to 10 s for its servers to start (mcp_optional_startup_grace_ms), not 1 s: "
        "else a busy machine's first turn has none of their tools.",
        reads_shell_path=True,
    ),
    Client(
        "gemini",
        "Gemini CLI",
        _gemini_config,
        ServerSection(_LENIENT_JSON, "mcpServers"),
        "Start Gemini CLI again, in a folder that it trusts; /mcp shows the server.",
        program="gemini",
        timeouts={"timeout": lambda seconds: seconds * 1000},
        variable_reference=VariableReference("${NAME}", r"\$(?:\{(\w+)\}|(\w+))"),
        reads_shell_path=True,
    ),
    Client(
        "windsurf",
        "Windsurf",
        lambda system: system.home / ".codeium" / "windsurf" / "mcp_config.json",
        ServerSection(_LENIENT_JSON, "mcpServers"),
        "In Windsurf press Refresh in Cascade's MCP panel, or restart it.",
        program="windsurf",
        variable_reference=_DOLLAR_ENV,
        reads_shell_path=True,
    ),
    Client(
        "zed",
        "Zed",
        _zed_config,
        ServerSection(_LENIENT_JSON, "context_servers"),
        "Zed picks it up; its agent panel's settings list the server.",
        timeouts={"timeout": lambda seconds: min(seconds, 600)},
    ),
    Client(
        "opencode",
        "opencode",
        _opencode_config,
        ServerSection(_LENIENT_JSON, "mcp"),
        "Start opencode again; `opencode mcp list` shows the server.",
        program="opencode",
        arguments_key="",
        variables_key="environment",
        fixed_fields={"type": "local", "enabled": True},
        timeouts={"timeout": lambda seconds: seconds * 1000},
        variable_reference=VariableReference("{env:NAME}", r"\{env:([^}]+)\}"),
        reads_shell_path=True,
    ),
    Client(
        "goose",
        "Goose",
        _goose_config,
        ServerSection(YamlFormat(), "extensions"),
        "Start a new Goose session.",
        command_key="cmd",
        variables_key="envs",
        fixed_fields={
            "enabled": True,
            "type": "stdio",
            "name": "NAME",
            "description": "Agents, teams and workflows of an AgentOS",
        },
        timeouts={"timeout": lambda seconds: seconds},
        forwarded_key="env_keys",
    ),
)
ALL = "all"
