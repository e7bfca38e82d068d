"""What directories and scanners of MCP servers publish as their criteria, applied to this server."""
