"""OpenTelemetry: spans and durations of the requests to AgentOS, and durations of the clients' requests.

The SDK makes the spans of the clients' requests. Names follow the semantic conventions of HTTP and of MCP.
Imported only where OpenTelemetry is set up, or a trace is to be passed on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult
from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from pydantic import ValidationError

from agentos_mcp import __version__
from agentos_mcp.agentos.observation import ObservedRequest, Observer
from agentos_mcp.server.telemetry.tool_calls import UNKNOWN_TOOL, bounded_tool_name
from agentos_mcp.settings.settings import MissingExtraError

INSTRUMENTATION = "agentos-mcp"
_OPERATION_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""As the conventions of MCP advise."""
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""As the conventions of HTTP advise."""
_MAX_TRACE_STATE_LENGTH = 512
"""Characters; clients may send any."""
_MAX_URI_LENGTH = 500
_METHODS = frozenset(
    {
        "completion/complete",
        "initialize",
        "logging/setLevel",
        "notifications/cancelled",
        "notifications/initialized",
        "notifications/progress",
        "notifications/roots/list_changed",
        "ping",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/subscribe",
        "resources/templates/list",
        "resources/unsubscribe",
        "server/discover",
        "subscriptions/listen",
        "tools/call",
        "tools/list",
    }
)
_OTHER = "_OTHER"
_RESOURCE_METHODS = ("resources/read", "resources/subscribe", "resources/unsubscribe")


def is_set_up() -> bool:
    """Whether this process has a provider of traces: by our own setting, or by whoever started it."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


class AgentOSRequests(Observer):
    """A client span for each request to AgentOS, and `http.client.request.duration`."""

    def __init__(self, *, propagates: bool) -> None:
        """`propagates`: AgentOS is told of the trace."""
        self._propagates = propagates
        self._tracer = trace.get_tracer(INSTRUMENTATION, __version__)
        self._duration = metrics.get_meter(INSTRUMENTATION, __version__).create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of requests to AgentOS; of a stream, until it began.",
            explicit_bucket_boundaries_advisory=_REQUEST_SECONDS,
        )

    def request_starts(self, request: ObservedRequest) -> Mapping[str, str]:
        span = self._tracer.start_span(
            f"{request.method} {request.route}",
            kind=SpanKind.CLIENT,
            attributes={"http.request.method": request.method, "url.template": request.route, **_server(request.url)},
        )
        request.notes[self] = span
        if request.attempt > 1:
            span.set_attribute("http.request.resend_count", request.attempt - 1)
        if not self._propagates:
            return {}
        headers: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(headers, trace.set_span_in_context(span))
        if len(headers.get("tracestate", "")) > _MAX_TRACE_STATE_LENGTH:
            del headers["tracestate"]
        return headers

    def request_ended(self, request: ObservedRequest) -> None:
        span: trace.Span = request.notes.pop(self)
        results: dict[str, str | int] = {}
        if request.status:
            results["http.response.status_code"] = request.status
        if request.status >= 400:
            results["error.type"] = str(request.status)
        elif request.error is not None:
            results["error.type"] = type(request.error).__qualname__
        if span.is_recording():
            span.set_attributes(results)
            if run_id := request.run_id:
                span.set_attribute("agentos.run_id", run_id)
            if "error.type" in results:
                span.set_status(Status(StatusCode.ERROR))
        span.end()
        attributes = {
            "http.request.method": request.method,
            "url.template": request.route,
            **_server(request.url),
            **results,
        }
        self._duration.record(request.response_seconds, attributes)


def _server(url: str) -> dict[str, str | int]:
    """Where an AgentOS is."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return {"server.address": parts.hostname or ""} | ({"server.port": port} if port else {})


class McpOperations:
    """Middleware: `mcp.server.operation.duration`, and what the SDK's span of a request does not have."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._duration = metrics.get_meter(INSTRUMENTATION, __version__).create_histogram(
            "mcp.server.operation.duration",
            unit="s",
            description="Duration of the requests and notifications of clients.",
            explicit_bucket_boundaries_advisory=_OPERATION_SECONDS,
        )

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        started_at = time.perf_counter()
        attributes = self._attributes(ctx)
        self._complete_span(ctx, attributes)
        try:
            result = await call_next(ctx)
            if ctx.method == "tools/call":
                match result:
                    case CallToolResult(is_error=True) | {"isError": True}:
                        attributes["error.type"] = "tool_error"
                    case _:
                        pass
            return result
        except MCPError as error:
            attributes["error.type"] = attributes["rpc.response.status_code"] = str(error.error.code)
            raise
        except ValidationError:
            attributes["error.type"] = "ValidationError"
            raise
        except BaseException as error:
            attributes["error.type"] = type(error).__qualname__
            raise
        finally:
            self._duration.record(time.perf_counter() - started_at, attributes)

    def _attributes(self, ctx: ServerRequestContext[Any, Any]) -> dict[str, str]:
        method = ctx.method if ctx.method in _METHODS else _OTHER
        attributes = {
            "mcp.method.name": method,
            "mcp.protocol.version": ctx.protocol_version or "",
            "network.transport": "pipe" if ctx.request is None else "tcp",
        }
        if ctx.request is not None:
            attributes["network.protocol.name"] = "http"
        if method == "tools/call":
            name = (ctx.params or {}).get("name")
            attributes["gen_ai.operation.name"] = "execute_tool"
            attributes["gen_ai.tool.name"] = bounded_tool_name(self._server, ctx, name if isinstance(name, str) else "")
        return attributes

    def _complete_span(self, ctx: ServerRequestContext[Any, Any], attributes: Mapping[str, str]) -> None:
        span = trace.get_current_span()
        if not span.is_recording():
            return
        names = ("network.transport", "network.protocol.name")
        span.set_attributes({name: attributes[name] for name in names if name in attributes})
        if ctx.request is not None and (session := ctx.request.headers.get("mcp-session-id")):
            span.set_attribute("mcp.session.id", session)
        if ctx.method in _RESOURCE_METHODS and isinstance(uri := (ctx.params or {}).get("uri"), str):
            span.set_attribute("mcp.resource.uri", uri[:_MAX_URI_LENGTH])
        is_bounded = ctx.method in _METHODS and attributes.get("gen_ai.tool.name") != UNKNOWN_TOOL
        if not is_bounded:
            # The SDK names it by what the client has sent, which may be anything.
            span.update_name(ctx.method if ctx.method in _METHODS else _OTHER)
            if ctx.method == "tools/call":
                span.set_attribute("gen_ai.tool.name", UNKNOWN_TOOL)


class Exporters:
    """Sends traces and metrics to a collector, over OTLP, as the standard OTEL_* variables say."""

    def __init__(self) -> None:
        """Raises MissingExtraError where what it takes is not installed."""
        self._providers: list[Any] = []
        if is_set_up():
            return
        try:
            from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.metrics import MeterProvider
            from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise MissingExtraError("--opentelemetry", "operation", error.name or "") from None
        # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say counts more.
        own = Resource({"service.name": INSTRUMENTATION, "service.version": __version__})
        given = Resource.create()
        named = str(given.attributes.get("service.name", "")).startswith("unknown_service")
        resource = given.merge(own) if named else own.merge(given)
        traces = TracerProvider(resource=resource)
        traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=resource)
        trace.set_tracer_provider(traces)
        metrics.set_meter_provider(meters)
        self._providers = [traces, meters]

    def close(self) -> None:
        """Send what is left. May take as long as the collector does."""
        for provider in self._providers:
            provider.shutdown()
