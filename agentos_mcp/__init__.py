"""agentos-mcp: run the agents, teams and workflows of any AgentOS from an MCP client."""

__version__ = "0.1.0"
DISTRIBUTION = "mcp-server-agentos"
"""The package's name on PyPI, and of a program that is the same as agentos-mcp: `uvx mcp-server-agentos` starts it."""
REPOSITORY_URL = ""
"""Where its source is, such as https://github.com/OWNER/NAME; empty until that is known, and then told nowhere.

`make surface` and `python -m scripts.registry_entry` write it into README.md, pyproject.toml and server.json.
"""
