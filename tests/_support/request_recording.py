"""What is asked of an AgentOS, as its client was told to ask it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from agentos_mcp.agentos.client import AgentOS


@dataclass(frozen=True)
class Request:
    """One request: its path template and whatever goes with it, None where there is no such part."""

    method: str
    template: str
    query: Mapping[str, Any]
    form: Mapping[str, Any] | None = None
    json: Any = None

    @property
    def endpoint(self) -> str:
        return f"{self.method} {self.template}"


@contextmanager
def recording() -> Iterator[list[Request]]:
    """All requests of all clients while it is open, in the order in which they were begun."""
    recorded: list[Request] = []
    request, stream = AgentOS.request, AgentOS.stream

    async def recorded_request(
        self: AgentOS, method: str, template: str, *values: Any, query: Any = None, form: Any = None, **more: Any
    ) -> Any:
        fields = _fields(form, more.get("files"))
        recorded.append(Request(method, template, dict(query or {}), fields, more.get("json")))
        return await request(self, method, template, *values, query=query, form=form, **more)

    def recorded_stream(
        self: AgentOS, template: str, values: Any, form: Any, **more: Any
    ) -> AbstractAsyncContextManager[Any]:
        recorded.append(Request("POST", template, {}, _fields(form, more.get("files"))))
        return stream(self, template, values, form, **more)

    with patch.object(AgentOS, "request", recorded_request), patch.object(AgentOS, "stream", recorded_stream):
        yield recorded


def _fields(form: Mapping[str, str] | None, files: list[tuple[str, Any]] | None) -> dict[str, Any] | None:
    """A form's fields; of a list of files, one stands for all."""
    if not form and not files:
        return None
    return {**(form or {}), **{name: [content] for name, content in files or ()}}
