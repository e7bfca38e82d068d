"""The exit codes of the commands, and what decides them. Nothing heavy is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agentos_mcp.agentos.errors import AgentOSError
    from agentos_mcp.agentos.runs.run import RunState

FAILED = 1
"""The run, one of its steps, or the connection failed."""
USAGE = 2
"""The command line is invalid: an unknown flag, a missing file, a value that is not allowed."""
PAUSED = 3
"""The run is paused and nobody could be asked."""
INTERRUPTED = 130
"""Ctrl-C; what a shell reports for SIGINT."""
BROKEN_PIPE = 141
"""The reader of standard output is gone; what a shell reports for SIGPIPE."""


def exit_code_for_run(state: RunState) -> int:
    """0 for a completed run without a failed step; a run that was cancelled elsewhere is a failure."""
    from agentos_mcp.agentos.runs.run import Status

    if state.status is Status.PAUSED:
        return PAUSED
    return 0 if state.status is Status.COMPLETED and not state.failed_steps else FAILED


def exit_code_for_error(error: AgentOSError) -> int:
    """USAGE for a request that was refused before anything was sent, else FAILED."""
    from agentos_mcp.agentos.errors import InvalidRequest

    return USAGE if isinstance(error, InvalidRequest) and not error.status else FAILED
