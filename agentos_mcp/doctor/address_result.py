"""What one check learns and others wait for."""

from __future__ import annotations

import anyio


class Place:
    """Where an AgentOS is, and whether it can be used, once that is known."""

    def __init__(self) -> None:
        self._url = ""
        self._usable = False
        self._found = anyio.Event()
        self._examined = anyio.Event()

    def found(self, url: str) -> None:
        self._url = url
        self._found.set()

    def examined(self, *, usable: bool) -> None:
        self._usable = usable
        self._found.set()
        self._examined.set()

    async def url(self) -> str:
        """The URL; '' where there is none."""
        await self._found.wait()
        return self._url

    async def usable(self) -> bool:
        await self._examined.wait()
        return self._usable
