"""Runs the commands of a page, one after the other, in a home of their own and against an AgentOS of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests._support.processes import FORK, PATIENCE, Process, run, started_by, wait_until_it_answers
from tests._support.shell_commands import NOT_RUN, RUN, Line, without_comment

PROGRAMS = Path(sys.executable).parent
URL, PATH, EVERYWHERE = "http://localhost:7777", "/absolute/path/to/agentos-mcp", "0.0.0.0"
"""What pages say; here it is another AgentOS, the real path, and an address that nobody else can reach."""
RUN_REFERENCE = re.compile(r"\bRUN\b|\b(agent|team|workflow)/[\w.-]+/[\w.…-]+/[\w.…-]+")

_FOLDERS = (".local/share/bash-completion/completions", ".config/fish/completions", ".zfunc")
"""What a person who completes commands has."""
_SERVING = re.compile(r"Serving MCP at (\S+)$")
_LASTING = re.compile(r"\bdemo\b.*--keep\b")
_INSTALLING = re.compile(r"\bagentos-mcp install\b")


@dataclass
class Person:
    """Somebody with a home, a shell, and an AgentOS at `url`."""

    home: Path
    url: str
    run_reference: str

    def __post_init__(self) -> None:
        self._exported: list[str] = []
        self._installed = False
        self._work = self.home / "work"
        # What pages show is whether commands work, not how they start.
        self._script = self.home / "bin" / "agentos-mcp"
        for folder in (self._work, self._script.parent, *(self.home / name for name in _FOLDERS)):
            folder.mkdir(parents=True)
        self._script.symlink_to(started_by(FORK)[0])
        (self.home / ".agentos-token").write_text("a-token\n", encoding="utf-8")
        (self.home / ".agentos-token").chmod(0o600)

    def does(self, line: Line) -> str:
        """Run a line; what went wrong, '' for nothing."""
        unknown = set(line.programs) - RUN - NOT_RUN.keys()
        if unknown:
            return f"{', '.join(unknown)}: neither in RUN nor in NOT_RUN"
        if not NOT_RUN.keys().isdisjoint(line.programs):
            return ""
        if line.programs[:1] == ["export"]:
            self._exported.append(without_comment(line.text))
        text = self._here(line)
        if any("serve" in given and "--http" in given for given in line.ours):
            return self._serves(f"{text} --port 0")
        if _LASTING.search(text):
            return self._stays(f"{text} --pace 0.1")
        return self._ends(text)

    def _here(self, line: Line) -> str:
        """The line as it can be run here: on this AgentOS, and reachable from this machine alone."""
        text = " ".join([*(f"{exported};" for exported in self._exported), without_comment(line.text)])
        text = text.replace(URL, self.url).replace(PATH, str(self._script)).replace(EVERYWHERE, "127.0.0.1")
        text = RUN_REFERENCE.sub(self.run_reference, text)
        if "--identity" in text:
            # Where each caller has a credential of their own, the server may have none.
            text = f"unset AGENTOS_TOKEN; {text}"
        if _INSTALLING.search(text) and "--uninstall" not in text and "--dry-run" not in text:
            if self._installed:
                # What is written is tried out once a page: it takes seconds, and is the same server each time.
                text = _INSTALLING.sub("agentos-mcp install --no-verify", text)
            self._installed = True
        return text

    @property
    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name in {"PYTHONPATH", "COVERAGE_PROCESS_START"}}
        return kept | {
            "PATH": f"{self._script.parent}{os.pathsep}{PROGRAMS}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "AGENTOS_URL": self.url,
            "AGENTOS_TOKEN": "a-token",
        }

    def _ends(self, text: str) -> str:
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self._work,
            env=self._environment,
            input="a-token\n" if "cat >" in text else "",
            capture_output=True,
            encoding="utf-8",
            timeout=2 * PATIENCE,
        )
        return "" if ended.returncode == 0 else f"exit code {ended.returncode}: {ended.stdout}{ended.stderr}"

    def _serves(self, text: str) -> str:
        with self._process(text) as server:
            try:
                line = server.err.wait_for(lambda line: bool(_SERVING.search(line)), PATIENCE)
                wait_until_it_answers(_SERVING.findall(line)[0])
            except AssertionError as problem:
                return str(problem)
            finally:
                server.signal(signal.SIGTERM)
        return ""

    def _stays(self, text: str) -> str:
        with self._process(text) as demo:
            try:
                demo.out.wait_for(lambda line: line.startswith("The AgentOS keeps running at "), PATIENCE)
            except AssertionError as problem:
                return str(problem)
            finally:
                demo.signal(signal.SIGINT)
        return ""

    def _process(self, text: str) -> Process:
        *before, last = text.split("; ")
        command = ("bash", "-c", "; ".join([f"cd {self._work}", *before, f"exec env {last}"]))
        return Process(command=command, given=self._environment)


def a_run(url: str) -> str:
    """The reference of a run of the demo's, for pages that say RUN."""
    ended = run("run", "agent", "assistant", "-m", "6 * 7", "--json", "--url", url)
    found = re.search(r'"run": "([^"]+)"', ended.stdout)
    assert found, ended.stdout + ended.stderr
    return found[1]
