"""agentos-mcp: run the agents, teams and workflows of any AgentOS from an MCP client."""

__version__ = "0.1.0"
DISTRIBUTION = "mcp-server-agentos"
"""The package's name on PyPI, and of a program that is the same as agentos-mcp: `uvx mcp-server-agentos` starts it."""
