"""The AgentOSes that tests share: each is started once, when it is first asked for, and ended with the session."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from agentos_mcp.demo.host_process import DEMO_BUILD_FUNCTION
from tests._support.process_use import shared
from tests._support.running_agentos import running_agentos


class AgentOSPool:
    """Running AgentOSes by what makes them. Leaving its context ends them all.

    A test that counts on what an AgentOS holds from the beginning, or ends it, starts its own.
    """

    def __init__(self) -> None:
        self._urls: dict[object, str] = {}
        self._stacks: list[ExitStack] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Each takes a moment to end: all do so at once.
        with ThreadPoolExecutor(max_workers=max(1, len(self._stacks))) as threads:
            for ended in [threads.submit(stack.close) for stack in self._stacks]:
                ended.result()

    def url(self, module: str, function: str = "build", environment: Mapping[str, str] | None = None) -> str:
        """The address of the AgentOS that a function of `tests._support.agentos.MODULE` makes in that environment."""
        return self._url(f"tests._support.agentos.{module}:{function}", 1.0, environment or {})

    def sample(self) -> str:
        """The address of the AgentOS with a component for every behavior, whose process is no test's own."""
        with shared():
            return self.url("sample")

    def demo(self) -> str:
        """The address of the AgentOS that people are shown, without its pauses."""
        return self._url(DEMO_BUILD_FUNCTION, 0, {})

    def _url(self, build: str, pace: float, environment: Mapping[str, str]) -> str:
        key = (build, pace, *sorted(environment.items()))
        if key not in self._urls:
            host = running_agentos(build=build, pace=pace, environment=environment)
            stack = ExitStack()
            self._urls[key] = stack.enter_context(host)
            self._stacks.append(stack)
        return self._urls[key]
