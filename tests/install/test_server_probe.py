"""Servers are probed as a client starts them, and every line on their pipes is read."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest
from mcp.client.stdio import get_default_environment

from agentos_mcp import __version__
from agentos_mcp.agentos.runs.run import KINDS
from agentos_mcp.install.client_entry import ResolvedCommand
from agentos_mcp.install.launch_command import server_command
from agentos_mcp.install.server_probe import AgentOSStatus, ProbeProblem, ProbeResult, ServerProber, probe_server
from tests._support.doctor_checks import UNUSED_URL
from tests._support.foreign_programs import SERVE, executable, mcp_server, program
from tests._support.foreign_servers import hung_port

pytestmark = pytest.mark.anyio


async def probe(command: list[str], seconds: float = 20.0, **variables: str) -> ProbeResult:
    return await probe_server(command, {**get_default_environment(), **variables}, seconds)


class TestOwnServer:
    async def test_own_server_prints_only_the_protocol(self, sample_agentos: str) -> None:
        result = await probe([*server_command(), "serve", "--url", sample_agentos])
        assert result.tools
        assert "run_agent" in result.tools
        assert (result.stray_lines, result.problem, result.is_foreign_server) == ([], None, False)
        assert result.version == __version__
        assert result.agentos is not None
        assert result.agentos.status is AgentOSStatus.OK
        assert min(result.agentos.counts[kind] for kind in KINDS) > 0
        assert 0 < result.seconds < 20

    async def test_own_server_reports_an_unreachable_agentos(self) -> None:
        result = await probe([*server_command(), "serve", "--url", UNUSED_URL])
        assert result.agentos is not None
        assert (result.agentos.status, result.agentos.error_type) == (AgentOSStatus.UNUSABLE, "Unreachable")
        assert result.agentos.error_message.startswith(f"No AgentOS answers at {UNUSED_URL}.")
        assert result.tools, "they are listed all the same"

    async def test_own_server_reports_a_missing_token(self, locked_agentos: str) -> None:
        result = await probe([*server_command(), "serve", "--url", locked_agentos])
        assert result.agentos is not None
        assert result.agentos.error_type == "Unauthorized"
        assert result.agentos.needs_other_token

    async def test_own_server_reports_a_slow_agentos(self) -> None:
        with hung_port() as port:
            result = await probe([*server_command(), "serve", "--url", f"http://127.0.0.1:{port}"])
        assert result.agentos is not None
        assert result.agentos.status is AgentOSStatus.SLOW
        assert result.tools

    async def test_own_server_prints_an_invalid_setting_last(self) -> None:
        result = await probe([*server_command(), "serve"], AGENTOS_MCP_TIMEOUT="no")
        assert result.problem is ProbeProblem.NO_SESSION
        assert result.last_error_line == "AGENTOS_MCP_TIMEOUT='no' cannot be used: use a number from 1 to 3600"


class TestOtherPrograms:
    async def test_stray_lines_are_kept_before_and_after_messages(self) -> None:
        command = mcp_server("one", before="print('Hello!', flush=True)", after="print('Good', 'bye')")
        result = await probe(command)
        assert result.stray_lines == ["Hello!", "Good bye"]
        assert result.tools == ("one",)

    async def test_stray_lines_before_our_server_are_kept(self, sample_agentos: str) -> None:
        command = program(f"print('Loading...', flush=True)\n{SERVE}")
        result = await probe([*command, "--url", sample_agentos])
        assert result.stray_lines == ["Loading..."]
        assert result.tools

    async def test_stray_lines_include_json_that_is_no_message(self) -> None:
        result = await probe(mcp_server(before="print('[1]'); print('{}', flush=True)"))
        assert result.stray_lines == ["[1]", "{}"]

    async def test_stray_lines_include_a_line_without_an_end(self) -> None:
        result = await probe(program("print('half a line', end='')"))
        assert result.stray_lines == ["half a line"]
        assert result.problem is ProbeProblem.NO_SESSION

    async def test_last_error_line_is_read_from_a_program_that_ends(self) -> None:
        result = await probe(program("sys.exit('no room')"))
        assert (result.problem, result.last_error_line) == (ProbeProblem.NO_SESSION, "no room")

    async def test_last_error_line_has_no_frame_of_a_traceback(self) -> None:
        result = await probe(program("raise ExceptionGroup('two', [ValueError('one thing'), ValueError('another')])"))
        assert result.last_error_line == "ValueError: another"

    async def test_timeout_ends_a_silent_program(self) -> None:
        with connection_witness() as (hold_connection, has_ended):
            began = time.monotonic()
            result = await probe(program(f"sys.stdin.read(); {hold_connection}"), seconds=2.0)
            assert result.problem is ProbeProblem.TIMEOUT
            assert time.monotonic() - began < 15
            assert has_ended()

    @pytest.mark.skipif(sys.platform == "win32", reason="groups of processes as POSIX has them")
    async def test_end_kills_child_processes(self) -> None:
        with connection_witness() as (hold_connection, has_ended):
            child = f"import time; {hold_connection}"
            await probe(program(f"import subprocess; subprocess.run([sys.executable, '-c', {child!r}])"), seconds=3.0)
            assert has_ended()

    async def test_error_response_is_no_session(self) -> None:
        refusal = '{"jsonrpc": "2.0", "id": 1, "error": {"code": -32600, "message": "no"}}'
        result = await probe(program(f"sys.stdin.readline(); print({refusal!r}, flush=True); sys.stdin.read()"))
        assert result.problem is ProbeProblem.NO_SESSION

    async def test_tools_of_a_long_list_are_complete(self) -> None:
        names = [f"tool_{number}_{'x' * 200}" for number in range(2000)]
        result = await probe(mcp_server(*names))
        assert result.tools == tuple(names)

    async def test_missing_program_is_not_executable(self, tmp_path: Path) -> None:
        assert (await probe([str(tmp_path / "nothing")])).problem is ProbeProblem.NOT_EXECUTABLE

    @pytest.mark.skipif(sys.platform == "win32", reason="a script's first line means nothing there")
    async def test_script_without_interpreter_is_not_executable(self, tmp_path: Path) -> None:
        script = executable(tmp_path / "agentos-mcp", interpreter=str(tmp_path / "old" / "python"))
        assert (await probe([str(script)])).problem is ProbeProblem.NOT_EXECUTABLE


@contextlib.contextmanager
def connection_witness() -> Iterator[tuple[str, Callable[[], bool]]]:
    """Code that keeps a connection open, and a function that waits for the end of the process that runs the code."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()

        def has_ended() -> bool:
            listener.settimeout(10)
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(10)
                return connection.recv(1) == b""

        yield f"import socket; held = socket.create_connection({address!r}); time.sleep(600)", has_ended


class TestServerProber:
    async def test_server_prober_starts_equal_commands_once(self, tmp_path: Path) -> None:
        path = tmp_path / "starts"
        command = mcp_server("one", before=f"open({str(path)!r}, 'a').write('x')")
        prober = ServerProber()
        same = ResolvedCommand(command[0], tuple(command[1:]), {})
        other = ResolvedCommand(command[0], tuple(command[1:]), {"COLOR": "red"})
        async with anyio.create_task_group() as tasks:
            for command_to_start in (same, same, other, same):
                tasks.start_soon(prober.probe, command_to_start, os.environ["PATH"])
        assert path.read_text() == "xx"

    async def test_server_prober_sets_variables_and_path(self) -> None:
        code = 'sys.exit(f\'{os.environ["PATH"]} {os.environ["COLOR"]} {os.getcwd()}\')'
        command = program(code)
        prober = ServerProber(environment={"PATH": "not this"})
        result = await prober.probe(ResolvedCommand(command[0], tuple(command[1:]), {"COLOR": "red"}), "/a/path")
        assert result.last_error_line == f"/a/path red {Path.cwd().anchor}"
