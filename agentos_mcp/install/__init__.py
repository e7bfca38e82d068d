"""`agentos-mcp install`: adds agentos-mcp to the configurations of MCP clients, or removes it: see `installation`."""
