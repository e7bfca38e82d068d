"""What `agentos-mcp install` knows of each client: the generated parts of docs/clients.md."""

from __future__ import annotations

from pathlib import Path

from agentos_mcp.install.client_entry import build_entry
from agentos_mcp.install.client_table import CLIENTS, Client
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.launch_command import CALL_TIMEOUT_SECONDS, LaunchCommand
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.client_quirks import quirks_of
from scripts.surface.markdown_table import table

COMMAND = "/absolute/path/to/agentos-mcp"
"""What `which agentos-mcp` prints; a page cannot know it."""
_VARIABLE = "AGENTOS_TOKEN"
_NAME = "agentos"
_CALL_THEMSELVES = {
    "claude-desktop": "claude-ai",
    "claude-code": "claude-code",
    "vscode": "Visual Studio Code",
    "vscode-workspace": "Visual Studio Code",
    "codex": "codex-mcp-client",
    "gemini": "gemini-cli-mcp-client",
    "opencode": "opencode",
}
"""By what name they connect, as far as that decides how long a call waits."""
_SYSTEMS = (
    ("Linux", HostSystem("linux", Path("~"), {}, Path())),
    ("macOS", HostSystem("darwin", Path("~"), {}, Path())),
    ("Windows", HostSystem("win32", Path("%USERPROFILE%"), {}, Path())),
)
_LANGUAGES = {"JSON": "json", "TOML": "toml", "YAML": "yaml"}


def overview() -> str:
    """One line for each client."""
    rows = [
        (
            f"[{client.title}](#{_anchor(client.title)})",
            f"`{client.key}`",
            ", ".join(f"`{setting} = {made(CALL_TIMEOUT_SECONDS)}`" for setting, made in client.timeouts.items()),
            f"{_wait(client):g} s",
            _token(client),
        )
        for client in CLIENTS
    ]
    return table(("client", "`install`", "limit for a call, as written", "our calls wait", "token by variable"), rows)


def of_client(client: Client) -> str:
    """The command, the file, the entry, what to do then."""
    launch = LaunchCommand(COMMAND, ("serve", "--url", Settings().url))
    entry = client.section.put("", _NAME, build_entry(client, _NAME, launch, None)).strip("\n")
    language = next(code for format_, code in _LANGUAGES.items() if format_ in client.section.format.title)
    return "\n".join(
        [
            "```sh",
            f"agentos-mcp install {client.key} --url {Settings().url}",
            "```",
            "",
            _file(client),
            "",
            f"```{language}",
            entry,
            "```",
            "",
            f"Then: {client.restart_hint}",
        ]
    )


def _file(client: Client) -> str:
    systems: dict[str, list[str]] = {}
    for system, machine in _SYSTEMS:
        systems.setdefault(_place(client, machine), []).append(system)
    if len(systems) == 1:
        return f"Its file is `{next(iter(systems))}`."
    places = [f"`{place}` ({' and '.join(names)})" for place, names in systems.items()]
    return f"Its file is {', '.join(places)}."


def _place(client: Client, machine: HostSystem) -> str:
    place = client.config_path(machine).as_posix()
    if machine.platform != "win32":
        return place
    return place.replace("%USERPROFILE%/AppData/Roaming", "%APPDATA%").replace("/", "\\")


def _token(client: Client) -> str:
    if client.variable_reference:
        return f"`{client.variable_reference.render(_VARIABLE)}` in `{client.variables_key}`"
    return f"its name in `{client.forwarded_key}`" if client.forwarded_key else "no: give a file"


def _wait(client: Client) -> float:
    return quirks_of(_CALL_THEMSELVES.get(client.key, "")).default_wait_seconds


def _anchor(title: str) -> str:
    """What GitHub makes of a heading."""
    return "".join(letter for letter in title.casefold().replace(" ", "-") if letter.isalnum() or letter == "-")
