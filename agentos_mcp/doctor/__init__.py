"""`agentos-mcp doctor`: what works, what does not, and how to fix it: see `diagnosis`."""
