"""How hints name actions to a model: by the tools that this server lists, and by no others."""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace

from agentos_mcp.agentos.hints import PLAIN, TOKEN_KINDS, Action, Page, Parameter, Setting
from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.tooling.context import Backend

INSTALL_KEYS: Mapping[str, str] = {
    "claude-ai": "claude-desktop",
    "claude-code": "claude-code",
    "codex": "codex",
    "cursor": "cursor",
    "gemini-cli": "gemini",
    "goose": "goose",
    "opencode": "opencode",
    "visual studio code": "vscode",
    "windsurf": "windsurf",
    "zed": "zed",
}
"""How a client's name for itself begins, in lower case, and what `agentos-mcp install` calls it."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PLAIN_ID = re.compile(r"(?!(?:last|metrics|inbox|compare)$)[A-Za-z0-9_][A-Za-z0-9_-]{3,30}")
"""Of a run, that `agentos-mcp view` takes for nothing else: 32 characters may be a trace's."""


class ToolSurface:
    """Names a tool where it is listed; an action without one is left out of a hint."""

    def __init__(self, selection: ToolSelection, backend: Backend | None, *, is_of_one: bool = True) -> None:
        """`is_of_one`: what is said is of this AgentOS alone, where there are several."""
        self._is_of_one = is_of_one
        self._selection = selection
        self._tools = {tool.name: tool for tool in selection.tools}
        self._backend = backend
        self._client_name = ""
        self._opens_pages = False

    def for_client(self, client_name: str, *, opens_pages: bool = False) -> ToolSurface:
        surface = copy.copy(self)
        surface._client_name, surface._opens_pages = client_name, opens_pages
        return surface

    def action(self, action: Action) -> str:
        tool = self._tools.get(action.name)
        if tool is None or not self._selection.is_listed(tool, self._backend):
            return ""
        # A result that is about a run ends with its reference: it is not repeated.
        left_out = {"run", *(self._backend.settings.hidden_parameters if self._backend is not None else ())}
        arguments = {name: value for name, value in action.arguments.items() if name not in left_out}
        names_its_run = "run" in {*action.arguments, *action.parameters}
        if self._backend is not None and self._backend.instance and self._is_of_one and not names_its_run:
            arguments["instance"] = self._backend.instance
        return PLAIN.action(replace(action, arguments=arguments))

    def parameter(self, parameter: Parameter) -> str:
        return PLAIN.parameter(parameter)

    def page(self, page: Page) -> str:
        """The command for the user's terminal: it works on this machine alone, and with the user's own token."""
        if not self._opens_pages or self._backend is None:
            return ""
        settings = self._backend.settings
        words = ["agentos-mcp", "view", _short_run(page)]
        if settings.profile:
            words += ["--profile", settings.profile]
        else:
            token_file = settings.token.file
            words += ["--url", settings.url, *(["--token-file", str(token_file)] if token_file is not None else [])]
        return f"`{shlex.join(words)}`"

    def setting(self, setting: Setting) -> str:
        """For the user: models have no hand in it."""
        if setting.name == "token" and self._backend is not None and self._backend.credential_advice:
            return self._backend.credential_advice
        token_file = self._backend.settings.token.file if self._backend is not None else None
        if setting.name == "token" and token_file is not None:
            return f"the user writes {TOKEN_KINDS} into {token_file}, which is read again at once"
        name = self._client_name.casefold()
        key = next((key for beginning, key in INSTALL_KEYS.items() if name.startswith(beginning)), "")
        if not key:
            return PLAIN.setting(setting)
        install = ["agentos-mcp", "install", key, "--url", setting.agentos_url or "URL"]
        if setting.name == "url":
            return f"the user says where it runs, in a terminal: `{shlex.join(install)}`"
        line = shlex.join([*install, "--token-file", "PATH"])
        return f"the user puts {TOKEN_KINDS} into a file that only they can read, then in a terminal: `{line}`"


def _short_run(page: Page) -> str:
    """What names the run in a command: a part of its id is enough where the id is a random one."""
    if _UUID.fullmatch(page.run):
        return page.run[:8]
    return page.run if _PLAIN_ID.fullmatch(page.run) else page.reference
