"""`agentos-mcp demo`, and the demo's AgentOS behind `serve --demo`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from tests._support.process_clients import gone_soon, over_stdio
from tests._support.processes import MODULE, PATIENCE, Process, RawServer, environment, run

STEPS = ["1/3 research", "2/3 draft", "3/3 edit"]
RESULT = "# How to make a good cup of tea"
BRISK = "0.3"
"""A pace at which every step takes longer than notifications are apart."""

WITHOUT_AGNO = """
import sys
from importlib.machinery import PathFinder


class WithoutAgno(PathFinder):
    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        if fullname.partition(".")[0] in {"agno", "rich"}:
            return None
        return super().find_spec(fullname, path, target)


sys.meta_path[sys.meta_path.index(PathFinder)] = WithoutAgno
"""

posix = pytest.mark.skipif(sys.platform == "win32", reason="terminals and signals as POSIX has them")


def registration(output: str) -> dict[str, Any]:
    """The entry for a client's configuration that the demo prints."""
    found, _ = json.JSONDecoder().raw_decode(output[output.index('{\n  "mcpServers"') :])
    entry: dict[str, Any] = found["mcpServers"]["agentos"]
    return entry


@pytest.fixture
def without_agno(tmp_path: Path) -> dict[str, str]:
    """The environment of a Python in which agno is not installed."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_AGNO, encoding="utf-8")
    return {"PYTHONPATH": str(tmp_path)}


@pytest.fixture(scope="module", autouse=True)
def kept() -> Iterator[Process]:
    """A demo without pauses that stays: started at once, for it gets ready beside the others. One test ends it."""
    with Process("demo", "--keep", "--pace", "0", "why bees dance") as demo:
        yield demo


@pytest.mark.anyio
async def test_demo_without_a_terminal_prints_plain_lines() -> None:
    ended = await anyio.to_thread.run_sync(lambda: run("demo", "--pace", BRISK))
    assert (ended.returncode, ended.stderr) == (0, "")
    output = ended.stdout
    assert "\x1b" not in output
    assert "\r" not in output
    assert "is connected to it over stdio (MCP 2026-07-28)." in output
    assert "| content-pipeline | Content Pipeline |" in output

    progress = re.findall(r"^ +(\d+)%  (.*)$", output, re.MULTILINE)
    shares = [int(share) for share, _ in progress]
    assert shares == sorted(shares)
    assert progress[-1] == ("100", "done")
    steps = [re.split(r"[:·]", message)[0].strip() for _, message in progress[:-1]]
    steps = [step for step in steps if step != "working"]  # what a slow machine says before the first step
    assert list(dict.fromkeys(steps)) == STEPS

    assert output.index("done") < output.index(RESULT) < output.index("\ncompleted · ") < output.index("mcpServers")
    entry = registration(output)
    async with over_stdio("auto", *entry["args"], command=(entry["command"],)) as peer:
        assert "run_workflow" in [tool.name for tool in (await peer.client.list_tools()).tools]
        assert "content-pipeline" in await peer.text("list_workflows")


@posix
def test_demo_at_a_terminal_shows_each_finished_step() -> None:
    output, code = in_a_terminal("demo", "--pace", BRISK)
    assert code == 0
    assert "\x1b" in output
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output)
    done = [plain.index(f"✔ {step}") for step in STEPS]
    assert done == sorted(done)
    # Its first words may pass by while they are being written.
    assert done[-1] < plain.rindex(RESULT)
    assert registration(plain.replace("\r\n", "\n"))["args"][-2:] == ["serve", "--demo"]
    assert "Traceback" not in plain


def test_demo_without_pauses_shows_progress_and_the_result(kept: Process) -> None:
    kept.out.wait_for(lambda line: line.startswith("The AgentOS keeps running at "), PATIENCE)
    output = "\n".join(kept.out.said)
    assert "message='why bees dance'" in output
    assert "100%  done" in output
    assert "# Why bees dance" in output


@posix
@pytest.mark.anyio
async def test_kept_demo_runs_until_ctrl_c(kept: Process) -> None:
    line = await anyio.to_thread.run_sync(
        kept.out.wait_for, lambda line: line.startswith("The AgentOS keeps running at "), PATIENCE
    )
    url = re.findall(r"http://127\.0\.0\.1:\d+", line)[0]
    async with over_stdio("legacy", "serve", "--url", url) as peer:
        assert "content-pipeline" in await peer.text("list_workflows")
    assert registration("\n".join(kept.out.said))["args"][-3:] == ["serve", "--url", url]
    kept.signal(signal.SIGINT)
    assert await anyio.to_thread.run_sync(kept.exit_code) == 0
    assert kept.everything == ""
    await gone_soon(url)


@posix
def test_demo_ctrl_c_ends_it_without_a_traceback() -> None:
    with Process("demo", "--pace", "3") as demo:
        demo.out.wait_for(lambda line: "1/3 research" in line, PATIENCE)
        url = re.findall(r"http://127\.0\.0\.1:\d+", demo.out.said[0])[0]
        demo.interrupt_as_a_terminal_does()
        assert demo.exit_code(10) == 130
        assert "Traceback" not in demo.everything
    anyio.run(gone_soon, url)


@posix
def test_serve_demo_ends_its_agentos_with_itself() -> None:
    with RawServer("serve", "--demo", "--log-level", "info") as server:
        server.shake_hands()
        said, failed = server.call("run_agent", agent_id="assistant", message="6 * 7")
        assert not failed
        assert said.startswith("6 * 7 = 42.")
        request = server.err.wait_for(lambda line: "http://127.0.0.1:" in line, PATIENCE)
        url = re.findall(r"http://127\.0\.0\.1:\d+", request)[0]
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 143
        assert server.messages()
        assert "Traceback" not in server.everything
    anyio.run(gone_soon, url)


@pytest.mark.parametrize(("command", "code"), [("demo", 1), ("serve --demo", 2)])
def test_demo_without_agno_says_how_to_install_it(without_agno: dict[str, str], command: str, code: int) -> None:
    ended = run(*command.split(), given=without_agno)
    assert ended.returncode == code
    assert ended.stderr.splitlines() == [ended.stderr.strip()]
    assert 'pip install "agno[os,sqlite]" rich' in ended.stderr


def test_serve_without_agno_serves_another_agentos(without_agno: dict[str, str], sample_agentos: str) -> None:
    with RawServer("serve", "--url", sample_agentos, given=without_agno) as server:
        server.shake_hands()
        assert server.call("run_agent", agent_id="echo", message="hi")[0].startswith("echo: hi")


def in_a_terminal(*arguments: str) -> tuple[str, int]:
    """What a command shows in a terminal of 100 columns, and its exit code."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    child = subprocess.Popen(
        [*MODULE, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment({"TERM": "xterm-256color"}),
        start_new_session=True,
    )
    os.close(theirs)
    shown = bytearray()
    try:
        while chunk := _read(ours):
            shown += chunk
        return shown.decode(), child.wait(timeout=PATIENCE)
    finally:
        os.close(ours)
        child.kill()
        child.wait()


def _read(terminal: int) -> bytes:
    """The next output in a terminal, b"" at its end."""
    import select

    ready, _, _ = select.select([terminal], [], [], PATIENCE)
    assert ready, "it neither says anything nor ends"
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux's way to say that nobody holds the other end any more
        return b""
