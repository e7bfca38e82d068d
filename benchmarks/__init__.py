"""Ratios of agentos-mcp to what it is measured against, side by side in one run: `python -m benchmarks`."""
