"""A server is started as a client starts it, and every word on its pipes is seen."""

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
from agentos_mcp.doctor.server_start import Started, Starter, started
from agentos_mcp.install.client_entry import Start
from agentos_mcp.install.server_command import server_command
from tests._support.doctor_checks import DOWN
from tests._support.foreign_programs import SERVE, answering, executable, program
from tests._support.foreign_servers import hung_port

pytestmark = pytest.mark.anyio


async def start(command: list[str], seconds: float = 20.0, **variables: str) -> Started:
    return await started(command, {**get_default_environment(), **variables}, seconds)


class TestOurServer:
    async def test_it_says_nothing_but_the_protocol(self, sample_agentos: str) -> None:
        found = await start([*server_command(), "serve", "--url", sample_agentos])
        assert found.tools
        assert "run_agent" in found.tools
        assert (found.strays, found.unusable, found.slow, found.missing, found.silent) == ([], "", False, False, False)
        assert found.version == __version__
        assert 0 < found.seconds < 20

    async def test_an_agentos_that_is_down_is_what_it_says(self) -> None:
        found = await start([*server_command(), "serve", "--url", DOWN])
        assert found.unusable.startswith(f"No AgentOS answers at {DOWN}.")
        assert found.tools, "they are there all the same"

    async def test_a_locked_agentos_is_what_it_says(self, locked_agentos: str) -> None:
        found = await start([*server_command(), "serve", "--url", locked_agentos])
        assert found.unusable.startswith("AgentOS wants a token, and none is set.")

    async def test_an_agentos_that_hangs_does_not_hang_it(self) -> None:
        with hung_port() as port:
            found = await start([*server_command(), "serve", "--url", f"http://127.0.0.1:{port}"])
        assert found.slow
        assert found.tools

    async def test_a_setting_that_it_cannot_use_is_its_last_word(self) -> None:
        found = await start([*server_command(), "serve"], AGENTOS_MCP_TIMEOUT="no")
        assert found.tools is None
        assert found.said == "AGENTOS_MCP_TIMEOUT='no' cannot be used: use a number from 1 to 3600"


class TestOtherPrograms:
    async def test_words_on_standard_output_are_kept_wherever_they_come(self) -> None:
        command = answering("one", before="print('Hello!', flush=True)", after="print('Good', 'bye')")
        found = await start(command)
        assert found.strays == ["Hello!", "Good bye"]
        assert found.tools == ("one",)

    async def test_words_before_the_real_server_are_kept(self, sample_agentos: str) -> None:
        command = program(f"print('Loading...', flush=True)\n{SERVE}")
        found = await start([*command, "--url", sample_agentos])
        assert found.strays == ["Loading..."]
        assert found.tools

    async def test_json_that_is_no_message_is_no_protocol(self) -> None:
        found = await start(answering(before="print('[1]'); print('{}', flush=True)"))
        assert found.strays == ["[1]", "{}"]

    async def test_a_line_without_an_end_is_seen(self) -> None:
        found = await start(program("print('half a line', end='')"))
        assert found.strays == ["half a line"]
        assert found.tools is None

    async def test_one_that_ends_is_quoted(self) -> None:
        found = await start(program("sys.exit('no room')"))
        assert (found.tools, found.said, found.silent) == (None, "no room", False)

    async def test_one_that_breaks_is_quoted_without_the_frame_of_its_traceback(self) -> None:
        found = await start(program("raise ExceptionGroup('two', [ValueError('one thing'), ValueError('another')])"))
        assert found.said == "ValueError: another"

    async def test_one_that_is_silent_is_given_up_and_gone(self) -> None:
        with witness() as (holding_on, is_gone):
            began = time.monotonic()
            found = await start(program(f"sys.stdin.read(); {holding_on}"), seconds=2.0)
            assert found.silent
            assert time.monotonic() - began < 15
            assert is_gone()

    @pytest.mark.skipif(sys.platform == "win32", reason="groups of processes as POSIX has them")
    async def test_what_it_started_is_gone_with_it(self) -> None:
        with witness() as (holding_on, is_gone):
            child = f"import time; {holding_on}"
            await start(program(f"import subprocess; subprocess.run([sys.executable, '-c', {child!r}])"), seconds=3.0)
            assert is_gone()

    async def test_a_refusal_names_no_tools(self) -> None:
        refusal = '{"jsonrpc": "2.0", "id": 1, "error": {"code": -32600, "message": "no"}}'
        found = await start(program(f"sys.stdin.readline(); print({refusal!r}, flush=True); sys.stdin.read()"))
        assert found.tools is None
        assert not found.silent

    async def test_a_long_list_of_tools_arrives_whole(self) -> None:
        names = [f"tool_{number}_{'x' * 200}" for number in range(2000)]
        known = "['tool_%d_%s' % (number, 'x' * 200) for number in range(2000)]"
        command = answering("TOOLS")
        command[2] = command[2].replace(repr(("TOOLS",)), known)
        found = await start(command)
        assert found.tools == tuple(names)

    async def test_a_program_that_is_not_there_is_missing(self, tmp_path: Path) -> None:
        assert (await start([str(tmp_path / "nothing")])).missing

    @pytest.mark.skipif(sys.platform == "win32", reason="a script's first line means nothing there")
    async def test_a_script_whose_interpreter_is_gone_is_missing(self, tmp_path: Path) -> None:
        script = executable(tmp_path / "agentos-mcp", interpreter=str(tmp_path / "old" / "python"))
        assert (await start([str(script)])).missing


@contextlib.contextmanager
def witness() -> Iterator[tuple[str, Callable[[], bool]]]:
    """Code that holds a connection for ever, and whether the process that ran it has ended."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()

        def is_gone() -> bool:
            listener.settimeout(10)
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(10)
                return connection.recv(1) == b""

        yield f"import socket; held = socket.create_connection({address!r}); time.sleep(600)", is_gone


class TestStarter:
    async def test_the_same_is_started_once(self, tmp_path: Path) -> None:
        place = tmp_path / "starts"
        command = answering("one", before=f"open({str(place)!r}, 'a').write('x')")
        starter = Starter(get_default_environment())
        same = Start(command[0], tuple(command[1:]), {})
        other = Start(command[0], tuple(command[1:]), {"COLOUR": "red"})
        async with anyio.create_task_group() as tasks:
            for one in (same, same, other, same):
                tasks.start_soon(starter.start, one, os.environ["PATH"])
        assert place.read_text() == "xx"

    async def test_it_has_the_entrys_variables_and_its_path(self) -> None:
        code = 'sys.exit(f\'{os.environ["PATH"]} {os.environ["COLOUR"]} {os.getcwd()}\')'
        command = program(code)
        starter = Starter({"PATH": "not this"})
        found = await starter.start(Start(command[0], tuple(command[1:]), {"COLOUR": "red"}), "/a/path")
        assert found.said == f"/a/path red {Path.cwd().anchor}"
