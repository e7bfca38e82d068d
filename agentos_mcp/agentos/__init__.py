"""AgentOS as a Python library: one HTTP client, the run engine, the catalog. Knows nothing of MCP."""
