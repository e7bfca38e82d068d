"""`agentos-mcp demo`, and the demo's AgentOS behind `serve --demo`."""

from __future__ import annotations

import re
import shlex
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from agentos_mcp.install.own_package import install_command
from tests._support.process_clients import gone_soon, over_stdio
from tests._support.processes import MODULE, PATIENCE, SCRIPT, Process, RawServer, run

STEPS = ["1/3 research", "2/3 draft", "3/3 edit"]
RESULT = "# How to make a good cup of tea"
FAST_PACE = "0.3"
"""Every step still takes longer than the time between two notifications."""

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


def last_command(output: str) -> list[str]:
    """The arguments of the command that the demo names last."""
    words = shlex.split(re.findall(r"^  (\S.* install .*)$", output, re.MULTILINE)[-1])
    start = words.index("install")
    assert tuple(words[:start]) in {SCRIPT, MODULE, ("agentos-mcp",)}
    return words[start:]


@pytest.fixture
def without_agno(tmp_path: Path) -> dict[str, str]:
    """The environment of a Python in which agno is not installed."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_AGNO, encoding="utf-8")
    return {"PYTHONPATH": str(tmp_path)}


@pytest.fixture(scope="module", autouse=True)
def kept_demo() -> Iterator[Process]:
    """A demo without pauses that keeps running; it starts while other tests run, and one test stops it."""
    with Process("demo", "--keep", "--pace", "0", "why bees dance") as demo:
        yield demo


@pytest.mark.anyio
async def test_demo_without_a_terminal_prints_plain_lines() -> None:
    result = await anyio.to_thread.run_sync(lambda: run("demo", "--pace", FAST_PACE))
    assert (result.returncode, result.stderr) == (0, "")
    output = result.stdout
    assert "\x1b" not in output
    assert "\r" not in output
    assert "is connected to it over stdio (MCP 2026-07-28)." in output
    assert "| content-pipeline | Content Pipeline |" in output

    progress = re.findall(r"^ +(\d+)%  (.*)$", output, re.MULTILINE)
    percentages = [int(percentage) for percentage, _ in progress]
    assert percentages == sorted(percentages)
    assert progress[-1] == ("100", "done")
    steps = [re.split(r"[:·]", message)[0].strip() for _, message in progress[:-1]]
    steps = [step for step in steps if step != "working"]  # on a slow machine, before the first step
    assert list(dict.fromkeys(steps)) == STEPS

    # The first words of the result may stand in a progress message, too.
    parts = [output.index("100%  done"), output.rindex(RESULT), output.index("\ncompleted · ")]
    parts.append(output.index("To use this in"))
    assert parts == sorted(parts)
    assert " demo --keep\n" in output
    assert last_command(output)[-2:] == ["--url", "http://localhost:7777"]


@posix
def test_demo_at_a_terminal_shows_each_finished_step() -> None:
    from tests._support.pseudo_terminal import Terminal

    with Terminal("demo", "--pace", FAST_PACE) as terminal:
        assert terminal.exit_code() == 0
    output = terminal.raw
    assert "\x1b" in output
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output)
    positions = [plain.index(f"✔ {step}") for step in STEPS]
    assert positions == sorted(positions)
    # The result's first words are in the progress messages, too.
    assert positions[-1] < plain.rindex(RESULT)
    assert last_command(plain.replace("\r\n", "\n"))[-2:] == ["--url", "http://localhost:7777"]
    assert "Traceback" not in plain


def test_demo_without_pauses_shows_progress_and_the_result(kept_demo: Process) -> None:
    kept_demo.out.wait_for(lambda line: line.startswith("The AgentOS keeps running at "), PATIENCE)
    output = "\n".join(kept_demo.out.said)
    assert "message='why bees dance'" in output
    assert "100%  done" in output
    assert "# Why bees dance" in output


@posix
@pytest.mark.anyio
async def test_kept_demo_runs_until_ctrl_c(kept_demo: Process, tmp_path: Path) -> None:
    line = await anyio.to_thread.run_sync(
        kept_demo.out.wait_for, lambda line: line.startswith("The AgentOS keeps running at "), PATIENCE
    )
    url = re.findall(r"http://127\.0\.0\.1:\d+", line)[0]
    async with over_stdio("legacy", "serve", "--url", url) as peer:
        assert "content-pipeline" in await peer.text("list_workflows")
    command = last_command("\n".join(kept_demo.out.said))
    assert command[2:] == ["--url", url]
    installed = await anyio.to_thread.run_sync(
        lambda: run("install", "cursor", *command[2:], given={"HOME": str(tmp_path)})
    )
    assert "✔ Cursor: 19 tools, " in installed.stdout
    kept_demo.signal(signal.SIGINT)
    assert await anyio.to_thread.run_sync(kept_demo.exit_code) == 0
    assert kept_demo.everything == ""
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
    # What this shell sets for its own AgentOSes is not the demo's.
    others = {"AGENTOS_URL": "dev=http://localhost:1 prod=http://localhost:2", "AGENTOS_TOKEN": "prod=of-prod"}
    with RawServer("serve", "--demo", "--log-level", "info", given=others) as server:
        server.shake_hands()
        text, is_error = server.call("run_agent", agent_id="assistant", message="6 * 7")
        assert not is_error
        assert text.startswith("6 * 7 = 42.")
        request = server.err.wait_for(lambda line: "http://127.0.0.1:" in line, PATIENCE)
        url = re.findall(r"http://127\.0\.0\.1:\d+", request)[0]
        server.signal(signal.SIGTERM)
        assert server.exit_code() == 143
        assert server.messages()
        assert "Traceback" not in server.everything
    anyio.run(gone_soon, url)


@pytest.mark.parametrize(("command", "code"), [("demo", 1), ("serve --demo", 2)])
def test_demo_without_agno_says_how_to_install_it(without_agno: dict[str, str], command: str, code: int) -> None:
    result = run(*command.split(), given=without_agno)
    assert result.returncode == code
    assert result.stderr.splitlines() == [result.stderr.strip()]
    assert "The demo needs agno, which is not installed. Next: " in result.stderr
    assert result.stderr.strip().endswith(install_command("demo"))


def test_serve_without_agno_serves_another_agentos(without_agno: dict[str, str], sample_agentos: str) -> None:
    with RawServer("serve", "--url", sample_agentos, given=without_agno) as server:
        server.shake_hands()
        assert server.call("run_agent", agent_id="echo", message="hi")[0].startswith("echo: hi")
