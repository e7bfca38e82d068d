"""Builds the MCP server and serves it over stdio or streamable HTTP."""
