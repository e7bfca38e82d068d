"""Signals and ended processes on Windows: Ctrl-C and Ctrl-Break stop the server, children end with their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import anyio
import pytest
from anyio.abc import Process

from agentos_mcp.doctor.startup_failures import describe_exit
from agentos_mcp.install import server_probe
from agentos_mcp.server.stop_signals import wait_for_stop_signal
from agentos_mcp.terminal.interrupts import catch_interrupts
from tests._support.windows import windows

pytestmark = pytest.mark.anyio

STAND_IN = signal.SIGUSR1
"""For SIGBREAK, which only Windows has."""


@pytest.fixture(autouse=True)
def loop_without_signal_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Event loops as they are on Windows."""

    def add_signal_handler(*_: Any) -> NoReturn:
        raise NotImplementedError

    monkeypatch.setattr(asyncio.SelectorEventLoop, "add_signal_handler", add_signal_handler)
    monkeypatch.setattr(signal, "SIGBREAK", STAND_IN, raising=False)


@pytest.mark.parametrize("number", [signal.SIGINT, STAND_IN])
async def test_stop_signal_is_received_where_the_event_loop_has_no_handlers(number: signal.Signals) -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, STAND_IN)]
    received: list[int] = []

    async def wait(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        received.append(await wait_for_stop_signal(task_status=task_status))

    with windows(), anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            await tasks.start(wait)
            signal.raise_signal(number)
            signal.raise_signal(number)
    assert received == [number]
    assert [signal.getsignal(each) for each in (signal.SIGINT, STAND_IN)] == handlers


async def test_stop_signals_are_as_before_where_nobody_waits_any_more() -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, STAND_IN)]
    with windows():
        async with anyio.create_task_group() as tasks:
            await tasks.start(wait_for_stop_signal)
            assert signal.getsignal(STAND_IN) not in handlers
            tasks.cancel_scope.cancel()
    assert [signal.getsignal(each) for each in (signal.SIGINT, STAND_IN)] == handlers


async def test_ctrl_c_is_counted_where_the_event_loop_has_no_handlers() -> None:
    with windows(), catch_interrupts() as interrupts, anyio.fail_after(10):
        signal.raise_signal(signal.SIGINT)
        await interrupts.wait_for(1)
        signal.raise_signal(signal.SIGINT)
        await interrupts.wait_for(2)


@pytest.mark.parametrize("is_asked", [True, False])
async def test_process_ends_with_its_children(is_asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    async def run_process(command: list[str], *, check: bool) -> None:
        assert not check, "it fails where the process has ended by itself"
        commands.append(command)

    monkeypatch.setenv("SYSTEMROOT", r"D:\Windows")
    monkeypatch.setattr(anyio, "run_process", run_process)
    with windows():
        await server_probe._kill_with_children(cast("Process", SimpleNamespace(pid=4711)), is_asked=is_asked)
    assert commands == [[r"D:\Windows\System32\taskkill.exe", "/F", "/T", "/PID", "4711"]]


async def test_process_ends_alone_where_the_system_cannot_end_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []

    async def run_process(command: list[str], *, check: bool) -> NoReturn:
        raise FileNotFoundError(command[0])

    monkeypatch.setattr(anyio, "run_process", run_process)
    with windows():
        process = SimpleNamespace(pid=4711, kill=lambda: killed.append(4711))
        await server_probe._kill_with_children(cast("Process", process), is_asked=False)
    assert killed == [4711]


async def test_no_process_of_posix_is_named_when_a_server_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {}

    async def open_process(command: list[str], **given: Any) -> NoReturn:
        options.update(given)
        raise FileNotFoundError(2, os.strerror(2))

    monkeypatch.setattr(anyio, "open_process", open_process)
    with windows():
        result = await server_probe.probe_server(["agentos-mcp", "serve"], {})
    assert result.problem is server_probe.ProbeProblem.NOT_EXECUTABLE
    assert options["start_new_session"] is False
    assert options["stderr"] == subprocess.PIPE


def test_exit_code_of_windows_is_told_as_it_is() -> None:
    assert describe_exit(0xC000013A) == " (exit code 3221225786)"
