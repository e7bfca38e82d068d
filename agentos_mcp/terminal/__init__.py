"""The commands for people at a terminal: the same engine, tools and errors as the MCP server's."""
