"""What people get agentos-mcp as, beside its wheel: a bundle, an entry in the registry, links that install it."""
