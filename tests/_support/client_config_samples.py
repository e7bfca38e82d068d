"""A sample of each client's configuration file, with other servers, comments and secrets."""

from __future__ import annotations

SECRET = "sk-live-4f9a1c7e22"
"""Another server's secret: it is in every sample, and must never be printed."""
BEARER = f"Bearer {SECRET}"

CLAUDE_DESKTOP = f"""{{
  "globalShortcut": "Alt+Space",
  "mcpServers": {{
    "files": {{
      "command": "/usr/local/bin/npx",
      "args": ["-y", "@modelcontextprotocol/server-filesystem", "/home/ada"],
      "env": {{"API_KEY": "{SECRET}", "PIN": 4711}}
    }}
  }},
  "isDxtAutoUpdatesEnabled": true
}}
"""

CLAUDE_CODE = f"""{{
  "numStartups": 42,
  "oauthAccount": {{"accessToken": "{SECRET}"}},
  "projects": {{
    "/home/ada/work": {{
      "allowedTools": [],
      "mcpServers": {{}},
      "history": [{{"display": "use {SECRET} please"}}]
    }}
  }}
}}"""

CURSOR = f"""{{
  // shared with the team
  "mcpServers": {{
    "figma": {{
      "url": "https://mcp.figma.com/mcp?key={SECRET}",
      "headers": {{"Authorization": "{BEARER}"}}, /* rotates in May */
    }},
  }},
}}
"""

VS_CODE = f"""{{
\t"inputs": [
\t\t{{"type": "promptString", "id": "key", "description": "{SECRET}", "password": true}}
\t],
\t"servers": {{
\t\t// local ones
\t\t"github": {{
\t\t\t"type": "http",
\t\t\t"url": "https://api.githubcopilot.com/mcp/", // hosted
\t\t\t"headers": {{"Authorization": "{BEARER}"}}
\t\t}} // the only one
\t\t// more to come: {SECRET}
\t}}
}}
"""

CODEX = f'''# Codex
model = "gpt-5.2-codex"
notify = [
  "notify-send", # [mcp_servers.agentos] is no header here
  "Codex",
]

[mcp_servers.docs]   # another
command = "npx"
args = ["-y", "docs-mcp", "--key", "{SECRET}"]

[mcp_servers.docs.env]
TOKEN = "{SECRET}"

# how I like it
[tui]
notifications = true
banner = """
[mcp_servers.agentos]
"""

[[skills.config]]
path = "/home/ada/skills"
# the end
'''

GEMINI = f"""{{
    "security": {{ "auth": {{ "selectedType": "gemini-api-key" }} }},
    // mine
    "mcpServers": {{
        "weather": {{ "command": "python3", "args": ["w.py", "{SECRET}"] }}
    }}
}}
"""

WINDSURF = f'{{"mcpServers":{{"one":{{"command":"npx","args":["-y","one"],"env":{{"KEY":"{SECRET}"}}}}}}}}'

ZED = f"""// Zed settings
//
// For information on how to configure Zed, see the documentation: https://zed.dev/docs/configuring-zed
{{
  "agent": {{
    "default_model": {{ "provider": "zed.dev", "model": "claude-sonnet-4-5" }},
    "profiles": {{
      "write": {{ "context_servers": {{}} }},
    }},
  }},
  "ui_font_size": 16,
  "context_servers": {{
    "postgres": {{
      "command": "/usr/bin/pg-mcp",
      "args": ["postgres://ada:{SECRET}@localhost/db"],
      "env": {{}},
    }},
  }},
  "theme": {{
    "mode": "system", // follows the day
  }},
}}
"""

OPENCODE = f"""{{
  "$schema": "https://opencode.ai/config.json",
  "provider": {{ "anthropic": {{ "options": {{ "apiKey": "{SECRET}" }} }} }}, // shared
  /* servers
     go here */
  "mcp": {{
    "remote": {{ "type": "remote", "url": "https://example.com/mcp", "headers": {{ "Authorization": "{BEARER}" }} }},
  }},
}}
"""

GOOSE = f"""GOOSE_PROVIDER: anthropic   # the good one
GOOSE_MODEL: 'claude-sonnet-4-5'
extensions:
  # built in
  developer:
    enabled: true
    type: builtin
    name: developer
    timeout: 300
    bundled: true
    available_tools: []

  github:
    enabled: true
    type: stdio
    name: github
    cmd: npx
    args:
    - -y
    - '@modelcontextprotocol/server-github'
    - --token={SECRET}
    envs:
      GITHUB_TOKEN: {SECRET}
    description: |
      Looks after
      {SECRET}
    # up to here
GOOSE_TELEMETRY_ENABLED: false
"""

SAMPLES = {
    "claude-desktop": CLAUDE_DESKTOP,
    "claude-code": CLAUDE_CODE,
    "cursor": CURSOR,
    "vscode": VS_CODE,
    "vscode-workspace": VS_CODE,
    "codex": CODEX,
    "gemini": GEMINI,
    "windsurf": WINDSURF,
    "zed": ZED,
    "opencode": OPENCODE,
    "goose": GOOSE,
}
