"""The package's name: the same wherever it is told, and never another project's."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from agentos_mcp import DISTRIBUTION, REPOSITORY_URL
from agentos_mcp.install.started_program import PROGRAMS
from agentos_mcp.terminal.program_name import PROGRAM
from scripts.bundle import manifest
from scripts.project import ROOT, project, project_urls, pyproject_with_urls
from scripts.registry_entry import registry_name, server
from scripts.surface.generated_pages import clone_commands

_FETCHER = r"\b(?:pipx?|uv|uvx|npx|bunx|docker|poetry|pdm)\b"
_FETCHED = re.compile(
    # A command that downloads it by its name: its program may follow a `--from` that names something else.
    rf"{_FETCHER}(?:[ \t]+(?:run|add|install|tool|exec|pull|--?[a-zA-Z][\w-]*))*[ \t]+['\"]?{PROGRAM}(?![\w./-])"
    # A requirement with an extra or a version, and a registry's identifier.
    rf"|(?<![\w./-]){PROGRAM}(?:\[\w+\]|==|@\d)"
    rf"|\"identifier\":\s*\"{PROGRAM}\""
    # A page of a package index.
    rf"|(?:pypi\.org|npmjs\.com)/\S*?(?<![\w-]){PROGRAM}(?![\w-])"
)


def test_what_follows_from_the_repositorys_address_is_written() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert pyproject_with_urls(pyproject, project().urls) == pyproject, "run: make surface"
    assert project().urls == project_urls(REPOSITORY_URL)


def test_without_an_address_nothing_is_written() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    unknown = replace(project(), urls=project_urls(""))
    assert "[project.urls]" not in pyproject_with_urls(pyproject, unknown.urls)
    assert "repository" not in server(unknown)
    assert "repository" not in manifest(unknown)
    assert clone_commands("") == ""


def test_with_an_address_everything_names_it() -> None:
    known = replace(project(), urls=project_urls("https://github.com/ada/agents"))
    written = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    pyproject = pyproject_with_urls(written, known.urls)
    assert tomllib.loads(pyproject)["project"]["urls"]["Issues"] == "https://github.com/ada/agents/issues"
    assert pyproject_with_urls(pyproject, known.urls) == pyproject
    assert pyproject_with_urls(pyproject, {}) == pyproject_with_urls(written, {})
    assert server(known)["repository"] == {"url": "https://github.com/ada/agents", "source": "github"}
    assert manifest(known)["support"] == "https://github.com/ada/agents/issues"
    assert registry_name("https://github.com/ada/agents") == f"io.github.ada/{DISTRIBUTION}"
    assert "git clone https://github.com/ada/agents\ncd agents\n" in clone_commands("https://github.com/ada/agents")


def _committed_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_distribution_has_one_name_everywhere() -> None:
    assert project().name == DISTRIBUTION
    assert DISTRIBUTION != PROGRAM
    assert PROGRAMS == (PROGRAM, DISTRIBUTION)
    (package,) = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))["packages"]
    assert package["identifier"] == DISTRIBUTION


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only a clone knows which files are committed")
def test_nothing_tells_anyone_to_download_the_foreign_package() -> None:
    found: list[str] = []
    for path in _committed_files():
        text = path.read_bytes().decode("utf-8", errors="replace")
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in _FETCHED.finditer(text)]
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "uvx {}",
        "uvx {} serve",
        "pip install {}",
        "pip install -U '{}[demo]'",
        "pipx install {}",
        "pipx run {}",
        "uv tool install {}",
        "uv tool run {} serve",
        "npx -y {}",
        '"identifier": "{}"',
        "uvx --from '{}[demo]' something",
        "https://pypi.org/project/{}/",
    ],
)
def test_a_line_that_downloads_it_would_be_seen(line: str) -> None:
    assert _FETCHED.search(line.format(PROGRAM))
    assert not _FETCHED.search(line.format(DISTRIBUTION))


def test_one_page_warns_of_it() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    warnings = {
        page.name: len(re.findall(r"on PyPI is another project's", page.read_text(encoding="utf-8"))) for page in pages
    }
    assert {name: count for name, count in warnings.items() if count} == {"troubleshooting.md": 1}
