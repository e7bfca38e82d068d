"""The metrics of the server in Prometheus's format. Imported only where they are asked for."""

from __future__ import annotations

from collections.abc import Callable

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.observation import ObservedRequest, Observer
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.server.telemetry.tool_calls import ToolCall
from agentos_mcp.settings.settings import MissingExtraError

try:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
except ImportError as error:
    raise MissingExtraError("--metrics-address", "operation", error.name or "") from None

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
_REQUEST_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_RUN_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)


class PrometheusMetrics(Observer):
    """Counts calls, runs and requests. Every label has few values: none is an id, or anything that a client says."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._calls = Counter("agentos_mcp_tool_calls", "Calls of tools.", ["tool", "outcome"], registry=self._registry)
        self._runs = Histogram(
            "agentos_mcp_run_duration_seconds",
            "How long runs took that were started or continued here, until they ended or paused.",
            ["kind", "outcome"],
            buckets=_RUN_SECONDS,
            registry=self._registry,
        )
        self._requests = Histogram(
            "agentos_mcp_agentos_request_duration_seconds",
            "How long AgentOS took for a request; for a stream, until it began.",
            ["method", "outcome"],
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )

    def add_gauge(self, name: str, description: str, count: Callable[[], int]) -> None:
        """`count` is called whenever the metrics are read."""
        Gauge(name, description, registry=self._registry).set_function(count)

    def render(self) -> bytes:
        """All metrics as of now."""
        return generate_latest(self._registry)

    def call_ended(self, call: ToolCall) -> None:
        self._calls.labels(call.tool, call.outcome.value).inc()

    def request_ended(self, request: ObservedRequest) -> None:
        self._requests.labels(request.method, request_outcome(request)).observe(request.response_seconds)

    def run_ended(self, ref: RunRef, outcome: str, seconds: float) -> None:
        self._runs.labels(ref.kind, outcome).observe(seconds)


def request_outcome(request: ObservedRequest) -> str:
    """`2xx` to `5xx` by its status; `unreachable`, `cancelled` or `error` where no response came."""
    if request.status:
        return f"{request.status // 100}xx"
    if request.error is None or isinstance(request.error, AgentOSError):
        return "unreachable"
    return "error" if isinstance(request.error, Exception) else "cancelled"
