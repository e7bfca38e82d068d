"""Claude Code, Codex, Gemini CLI and opencode: how each is set up for a scripted model, started and limited."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.interop.conversation import CLIENT_LIMIT_SECONDS
from tests.interop.downloads import CLAUDE_CODE, CODEX, GEMINI_CLI, OPENCODE, NpmProgram
from tests.interop.matrix import ClientFault
from tests.interop.screen import DOWN, ENTER, SPACE

PROMPT = "Play the script."
HTTP_TOKEN = "token-for-the-clients-of-this-machine"
_KEY = "scripted-model-needs-no-key"


@dataclass(frozen=True)
class AgentClient:
    """A client with a model of its own. Files are given relative to the home, with MODEL for the model's address."""

    key: str
    install_key: str
    """Its name in `agentos-mcp install`."""
    name: str
    program: NpmProgram
    files: Mapping[str, str] = field(default_factory=dict)
    """What stands in its home before our server is installed: the settings of somebody who uses it already."""
    variables: Mapping[str, str] = field(default_factory=dict)
    headless: tuple[str, ...] = ()
    """Arguments for one conversation without a person, before the prompt."""
    interactive: tuple[str, ...] = ()
    """Arguments for a conversation at its screen, before the prompt."""
    entry_additions: Mapping[str, Any] = field(default_factory=dict)
    """What a person adds to the installed entry, so that no call has to be allowed."""
    limit_in_entry: Mapping[str, Any] = field(default_factory=dict)
    """How an entry says after how long the client gives a call up."""
    limit_variables: Mapping[str, str] = field(default_factory=dict)
    """The same, where a variable says it."""
    form_words: str = ""
    """What its form shows once it takes keys."""
    form_keys: tuple[str, ...] = ()
    """What is pressed to say yes in its form; empty where it has no forms."""
    escapes: int = 1
    """How often Esc is pressed to give a call up."""
    http_url_key: str = "url"
    """What an entry for a server over HTTP calls its address."""
    http_entry: Mapping[str, Any] | None = None
    """The rest of that entry, as a person writes it; None where `install` writes one for stdio."""
    faults: Mapping[str, ClientFault] = field(default_factory=dict)
    """What it does not do by itself, by part."""

    @property
    def version(self) -> str:
        return self.program.package[1]


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


_OPENCODE_PROVIDER = {
    "npm": "@ai-sdk/openai-compatible",
    "name": "Scripted",
    "options": {"baseURL": "MODEL/v1", "apiKey": _KEY},
    "models": {"scripted": {"name": "scripted"}},
}

_OVER_STDIO = (
    AgentClient(
        "claude-code",
        "claude-code",
        "Claude Code",
        NpmProgram(CLAUDE_CODE, "@anthropic-ai/claude-code-*/claude"),
        files={
            ".claude.json": _json(
                {
                    "hasCompletedOnboarding": True,
                    "theme": "dark",
                    "customApiKeyResponses": {"approved": [_KEY[-20:]], "rejected": []},
                    "projects": {"HOME/work": {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}},
                }
            )
        },
        variables={
            "ANTHROPIC_BASE_URL": "MODEL",
            "ANTHROPIC_API_KEY": _KEY,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        },
        limit_variables={"MCP_TOOL_TIMEOUT": str(CLIENT_LIMIT_SECONDS * 1000)},
        headless=("-p", "--allowedTools=mcp__agentos"),
        interactive=("--allowedTools=mcp__agentos",),
        form_words="Space to toggle",
        form_keys=(SPACE, DOWN, ENTER),
    ),
    AgentClient(
        "codex",
        "codex",
        "Codex",
        NpmProgram(CODEX, "@openai/codex-*/vendor/*/bin/codex"),
        files={
            ".codex/config.toml": (
                'model = "scripted"\nmodel_provider = "scripted"\n\n'
                '[model_providers.scripted]\nname = "Scripted"\nbase_url = "MODEL/v1"\nwire_api = "responses"\n\n'
                '[projects."HOME/work"]\ntrust_level = "trusted"\n'
            )
        },
        headless=("exec", "--skip-git-repo-check"),
        interactive=("--no-daemon", "--ask-for-approval", "on-request"),
        entry_additions={"default_tools_approval_mode": "approve"},
        limit_in_entry={"tool_timeout_sec": CLIENT_LIMIT_SECONDS},
        form_words="enter to submit",
        form_keys=("1", "1", "1", ENTER),  # on a busy machine it takes no keys at first
    ),
    AgentClient(
        "gemini",
        "gemini",
        "Gemini CLI",
        NpmProgram(GEMINI_CLI, "@google/gemini-cli/bundle/gemini.js", is_script=True),
        files={
            ".gemini/settings.json": _json(
                {
                    "security": {"auth": {"selectedType": "gemini-api-key"}},
                    "privacy": {"usageStatisticsEnabled": False},
                    "general": {"disableAutoUpdate": True, "disableUpdateNag": True},
                }
            )
        },
        variables={
            "GOOGLE_GEMINI_BASE_URL": "MODEL",
            "GEMINI_API_KEY": _KEY,
            "GEMINI_CLI_TRUST_WORKSPACE": "true",
        },
        headless=("--yolo", "--model", "gemini-2.5-flash", "--prompt"),
        interactive=("--yolo", "--model", "gemini-2.5-flash", "--prompt-interactive"),
        limit_in_entry={"timeout": CLIENT_LIMIT_SECONDS * 1000},
        faults={
            "cancel": ClientFault(
                "Esc ends its waiting and cancels nothing: the run goes on", f"Gemini CLI {GEMINI_CLI[1]}"
            )
        },
    ),
    AgentClient(
        "opencode",
        "opencode",
        "opencode",
        NpmProgram(OPENCODE, "opencode-*/bin/opencode"),
        files={
            ".config/opencode/opencode.json": _json(
                {
                    "autoupdate": False,
                    "share": "disabled",
                    "model": "scripted/scripted",
                    "provider": {"scripted": _OPENCODE_PROVIDER},
                }
            )
        },
        variables={
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        },
        headless=("run", "--model", "scripted/scripted"),
        interactive=("--model", "scripted/scripted", "--prompt"),
        limit_in_entry={"timeout": CLIENT_LIMIT_SECONDS * 1000},
        escapes=2,
    ),
)

_BEARER = {"Authorization": f"Bearer {HTTP_TOKEN}"}
_HTTP_ENTRIES: Mapping[str, Mapping[str, Any]] = {
    "claude-code": {"type": "http", "headers": _BEARER},
    "codex": {"http_headers": _BEARER},
    "gemini": {"headers": _BEARER},
    "opencode": {"type": "remote", "enabled": True, "headers": _BEARER},
}
AGENT_CLIENTS = (
    *_OVER_STDIO,
    *(
        replace(
            client,
            key=f"{client.key}-http",
            name=f"{client.name}, HTTP",
            http_entry=_HTTP_ENTRIES[client.key],
            http_url_key="httpUrl" if client.key == "gemini" else "url",
        )
        for client in _OVER_STDIO
    ),
)
