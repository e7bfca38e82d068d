"""Errors as every command prints them: a line on standard error, and with --json a document on standard output.

`serve` prints its errors with this too: nothing heavy is imported before there is an error.
"""

from __future__ import annotations

import sys

from agentos_mcp.agentos.plain_text import strip_control_chars
from agentos_mcp.settings import Settings


def print_error(
    message: str, next_step: str = "", *, as_json: bool, prog: str = "agentos-mcp", settings: Settings | None = None
) -> None:
    """Print what went wrong and what to do; with `settings` the document names the AgentOS that was asked."""
    if as_json:
        from agentos_mcp.terminal.output import print_json

        print_json({"error": message, "next": next_step}, settings)
    print(strip_control_chars(f"{prog}: {message} {next_step}".rstrip()), file=sys.stderr)
