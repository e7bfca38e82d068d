"""Where a run becomes MCP: how a tool is declared, progress, compact results."""
