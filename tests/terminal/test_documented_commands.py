"""docs/terminal.md: what it says of the skills' command lines is so. (tests/docs runs the page's blocks.)"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentos_mcp.demo.host_process import demo_agentos
from tests._support.agentos.skills import WORKFLOW_VARIABLE
from tests._support.processes import PATIENCE, environment
from tests._support.terminal_calls import call, done

PAGE = (Path(__file__).parents[2] / "docs" / "terminal.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `(run_\w+\.py [^`]*)` \| `agentos-mcp ([^`]*)` \|$", re.MULTILINE)
SKILLS = _ROW.findall(PAGE)
PYTHON = re.findall(r"`(agentos-mcp [^`]*)`", PAGE.partition("| the skill's Python")[2].partition("| the skill's")[0])
PROGRAM = f'agentos-mcp() {{ {shlex.quote(sys.executable)} -m agentos_mcp "$@"; }}; '

SAID = {
    "What is 2 + 2?": "2 + 2 = 4.",
    "What is my name?": "Your name is Alice.",
    "Greet me": "Call the robot Anna.",
    "Explain machine learning": "You said",
    "Process this request": "You said",
}
"""What has to be in the answer to some of the messages."""


@pytest.fixture(scope="module")
def skills() -> Iterator[str]:
    with demo_agentos(build="tests._support.agentos.skills:build") as url:
        yield url


@pytest.fixture(scope="module")
def other_skills() -> Iterator[str]:
    """Another AgentOS, whose workflow is called as the skills' example of a config."""
    with demo_agentos(
        build="tests._support.agentos.skills:build", environment={WORKFLOW_VARIABLE: "my-workflow"}
    ) as url:
        yield url


@pytest.fixture(scope="module")
def a_run(skills: str) -> str:
    """The reference of a run that has ended."""
    return done(skills, "run", "agent", "my-agent", "-m", "hello").reference


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file that the commands name."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "answer.json").write_text(
        '{"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}', encoding="utf-8"
    )
    return folder


def in_bash(line: str, url: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", PROGRAM + line],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        cwd=home,
        env=environment(
            {
                "AGENTOS_URL": url,
                "HOME": str(home),
                "PYTHONPATH": os.pathsep.join([str(Path.cwd()), os.environ.get("PYTHONPATH", "")]),
            }
        ),
        timeout=PATIENCE,
    )


def test_the_table_has_every_command_line_of_the_skills() -> None:
    scripts = [line.partition(" ")[0] for line, _ in SKILLS]
    assert (scripts.count("run_workflows.py"), scripts.count("run_agents.py")) == (7, 9)
    flags = {word for line, _ in SKILLS for word in line.split() if word.startswith("-")}
    wanted = "--base-url --config --workflow-id --agent-id -m --stream --session-id --user-id --dependencies --help"
    assert flags == set(wanted.split())
    assert PAGE.rstrip().endswith("`agentos-mcp run --help` |")


@pytest.mark.parametrize(("script", "ours"), SKILLS, ids=[line for line, _ in SKILLS])
def test_a_skills_command_line_has_its_equivalent(script: str, ours: str, skills: str, other_skills: str) -> None:
    url = other_skills if "my-workflow" in ours else skills
    arguments = [url if word.startswith("http://") else word for word in shlex.split(ours)]
    ended = done(url, *arguments)
    theirs = shlex.split(script)
    for flag in ("--workflow-id", "--agent-id", "-m", "--session-id", "--user-id", "--dependencies"):
        if flag in theirs:
            assert theirs[theirs.index(flag) + 1] in arguments
    if "-m" in theirs:
        message = theirs[theirs.index("-m") + 1]
        assert SAID.get(message, "") in ended.out
        assert "completed" in ended.err
    elif "--config" in theirs and len(theirs) == 4:
        assert all(word in ended.out for word in ("skills-db", "my-agent", "qa-workflow"))
    elif "--help" in theirs:
        assert "--dependencies JSON" in ended.out
    else:
        assert "my-agent" in ended.out or "workflow" in ended.out


@pytest.mark.skipif(sys.platform == "win32", reason="the page's command lines are a POSIX shell's")
@pytest.mark.parametrize("line", PYTHON)
def test_what_the_skills_leave_to_python_has_a_command(line: str, skills: str, a_run: str, home: Path) -> None:
    ended = in_bash(line.replace("RUN", a_run).replace("\\|", "|"), skills, home)
    # There is nothing left to be cancelled of a run that has ended.
    assert ended.returncode == (1 if "cancel" in line else 0), ended
    if "--output-schema" in line:
        assert '"answer": "Paris"' in ended.stdout


def test_the_exit_codes_of_the_page_are_those_of_help(demo: str) -> None:
    told = " ".join(call(demo, "run", "--help").out.split())
    for code, meaning in re.findall(r"^\| (\d+) \| (\w+)", PAGE, re.MULTILINE):
        assert f"{code} {meaning}" in told
