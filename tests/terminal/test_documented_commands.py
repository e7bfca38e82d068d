"""docs/terminal.md: the commands it gives for the skills' scripts work. (tests/docs runs the page's code blocks.)"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests._support.agentos.skills import WORKFLOW_VARIABLE
from tests._support.processes import PATIENCE, environment
from tests._support.running_agentos import running_agentos
from tests._support.terminal_calls import invoke, invoke_ok

PAGE = (Path(__file__).parents[2] / "docs" / "terminal.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `(run_\w+\.py [^`]*)` \| `agentos-mcp ([^`]*)` \|$", re.MULTILINE)
SKILL_COMMANDS = _ROW.findall(PAGE)
PYTHON_REPLACEMENTS = re.findall(
    r"`(agentos-mcp [^`]*)`", PAGE.partition("| the skill's Python")[2].partition("| the skill's")[0]
)
DEFINE_PROGRAM = f'agentos-mcp() {{ {shlex.quote(sys.executable)} -m agentos_mcp "$@"; }}; '

EXPECTED_ANSWERS = {
    "What is 2 + 2?": "2 + 2 = 4.",
    "What is my name?": "Your name is Alice.",
    "Greet me": "Call the robot Anna.",
    "Explain machine learning": "You said",
    "Process this request": "You said",
}
"""Text that has to be in the answer to a message."""


@pytest.fixture(scope="module")
def skills() -> Iterator[str]:
    with running_agentos(build="tests._support.agentos.skills:build") as url:
        yield url


@pytest.fixture(scope="module")
def other_skills() -> Iterator[str]:
    """Another AgentOS, whose workflow is called as the skills' example of a config."""
    with running_agentos(
        build="tests._support.agentos.skills:build", environment={WORKFLOW_VARIABLE: "my-workflow"}
    ) as url:
        yield url


@pytest.fixture(scope="module")
def finished_run(skills: str) -> str:
    """The reference of a run that has ended."""
    return invoke_ok(skills, "run", "agent", "my-agent", "-m", "hello").reference


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file that the commands name."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "answer.json").write_text(
        '{"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}', encoding="utf-8"
    )
    return folder


def run_in_bash(line: str, url: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", DEFINE_PROGRAM + line],
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


def test_skills_table_has_every_command_line_of_the_skills() -> None:
    scripts = [line.partition(" ")[0] for line, _ in SKILL_COMMANDS]
    assert (scripts.count("run_workflows.py"), scripts.count("run_agents.py")) == (7, 9)
    flags = {word for line, _ in SKILL_COMMANDS for word in line.split() if word.startswith("-")}
    expected = "--base-url --config --workflow-id --agent-id -m --stream --session-id --user-id --dependencies --help"
    assert flags == set(expected.split())
    assert PAGE.rstrip().endswith("`agentos-mcp run --help` |")


@pytest.mark.parametrize(("skill_command", "replacement"), SKILL_COMMANDS, ids=[line for line, _ in SKILL_COMMANDS])
def test_skills_command_line_has_its_equivalent(
    skill_command: str, replacement: str, skills: str, other_skills: str
) -> None:
    url = other_skills if "my-workflow" in replacement else skills
    arguments = [url if word.startswith("http://") else word for word in shlex.split(replacement)]
    result = invoke_ok(url, *arguments)
    skill_words = shlex.split(skill_command)
    for flag in ("--workflow-id", "--agent-id", "-m", "--session-id", "--user-id", "--dependencies"):
        if flag in skill_words:
            assert skill_words[skill_words.index(flag) + 1] in arguments
    if "-m" in skill_words:
        message = skill_words[skill_words.index("-m") + 1]
        assert EXPECTED_ANSWERS.get(message, "") in result.stdout
        assert "completed" in result.stderr
    elif "--config" in skill_words and len(skill_words) == 4:
        assert all(word in result.stdout for word in ("skills-db", "my-agent", "qa-workflow"))
    elif "--help" in skill_words:
        assert "--dependencies JSON" in result.stdout
    else:
        assert "my-agent" in result.stdout or "workflow" in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="the page's command lines are a POSIX shell's")
@pytest.mark.parametrize("line", PYTHON_REPLACEMENTS)
def test_skills_python_has_a_command(line: str, skills: str, finished_run: str, home: Path) -> None:
    result = run_in_bash(line.replace("RUN", finished_run).replace("\\|", "|"), skills, home)
    # A run that has ended cannot be cancelled.
    assert result.returncode == (1 if "cancel" in line else 0), result
    if "--output-schema" in line:
        assert '"answer": "Paris"' in result.stdout


def test_exit_codes_of_the_page_are_those_of_help(demo: str) -> None:
    help_text = " ".join(invoke(demo, "run", "--help").stdout.split())
    for code, meaning in re.findall(r"^\| (\d+) \| (\w+)", PAGE, re.MULTILINE):
        assert f"{code} {meaning}" in help_text
