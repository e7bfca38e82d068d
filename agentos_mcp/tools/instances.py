"""The AgentOSes of a server that has several, and how they are. It is in no toolset that one AgentOS has."""

from __future__ import annotations

import anyio

from agentos_mcp.agentos.errors import AgentOSError, Unreachable
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.runs.run import KINDS
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.results import Table
from agentos_mcp.tooling.tool_spec import Toolset, ToolSpec

_TIMEOUT_SECONDS = 3.0
_MAX_PROBLEM_LENGTH = 140


async def list_instances(ctx: ToolContext) -> Table:
    """The AgentOSes, and whether each answers."""
    access = "read-only" if ctx.settings.read_only else "read and write"
    try:
        with anyio.fail_after(_TIMEOUT_SECONDS):
            inventory = await ctx.catalog.inventory(fresh=True, retry=False)
    except TimeoutError:
        problem: AgentOSError | None = Unreachable(f"It did not answer within {_TIMEOUT_SECONDS:.0f} s.")
    except AgentOSError as error:
        problem = error
    else:
        problem = None
    counts = [len(inventory.of(kind)) if problem is None else None for kind in KINDS]
    return Table(
        ("status", "access", "address", "agents", "teams", "workflows", "problem"),
        [
            (
                "answers" if problem is None else "cannot be used",
                access,
                ctx.agent_os.display_url,
                *counts,
                one_line(problem.message, max_length=_MAX_PROBLEM_LENGTH) if problem is not None else "",
            )
        ],
        empty="",
    )


TOOLSET = Toolset(
    "instances",
    "",
    ToolSpec(
        list_instances,
        endpoint="",
        title="List instances",
        read_only=True,
        destructive=False,
        idempotent=True,
        open_world=False,
        default=True,
        waits_for_all=True,
    ),
)
