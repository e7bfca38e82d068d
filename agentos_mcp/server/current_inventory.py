"""What an AgentOS has, for lists that must not wait long for it."""

from __future__ import annotations

import logging

import anyio

from agentos_mcp.agentos.catalog import Component, Inventory
from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.http_errors import READING_ERRORS
from agentos_mcp.agentos.runs.run import KINDS
from agentos_mcp.tooling.context import ToolContext

log = logging.getLogger(__name__)

SECONDS = 2.0


async def glance(ctx: ToolContext) -> Inventory | None:
    """What AgentOS has now; where it does not answer soon, what it had before, None where that is not known."""
    try:
        with anyio.fail_after(SECONDS):
            return await ctx.catalog.inventory(retry=False)
    except AgentOSError as error:
        log.info("Listed without the components of the AgentOS: %s", error)
    except TimeoutError:
        log.info("Listed without the components of the AgentOS: it is slow to answer.")
    except READING_ERRORS:
        log.exception("Listed without the components of the AgentOS: they could not be read")
    return ctx.catalog.known


def in_order(contents: Inventory) -> list[Component]:
    """The components by kind and id: in the same order as long as they are the same."""
    return sorted(contents.components, key=lambda one: (KINDS.index(one.kind), one.id))
