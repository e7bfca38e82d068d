"""AgentOS as a Python library: one HTTP client, the run engine, the catalogue. Knows nothing of MCP."""
