"""What is written of the tools is what the code says."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from agno.client import AgentOSClient

from scripts.surface.client_methods import METHODS
from scripts.surface.generated_pages import PAGES, written
from scripts.surface.tool_list import listed
from scripts.surface.tool_snapshots import FOLDER, snapshots

STALE = "It is not what the code says: run `make surface`."


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.process
def test_a_page_says_what_the_code_does(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text == written(text), STALE


def test_every_tool_has_a_snapshot_that_fits_and_no_other_is_left() -> None:
    kept = {file: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.json")}
    assert kept == snapshots(), STALE


def test_every_method_of_agentos_client_is_done_by_a_tool_or_left_out_on_purpose() -> None:
    methods = {name for name, _ in inspect.getmembers(AgentOSClient, callable) if not name.startswith("_")}
    done = {method for part in METHODS.values() for method in part}
    assert done == methods


def test_a_tool_that_is_said_to_do_a_methods_work_exists() -> None:
    named = {tool for part in METHODS.values() for tools in part.values() for tool in tools}
    assert not named - {tool.name for tool in listed()}


def test_only_migrations_are_left_out() -> None:
    assert [name for part in METHODS.values() for name, tools in part.items() if not tools] == ["migrate_database"]


def test_nothing_mints_credentials_or_migrates() -> None:
    assert not [
        tool.name for tool in listed() if {"service-accounts", "migrate"} & set(tool.declared.endpoint.split("/"))
    ]
