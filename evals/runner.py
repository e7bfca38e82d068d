"""Plays requests on a fresh AgentOS, and checks what became of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass

import httpx

from agentos_mcp.demo.host_process import demo_agentos
from evals.checks import AgentOSReader, Outcome
from evals.eval_agentos import start_present
from evals.players import Player
from evals.requests import Request, Toolsets
from evals.toolbox import connect
from evals.transcript import Transcript

BUILD_FUNCTION = "evals.eval_agentos:build"
_TIMEOUT_SECONDS = 30.0
_TOOLSETS: tuple[Toolsets, ...] = ("default", "all")


@dataclass(frozen=True)
class PlayedRequest:
    request: Request
    transcript: Transcript
    problems: tuple[str, ...]
    """What is wrong with the outcome; empty where it is right."""


@dataclass(frozen=True)
class EvalAgentOS:
    """A running AgentOS of the evals."""

    url: str
    http: httpx.AsyncClient

    async def component_kinds(self) -> dict[str, str]:
        """The kind of each component by its id."""
        kinds: dict[str, str] = {}
        for kind in ("agent", "team", "workflow"):
            response = await self.http.get(f"/{kind}s")
            response.raise_for_status()
            kinds |= {str(component["id"]): kind for component in response.json()}
        return kinds


@asynccontextmanager
async def run_eval_agentos(
    host: Callable[..., AbstractContextManager[str]] = demo_agentos,
) -> AsyncIterator[EvalAgentOS]:
    """A fresh AgentOS with its past, and with what goes on in it at present; `host(build=FUNCTION)` runs it."""
    with host(build=BUILD_FUNCTION) as url:
        async with httpx.AsyncClient(base_url=url, timeout=_TIMEOUT_SECONDS) as http:
            await start_present(http)
            yield EvalAgentOS(url, http)


async def play_requests(
    agentos: EvalAgentOS,
    player: Player,
    requests: Sequence[Request],
    on_played: Callable[[PlayedRequest], None] | None = None,
) -> list[PlayedRequest]:
    """Play the requests, those with the default tools first: a server process for each choice of tools.

    `on_played` hears of each as soon as it is done.
    """
    played_requests: list[PlayedRequest] = []
    reader = AgentOSReader(agentos.http)
    for toolsets in _TOOLSETS:
        selected = [request for request in requests if request.toolsets == toolsets]
        if not selected:
            continue
        async with connect(agentos.url, toolsets) as toolbox:
            for request in selected:
                transcript = await player.play(request, toolbox)
                outcome = Outcome(transcript, reader)
                problems = [transcript.failure, *[await check(outcome) for check in request.checks]]
                played_requests.append(PlayedRequest(request, transcript, tuple(filter(None, problems))))
                if on_played:
                    on_played(played_requests[-1])
    return played_requests
