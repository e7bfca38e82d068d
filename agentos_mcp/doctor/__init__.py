"""`agentos-mcp doctor`: what works, what does not, and the command that mends it."""
