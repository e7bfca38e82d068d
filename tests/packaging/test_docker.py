"""The Dockerfile. No daemon is at hand where tests run: its steps are done here, one by one, in a folder."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scripts.image_requirements import BUILDING, PYTHON, RUNNING
from scripts.project import ROOT, project
from tests._support.packaging_tools import LIMIT, UNSEEN, done, scripts, tool
from tests._support.process_clients import client_with_token
from tests._support.processes import DOWN, Process, wait_until_it_answers

pytestmark = [
    pytest.mark.timeout(3 * LIMIT),
    pytest.mark.skipif(sys.platform == "win32", reason="its steps are for a POSIX shell"),
]

OPT = "/opt/"
PORT = "7800"
TOKEN = "a-token-for-this-container"


def instructions(name: str) -> list[str]:
    """What the Dockerfile says after this word, in order; continued lines joined."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [line.partition(" ")[2].strip() for line in lines if line.partition(" ")[0] == name]


@pytest.fixture(scope="module")
def port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The environment that the build stage makes, from what it copies."""
    source, opt = tmp_path_factory.mktemp("src"), tmp_path_factory.mktemp("opt")
    for copied in instructions("COPY"):
        *names, target = copied.split()
        if names[0].startswith("--from"):
            continue
        for name in names:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, source / target)
    (step,) = instructions("RUN")
    step = re.sub(r"\bpython -m", f"{shlex.quote(sys.executable)} -m", step.replace(OPT, f"{opt}/"))
    # What is started here compiles what it imports; pip would compile all of it.
    done("sh", "-euc", step, cwd=source, given={"PIP_COMPILE": "0"})
    return opt / "agentos-mcp"


@pytest.fixture(scope="module")
def container(installed: Path, port: str, demo: str) -> Iterator[str]:
    """Its command, running: the address of its MCP."""
    given = {"AGENTOS_URL": demo, "AGENTOS_MCP_HTTP_TOKEN": TOKEN}
    with _Container(installed, port, given) as process:
        url = f"http://127.0.0.1:{port}/mcp"
        process.err.wait_for(lambda line: line == f"Serving MCP at {url}", LIMIT)
        wait_until_it_answers(url)
        yield url


class _Container(Process):
    _ends_by_signal = True

    def __init__(self, home: Path, port: str, given: dict[str, str]) -> None:
        (entry,), (command,) = instructions("ENTRYPOINT"), instructions("CMD")
        (program,), arguments = json.loads(entry), [port if one == PORT else one for one in json.loads(command)]
        super().__init__(*arguments, command=(str(scripts(home) / program),), given={**UNSEEN, **given})


def health_check(home: Path, port: str) -> int:
    """The exit code of the command that Docker runs to see whether the container is well."""
    (words,) = instructions("HEALTHCHECK")
    program, *arguments = json.loads(words.partition("CMD ")[2])
    return tool(scripts(home) / program, *(one.replace(PORT, port) for one in arguments)).returncode


def test_it_has_no_known_fault() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    assert done(linter, ROOT / "Dockerfile") == ""


def test_its_base_is_one_image_by_its_digest() -> None:
    bases = {base.removesuffix(" AS build") for base in instructions("FROM")}
    assert len(bases) == 1
    assert re.fullmatch(rf"python:{re.escape(PYTHON)}-slim@sha256:[0-9a-f]{{64}}", bases.pop())


def pinned(path: Path) -> dict[str, str]:
    """The packages that a file names, and their versions."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[._-]+", "-", name).lower(): version for name, version in found}


@pytest.mark.parametrize("path", [RUNNING, BUILDING], ids=["running", "building"])
def test_its_packages_are_those_that_were_tested_by_their_hashes(path: Path) -> None:
    text, tested = path.read_text(encoding="utf-8"), pinned(ROOT / "constraints.txt")
    assert "://" not in text
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(entries) == len(pinned(path))
    for entry in entries:
        assert "--hash=sha256:" in entry, entry
    for name, version in pinned(path).items():
        # What only builds is in no environment that is tested.
        assert tested.get(name, version if path is BUILDING else None) == version, f"{name}: run make requirements"


def test_its_packages_are_all_that_run_it() -> None:
    needed = {re.match(r"[\w.-]+", one)[0] for one in project().dependencies}  # type: ignore[index]  # each has a name
    assert {re.sub(r"[._-]+", "-", name) for name in needed} | {"uvicorn", "starlette"} <= set(pinned(RUNNING))
    assert not {"agno", "pytest", "rich"} & set(pinned(RUNNING))


def test_it_runs_as_nobody_in_particular_on_the_port_it_names() -> None:
    (user,) = instructions("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user), "a number, so that Kubernetes can see that it is not root"
    assert instructions("EXPOSE") == [PORT]


def test_only_what_is_copied_is_sent_to_docker() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in lines
    sent = {line[1:] for line in lines if line.startswith("!")}
    copied = {name for line in instructions("COPY") if not line.startswith("--from") for name in line.split()[:-1]}
    assert sent == copied


def test_nothing_that_builds_is_left_in_it(installed: Path) -> None:
    (packages,) = installed.glob("lib/python*/site-packages")
    names = {path.name for path in packages.iterdir()}
    assert "agentos_mcp" in names
    assert not {"pip", "setuptools", "wheel", "hatchling", "pytest", "agno", "tests"} & names


@pytest.mark.anyio
async def test_it_serves_clients_that_send_the_token(container: str, era: str) -> None:
    async with client_with_token(era, container, TOKEN) as peer:
        assert "run_workflow" in [tool.name for tool in (await peer.client.list_tools()).tools]
        assert "content-pipeline" in await peer.text("list_workflows")


def test_it_serves_nobody_else(container: str) -> None:
    assert httpx.post(container, json={}).status_code == 401


def test_its_health_check_sees_whether_it_serves(installed: Path, container: str, port: str) -> None:
    assert health_check(installed, port) == 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        elsewhere = str(free.getsockname()[1])
    assert health_check(installed, elsewhere) != 0


def test_without_a_token_it_does_not_start_and_says_what_to_do(installed: Path, port: str) -> None:
    with _Container(installed, port, {"AGENTOS_URL": DOWN}) as process:
        assert process.exit_code(LIMIT) == 2
        assert "Set AGENTOS_MCP_HTTP_TOKEN, or give --http-token-file PATH" in process.everything
