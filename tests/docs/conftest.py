"""Somebody who follows the pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests._support.page_commands import Person, a_run


@pytest.fixture(scope="session")
def agent_os_of_pages(demo: str) -> str:
    """The AgentOS of the pages' commands, which add to it."""
    return demo


@pytest.fixture(scope="session")
def run_of_pages(agent_os_of_pages: str) -> str:
    return a_run(agent_os_of_pages)


@pytest.fixture
def person(tmp_path: Path, agent_os_of_pages: str, run_of_pages: str) -> Person:
    return Person(tmp_path, agent_os_of_pages, run_of_pages)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("a-token\n", encoding="utf-8")
    return file
