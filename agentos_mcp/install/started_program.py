"""What an entry's command line starts in the end: through package runners, interpreters, shells and containers.

An entry counts as this project's only where its command line is understood: another server may have our name in its
path, in its folder or in the name of its container.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from agentos_mcp import DISTRIBUTION
from agentos_mcp.install.launch_command import flag_value
from agentos_mcp.terminal.program_name import PROGRAM

PROGRAMS = (PROGRAM, DISTRIBUTION)
"""The names of our program; both start the same."""
_MODULE = "agentos_mcp"
_MAX_DEPTH = 8
"""Programs that start one another; there is no use for more than three."""
_SUFFIX = re.compile(r"\.(exe|cmd|bat|ps1|py)$", re.IGNORECASE)
_PYTHON = re.compile(r"(python|pythonw|pypy|py)[\d.]*")
_REQUIREMENT = re.compile(r"^([A-Za-z0-9][\w.-]*?)(\[[^\]]*\])?\s*((@|[=<>!~]=?|;).*)?$")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")

_SUBCOMMANDS: Mapping[str, frozenset[str]] = {
    "uv": frozenset({"run", "tool"}),
    "uvx": frozenset(),
    "pipx": frozenset({"run"}),
    "npx": frozenset(),
    "bunx": frozenset(),
    "poetry": frozenset({"run"}),
    "pdm": frozenset({"run"}),
    "hatch": frozenset({"run"}),
    "conda": frozenset({"run"}),
    "mamba": frozenset({"run"}),
    "micromamba": frozenset({"run"}),
    "env": frozenset(),
    "wsl": frozenset(),
    "sudo": frozenset(),
}
"""Programs that start the one that follows, and their own words before it."""
_PACKAGE_RUNNERS = frozenset({"uv", "uvx", "pipx", "npx", "bunx"})
"""Those of them that download a package by its name."""
_CONTAINERS = frozenset({"docker", "podman", "nerdctl"})
_SHELLS = frozenset({"sh", "bash", "zsh", "dash", "fish"})
_SWITCHES = frozenset(
    {
        "--active",
        "--all-extras",
        "--detach",
        "--exec",
        "--frozen",
        "--ignore-environment",
        "--init",
        "--interactive",
        "--isolated",
        "--live-stream",
        "--locked",
        "--login",
        "--managed-python",
        "--no-cache",
        "--no-capture-output",
        "--no-config",
        "--no-dev",
        "--no-install",
        "--no-project",
        "--no-sync",
        "--offline",
        "--pre",
        "--privileged",
        "--quiet",
        "--read-only",
        "--refresh",
        "--rm",
        "--system-site-packages",
        "--tty",
        "--verbose",
        "--yes",
    }
)
"""Long flags of the programs above that take no value. Every other one takes the word that follows it."""
_SHORT_FLAGS_WITH_VALUE = frozenset(
    ("-p", "-w", "-e", "-v", "-u", "-h", "-l", "-m", "-n", "-d", "-C", "-S", "-f", "-i", "-q")
)
_SHORT_SWITCHES: Mapping[str, frozenset[str]] = {
    "docker": frozenset(("-i", "-t", "-d", "-it", "-ti", "-q")),
    "podman": frozenset(("-i", "-t", "-d", "-it", "-ti", "-q")),
    "nerdctl": frozenset(("-i", "-t", "-d", "-it", "-ti")),
    "uv": frozenset(("-q", "-v", "-n")),
    "uvx": frozenset(("-q", "-v", "-n")),
    "npx": frozenset(("-q",)),
    "env": frozenset(("-i", "-v")),
    "sudo": frozenset(("-n", "-i", "-E")),
    "wsl": frozenset(("-e",)),
}


def is_agentos_mcp_command(command_line: Sequence[str]) -> bool:
    """Whether a command line starts agentos-mcp."""
    return _starts(command_line, _MAX_DEPTH)


def downloaded_package(command_line: Sequence[str]) -> str:
    """The package that a package runner downloads by its name: 'mcp-server-agentos'; '' for none."""
    program, *arguments = command_line or ("",)
    name = _program_name(program)
    if name not in _PACKAGE_RUNNERS:
        return ""
    source = next(filter(None, (flag_value(flag, arguments) for flag in ("--from", "--spec", "--package"))), "")
    if not source:
        started = _after_own_words(name, arguments)
        # `uv run` starts what an environment has; its other forms download.
        is_download = bool(started) and (name != "uv" or "tool" in arguments)
        source = started[0] if is_download else ""
    requirement = _REQUIREMENT.fullmatch(source)
    return "" if requirement is None or "/" in source or "\\" in source else requirement[1]


def _starts(command_line: Sequence[str], depth: int) -> bool:
    if not command_line or not depth:
        return False
    program, *arguments = command_line
    name = _program_name(program)
    if _is_own_program(program):
        return True
    if _PYTHON.fullmatch(name) or not name:  # an entry whose program was forgotten
        return _python_starts(arguments)
    if name in _CONTAINERS:
        return _container_starts(name, arguments)
    if name in _SHELLS or name in {"cmd", "powershell", "pwsh"}:
        return _starts(_shell_command(name, arguments), depth - 1)
    if name in _SUBCOMMANDS:
        return _starts(_after_own_words(name, arguments), depth - 1)
    return False


def _is_own_program(word: str) -> bool:
    """Whether a word in the place of a program is ours: a path, a name, or a requirement with an extra or version."""
    requirement = _REQUIREMENT.fullmatch(word)
    return _program_name(requirement[1] if requirement else word) in PROGRAMS


def _python_starts(arguments: Sequence[str]) -> bool:
    for index, word in enumerate(arguments):
        if word == "-m":
            return arguments[index + 1 : index + 2] == [_MODULE]
        if word == "-c":
            return False
        if not word.startswith("-") and arguments[index - 1 : index] not in (["-W"], ["-X"]):
            return _is_own_program(word)  # a script
    return False


def _container_starts(name: str, arguments: Sequence[str]) -> bool:
    """Whether a container of an image with our name is started: `docker run -i --rm mcp-server-agentos serve`."""
    subcommand, *rest = arguments or [""]
    if subcommand == "container":
        subcommand, *rest = rest or [""]
    if subcommand != "run":
        return False
    image = next(iter(_after_own_words(name, rest)), "")
    return re.split(r"[:@]", image.rpartition("/")[2])[0] in PROGRAMS


def _shell_command(name: str, arguments: Sequence[str]) -> list[str]:
    """The command that a shell is given: `bash -lc 'exec agentos-mcp serve'`, `cmd /c agentos-mcp serve`."""
    for index, word in enumerate(arguments):
        rest = arguments[index + 1 :]
        if name == "cmd" and word.casefold() in {"/c", "/k"}:
            return list(rest)
        if name in {"powershell", "pwsh"} and word.casefold() in {"-c", "-command"}:
            return [word for word in _split(" ".join(rest)) if word != "&"]
        if name in _SHELLS and re.fullmatch(r"-[a-z]*c", word):
            words = _split(rest[0] if rest else "")
            while words and (words[0] == "exec" or _ASSIGNMENT.match(words[0])):
                words = words[1:]
            return words
    return []


def _after_own_words(name: str, arguments: Sequence[str]) -> list[str]:
    """The command that follows a runner's own words: `uvx --python 3.13 agentos-mcp serve` -> `agentos-mcp serve`."""
    subcommands, switches = _SUBCOMMANDS.get(name, frozenset()), _SHORT_SWITCHES.get(name, frozenset())
    index, before_program = 0, True
    while index < len(arguments):
        word = arguments[index]
        if word == "--":
            return list(arguments[index + 1 :])
        if word.startswith("-"):
            is_module = name == "uv" and word in {"-m", "--module"}
            if is_module:
                return ["python", "-m", *arguments[index + 1 :]]
            takes_value = (
                "=" not in word and word not in _SWITCHES
                if word.startswith("--")
                else word in _SHORT_FLAGS_WITH_VALUE and word not in switches
            )
            index += 2 if takes_value else 1
            continue
        if (before_program and word in subcommands) or (name == "env" and _ASSIGNMENT.match(word)):
            # `uv tool run`: two words of its own.
            before_program = word == "tool"
            subcommands = subcommands | {"run"} if word == "tool" else subcommands
            index += 1
            continue
        return list(arguments[index:])
    return []


def _program_name(word: str) -> str:
    return _SUFFIX.sub("", PurePosixPath(word.replace("\\", "/")).name)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []
