"""agentos-mcp: run the agents, teams and workflows of any AgentOS from an MCP client."""

__version__ = "0.1.0"
