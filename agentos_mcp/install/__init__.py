"""Puts agentos-mcp into the configurations of MCP clients, and takes it out again: see `installation`."""
