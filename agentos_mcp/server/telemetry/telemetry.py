"""All that a server tells those who operate it, by its settings: nothing is imported that is not asked for."""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread

from agentos_mcp.agentos.observation import Observer, WriteRecorder
from agentos_mcp.server.telemetry.tool_calls import ToolCall, ToolCalls
from agentos_mcp.settings import Settings

if TYPE_CHECKING:
    from agentos_mcp.server.mcp_server import AgentOSServer
    from agentos_mcp.server.telemetry.audit_log import AuditLog
    from agentos_mcp.server.telemetry.open_telemetry import Exporters
    from agentos_mcp.server.telemetry.prometheus import PrometheusMetrics

_LAST_EXPORT_SECONDS = 1.0
"""How long a server that ends waits for its last traces and metrics to be sent."""


class Telemetry:
    """What one server tells. Raises SettingsError for what cannot be written, served or imported."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.observers: list[Observer] = []
        """To be told of the requests to AgentOS and of runs."""
        self._listeners: list[Callable[[ToolCall], None]] = []
        self._audit: AuditLog | None = None
        self._metrics: PrometheusMetrics | None = None
        self._metrics_listener: socket.socket | None = None
        self._exporters: Exporters | None = None
        self._uses_open_telemetry = False
        if settings.audit_log:
            from agentos_mcp.server.telemetry.audit_log import AuditLog

            self._audit = AuditLog(settings.audit_log)
            self._listeners.append(self._audit)
            self.observers.append(WriteRecorder())
        if settings.metrics_address is not None:
            self._add_metrics(*settings.metrics_address)
        if settings.opentelemetry or settings.propagate_trace_context or _is_instrumented():
            self._add_open_telemetry()

    def _add_metrics(self, host: str, port: int) -> None:
        from agentos_mcp.server.http.listener import open_listener
        from agentos_mcp.server.telemetry.prometheus import PrometheusMetrics

        self._metrics = PrometheusMetrics()
        self._metrics_listener = open_listener(host, port, "--metrics-address")
        self._listeners.append(self._metrics.call_ended)
        self.observers.append(self._metrics)

    def _add_open_telemetry(self) -> None:
        from agentos_mcp.server.telemetry.open_telemetry import AgentOSRequests, Exporters

        if self._settings.opentelemetry:
            self._exporters = Exporters()
        self._uses_open_telemetry = self._settings.opentelemetry or _is_instrumented()
        self.observers.append(AgentOSRequests(propagates=self._settings.propagate_trace_context))

    @property
    def metrics_address(self) -> tuple[str, int] | None:
        """Where the metrics are served."""
        if self._metrics_listener is None:
            return None
        host, port = self._metrics_listener.getsockname()[:2]
        return host, port

    def middleware(self, server: AgentOSServer) -> list[Any]:
        """What every request of a client goes through, from the outside in."""
        middleware: list[Any] = []
        if self._uses_open_telemetry:
            from agentos_mcp.server.telemetry.open_telemetry import McpOperations

            middleware.append(McpOperations(server))
        if self._listeners:
            middleware.append(ToolCalls(server, self._settings, self._listeners))
        return middleware

    @asynccontextmanager
    async def serving(self, server: AgentOSServer) -> AsyncIterator[None]:
        """While it is open the audit log is written and the metrics are served."""
        async with AsyncExitStack() as stack:
            if self._exporters is not None:
                stack.push_async_callback(self._send_last, self._exporters)
            if self._audit is not None:
                self._audit.open()
                stack.callback(self._audit.close)
            if self._metrics is not None and self._metrics_listener is not None:
                from agentos_mcp.server.telemetry.metrics_endpoint import serving_metrics
                from agentos_mcp.server.telemetry.prometheus import CONTENT_TYPE

                for name, (description, count) in server.open_counts.items():
                    self._metrics.add_gauge(f"agentos_mcp_{name}", description, count)
                await stack.enter_async_context(
                    serving_metrics(self._metrics_listener, self._metrics.render, CONTENT_TYPE)
                )
            yield

    async def _send_last(self, exporters: Exporters) -> None:
        with anyio.move_on_after(_LAST_EXPORT_SECONDS, shield=True):
            await anyio.to_thread.run_sync(exporters.close, abandon_on_cancel=True)


def _is_instrumented() -> bool:
    """Whether whoever started this process has set up OpenTelemetry in it."""
    if "opentelemetry.sdk.trace" not in sys.modules:
        return False
    from agentos_mcp.server.telemetry.open_telemetry import is_set_up

    return is_set_up()
