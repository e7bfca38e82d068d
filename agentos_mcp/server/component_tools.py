"""Tools of single components, kept in step with the AgentOS that has them."""

from __future__ import annotations

import logging

import anyio
from mcp.server.mcpserver.tools import Tool

from agentos_mcp.agentos.catalog import MANY, Component
from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.server.component_tool import exposed, exposed_tools
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.context import Backend
from agentos_mcp.tooling.mcp_tool import mcp_tool

log = logging.getLogger(__name__)

_SECONDS = 2.0
"""How long a list of tools waits for an AgentOS that is slow."""


class ComponentTools:
    """One tool for each component that the settings expose, as of the last `refresh`."""

    def __init__(self, settings: Settings, taken: frozenset[str]) -> None:
        self.tools: dict[str, Tool] = {}
        self.missing: list[str] = []
        self._settings = settings
        self._wanted = () if settings.read_only else settings.expose
        self._taken = taken
        self._components: list[Component] = []
        self._lock = anyio.Lock()

    @property
    def on(self) -> bool:
        return bool(self._wanted)

    async def refresh(self, backend: Backend | None) -> bool:
        """Look at what AgentOS has now; True where the tools are others than before.

        An AgentOS that does not answer leaves them as they are.
        """
        if backend is None or not self.on:
            return False
        with anyio.move_on_after(_SECONDS):
            async with self._lock:
                try:
                    contents = await backend.catalog.inventory(retry=False)
                    if len(contents.components) < MANY:
                        components, self.missing = exposed(self._wanted, contents)
                    else:
                        components, self.missing = await anyio.to_thread.run_sync(exposed, self._wanted, contents)
                    if components == self._components:
                        return False
                    declared = await exposed_tools(backend.catalog, components, self._taken)
                    tools = {tool.name: mcp_tool(tool, self._settings) for tool in declared}
                except AgentOSError as error:
                    log.warning("What to expose is not known: %s", error)
                    return False
                except Exception:
                    log.exception("What to expose could not be read")
                    return False
                self.tools = tools
                self._components = components
                return True
        return False
