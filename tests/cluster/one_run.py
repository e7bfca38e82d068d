"""One run through the cluster, from its start to its end, whatever dies on the way; as a patient client does it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, ElicitResult, InputRequiredResult, InputResponses

from tests._support.mcp_client import words
from tests.cluster.services import Cluster

_CALL_SECONDS = 60.0
_AWAY_SECONDS = 120.0
"""How long nothing may answer before a run is given up."""
_NOT_STARTED_SECONDS = 25.0
"""How long a run must be unknown before it is started again: a replica may still be repeating a start that broke."""
_MAX_STARTS = 4
_REFERENCE = re.compile(r"(?:agent/counter|workflow/gated)/[\w-]+/[\w-]+")
_ENDED = re.compile(r"^(completed|failed|cancelled)\b", re.MULTILINE)


@dataclass
class RunReport:
    """What became of one run."""

    number: int
    reference: str = ""
    statuses: list[str] = field(default_factory=list)
    """As each replica tells it at the end."""
    is_answered: bool = False
    is_answered_by_form: bool = False
    """On another replica than the one that asked, with what that one had sealed."""
    starts: int = 0
    broken_calls: int = 0
    problem: str = ""

    @property
    def is_workflow(self) -> bool:
        return self.number % 2 == 1

    @property
    def session(self) -> str:
        return f"session-{self.number}"

    @property
    def tag(self) -> str:
        return f"tag-{self.number}x"


class PatientClient:
    """Brings one run to its end, and looks at it on each replica."""

    def __init__(self, cluster: Cluster, report: RunReport) -> None:
        self._cluster = cluster
        self.report = report

    async def run_to_end(self) -> None:
        """Nothing is raised: the report says what went wrong."""
        try:
            with anyio.fail_after(5 * _AWAY_SECONDS):
                await self._start()
                await self._follow()
                for replica in self._cluster.replica_addresses:
                    self.report.statuses.append(_status(await self._answered("get_run", replica, wait=45)))
        except (TimeoutError, AssertionError) as error:
            self.report.problem = str(error) or "it took too long"

    async def _start(self) -> None:
        """Start it once, whatever breaks: its session, whose id is ours, finds a run whose start was cut off."""
        report = self.report
        kind, component = ("workflow", "gated") if report.is_workflow else ("agent", "counter")
        arguments = {f"{kind}_id": component, "message": f"go, {report.tag}", "session_id": report.session}
        while not report.reference:
            report.starts += 1
            assert report.starts <= _MAX_STARTS, "it could not be started"
            if report.number % 4 == 1:
                await self._start_and_answer_form(f"run_{kind}", arguments | {"wait": 45})
            else:
                result = await self._call(f"run_{kind}", self._cluster.address, arguments | {"wait": 0})
                if isinstance(result, CallToolResult) and (found := _REFERENCE.search(words(result))):
                    report.reference = found.group()
            report.reference = report.reference or await self._find()

    async def _start_and_answer_form(self, tool: str, arguments: dict[str, Any]) -> None:
        """Let one replica start the run and ask, and another one take the answer."""
        first = self.report.number // 4 % len(self._cluster.replicas)
        addresses = self._cluster.replica_addresses
        asked = await self._call(tool, addresses[first], arguments)
        if not isinstance(asked, InputRequiredResult):
            return
        given: InputResponses = {
            key: ElicitResult(action="accept", content={"approve": True}) for key in asked.input_requests or {}
        }
        self.report.is_answered = True
        answered = await self._call(tool, addresses[first - 1], arguments, given, asked.request_state)
        if isinstance(answered, CallToolResult) and not answered.is_error:
            self.report.is_answered_by_form = True

    async def _find(self) -> str:
        """The reference of the session's run; '' where there is none for so long that there will be none."""
        deadline = anyio.current_time() + _NOT_STARTED_SECONDS
        while anyio.current_time() < deadline:
            result = await self._call("list_runs", self._cluster.address, {"session_id": self.report.session})
            if isinstance(result, CallToolResult) and (found := _REFERENCE.search(words(result))):
                return found.group()
            await anyio.sleep(1)
        return ""

    async def _follow(self) -> None:
        """Until the run has ended; what it asks is answered on the replicas in turn."""
        replica = self.report.number
        while True:
            text = await self._answered("get_run", self._cluster.address, wait=20)
            key = re.search(r"^- (gate-\w+):", text, re.MULTILINE)
            if text.startswith("paused: ") and key:
                replica += 1
                address = self._cluster.replica_addresses[replica % len(self._cluster.replicas)]
                # An answer whose call breaks may have arrived: the next look tells.
                await self._call(
                    "continue_run",
                    address,
                    {"run": self.report.reference, "answers": {key[1]: True}, "wait": 20},
                )
                self.report.is_answered = True
            elif not text.startswith("Still running"):
                assert _status(text), f"its end is not understood: {text[:500]}"
                return

    async def _answered(self, tool: str, address: str, **arguments: Any) -> str:
        """What a server says of the run, called until it says something of it."""
        deadline = anyio.current_time() + _AWAY_SECONDS
        text = "no answer"
        while anyio.current_time() < deadline:
            result = await self._call(tool, address, {"run": self.report.reference} | arguments)
            if isinstance(result, CallToolResult):
                text = words(result)
                if not result.is_error or _status(text):
                    return text
            await anyio.sleep(0.5)
        raise AssertionError(f"nothing but this for {_AWAY_SECONDS:.0f} s: {text[:500]}")

    async def _call(
        self,
        tool: str,
        address: str,
        arguments: dict[str, Any],
        responses: InputResponses | None = None,
        request_state: str | None = None,
    ) -> object:
        """The result of one call; None where it breaks."""
        try:
            with anyio.fail_after(_CALL_SECONDS):
                async with self._client(address) as client:
                    return await client.session.call_tool(
                        tool,
                        arguments,
                        input_responses=responses,
                        request_state=request_state,
                        allow_input_required=True,
                    )
        except Exception:  # the SDK raises many kinds of them, in groups too, when its server is gone
            self.report.broken_calls += 1
            return None

    @asynccontextmanager
    async def _client(self, address: str) -> AsyncIterator[Client]:
        """A client from an address of this run's own, by which nginx chooses the replica."""
        number = self.report.number
        transport = httpx2.AsyncHTTPTransport(local_address=f"127.0.{1 + number // 250}.{2 + number % 250}")
        async with httpx2.AsyncClient(transport=transport, timeout=_CALL_SECONDS) as http:
            era = "auto" if number % 4 == 1 else ("legacy", "auto")[number // 4 % 2]
            streams = streamable_http_client(address, http_client=http)
            async with Client(streams, mode=era, elicitation_callback=_nobody) as client:
                yield client


async def _nobody(context: object, params: object) -> ElicitResult:
    """Makes the client say that it can ask; in the era that asks within a call, the person closes the form."""
    return ElicitResult(action="cancel")


def _status(text: str) -> str:
    """How the run ended, as a result says it; '' where it has not ended."""
    return found[1] if (found := _ENDED.search(text)) else ""
