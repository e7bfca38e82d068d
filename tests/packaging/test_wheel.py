"""The wheel: what is in it, and that it works in an environment that has nothing else."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from agentos_mcp import DISTRIBUTION, REPOSITORY_URL, __version__
from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.settings import Settings
from scripts.install_links import build_links, parse_link
from scripts.project import ROOT
from tests._support.packaging_tools import LIMIT, UNSEEN, done, package_files, scripts, tool, uv_command
from tests._support.processes import RawServer

pytestmark = pytest.mark.timeout(3 * LIMIT)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source scripts, and the wheel that was made from it."""
    folder = tmp_path_factory.mktemp("built")
    done(uv_command(), "build", "--quiet", "--out-dir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def commands(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment with the wheel and what it says that it needs."""
    home = tmp_path_factory.mktemp("empty") / "venv"
    done(uv_command(), "venv", "--quiet", "--python", sys.executable, home)
    python = scripts(home) / "python"
    tested = ROOT / "constraints.txt"
    done(uv_command(), "pip", "install", "--quiet", "--python", python, "--constraint", tested, wheel)
    return scripts(home)


def test_it_holds_the_package_and_nothing_else(wheel: Path) -> None:
    assert wheel.name == f"mcp_server_agentos-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    about = {name for name in names if name.startswith(f"mcp_server_agentos-{__version__}.dist-info/")}
    assert names - about == package_files(ROOT)
    assert f"mcp_server_agentos-{__version__}.dist-info/licenses/LICENSE" in about


@pytest.mark.parametrize("repository", ["", "https://github.com/ada/agents"])
def test_its_description_has_links_that_work_where_it_is_shown(wheel: Path, tmp_path: Path, repository: str) -> None:
    if repository:
        for name in ("README.md", "LICENSE", "pyproject.toml", "hatch_build.py"):
            shutil.copy(ROOT / name, tmp_path)
        package = tmp_path / "agentos_mcp"
        package.mkdir()
        constants = (ROOT / "agentos_mcp" / "__init__.py").read_text(encoding="utf-8")
        known = re.sub(r'^REPOSITORY_URL = ".*"', f'REPOSITORY_URL = "{repository}"', constants, flags=re.MULTILINE)
        (package / "__init__.py").write_text(known, encoding="utf-8")
        done(uv_command(), "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", tmp_path)
        (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        about = archive.read(f"mcp_server_agentos-{__version__}.dist-info/METADATA").decode()
    description = about.partition("\n\n")[2]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    if not repository:
        assert REPOSITORY_URL or description.strip() == readme.strip()
        return
    assert f"({repository}/blob/HEAD/docs/clients.md)" in description
    assert f"({repository}/raw/HEAD/docs/images/demo.svg)" in description
    assert not re.findall(r"\]\((?!https?:|#)[^)]*\)", description)


def test_the_source_distribution_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    done(uv_command(), "build", "--quiet", "--wheel", "--out-dir", tmp_path, ROOT)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_it_says_all_that_it_needs(commands: Path, tmp_path: Path) -> None:
    done(uv_command(), "pip", "check", "--python", commands / "python")
    for program in ("agentos-mcp", DISTRIBUTION):
        assert done(commands / program, "--version", cwd=tmp_path) == f"agentos-mcp {__version__}"
    where = done(commands / "python", "-c", "import agentos_mcp; print(agentos_mcp.__file__)", cwd=tmp_path)
    assert Path(where).is_relative_to(commands.parent)


def test_it_serves_a_live_agentos(commands: Path, demo: str) -> None:
    command = (str(commands / "agentos-mcp"),)
    with RawServer("serve", "--url", demo, command=command, given=UNSEEN) as server:
        assert server.shake_hands()["serverInfo"]["version"] == __version__
        assert set(server.tool_names()) == {tool.name for tool in ToolSelection(Settings()).tools}
        words, failed = server.call("list_workflows")
        assert not failed
        assert "content-pipeline" in words
        server.close_stdin()
        assert server.exit_code() == 0


def test_its_commands_for_people_need_nothing_else(commands: Path, demo: str, tmp_path: Path) -> None:
    told = done(commands / "agentos-mcp", "workflows", "--url", demo, "--json", cwd=tmp_path)
    assert "content-pipeline" in json.dumps(json.loads(told))


def test_without_the_extra_the_demo_says_what_to_install(commands: Path, wheel: Path, tmp_path: Path) -> None:
    ended = tool(commands / "agentos-mcp", "serve", "--demo", cwd=tmp_path)
    assert ended.returncode == 2
    said, _, command = ended.stdout.strip().partition(" Next: ")
    assert said == "agentos-mcp: The demo needs agno, which is not installed."
    installing = shlex.split(command)
    assert installing[:4] == ["uv", "pip", "install", "--python"]
    assert Path(installing[4]).parent == commands
    assert installing[5:] == [f"{DISTRIBUTION}[demo] @ {wheel.as_uri()}"]


@pytest.mark.parametrize("client", ["cursor", "vscode"])
def test_what_an_install_link_writes_starts(client: str, wheel: Path, demo: str) -> None:
    _, entry, asked = parse_link(build_links()[client])
    answers = {"agentos-url": demo, "agentos-token": ""}
    assert {one["id"] for one in asked} <= set(answers)
    given = {name: answers[value.removeprefix("${input:")[:-1]] for name, value in entry.get("env", {}).items()}
    arguments = [demo if argument == Settings().url else argument for argument in entry["args"]]
    uvx = str(Path(uv_command()).with_name("uvx"))
    assert (entry["command"], arguments[0]) == ("uvx", DISTRIBUTION)
    index = {"UV_FIND_LINKS": str(wheel.parent), "UV_CONSTRAINT": str(ROOT / "constraints.txt")}
    with RawServer(*arguments, command=(uvx,), given={**UNSEEN, **index, **given}) as server:
        server.shake_hands()
        assert "content-pipeline" in server.call("list_workflows")[0]
