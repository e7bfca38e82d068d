"""Benchmarks of agentos-mcp against REST, a bare MCP server and AgentOS's own MCP: `python -m benchmarks`."""
