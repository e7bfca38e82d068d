"""Every piece of configuration that a page shows can be read, and starts what it says."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import pytest
from ruamel.yaml import YAML

from agentos_mcp.install.started_program import is_agentos_mcp_command
from tests._support.markdown_pages import PAGES, Block
from tests._support.page_commands import PATH, URL
from tests._support.processes import MODULE, RawServer
from tests._support.shell_commands import LANGUAGES, NOT_RUN, parsed

DATA = {"json", "jsonc", "toml", "yaml"}
NOT_READ = {
    "": "what a program says",
    "text": "likewise",
    "nginx": "a proxy's",
    "caddyfile": "a proxy's",
    "python": "an AgentOS's",
}
"""Languages that nothing is made of here."""
_REFERENCE = re.compile(r"\$?\{(?:env:|input:)?[\w-]+\}|\$\w+")
_COMMENTS = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)

BLOCKS = [block for page in PAGES for block in page.blocks]


@dataclass(frozen=True)
class Entry:
    """What a client would start."""

    command: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]

    @property
    def arguments(self) -> list[str]:
        return list(self.command[1:])


def read(block: Block) -> Any:
    if block.language == "toml":
        return tomllib.loads(block.text)
    if block.language == "yaml":
        return YAML(typ="safe", pure=True).load(block.text)
    text = _COMMENTS.sub(lambda found: found[1] or "", block.text) if block.language == "jsonc" else block.text
    return json.loads(text)


def entries(document: Any) -> Iterator[Entry]:
    """Every entry of ours in a client's configuration, whatever it is called there."""
    if isinstance(document, Mapping):
        command = document.get("command", document.get("cmd"))
        parts = [*command] if isinstance(command, list) else [command, *document.get("args", ())] if command else []
        if all(isinstance(part, str) for part in parts) and parts and is_agentos_mcp_command(parts):
            given: Mapping[str, str] = next(
                (document[key] for key in ("env", "environment", "envs") if key in document), {}
            )
            yield Entry(tuple(parts), tuple(sorted(given.items())))
        for value in document.values():
            yield from entries(value)
    elif isinstance(document, list):
        for value in document:
            yield from entries(value)


SHOWN = {entry: block for block in BLOCKS if block.language in DATA for entry in entries(read(block))}
"""Each different entry, and a block that shows it."""


def test_every_block_says_what_it_is() -> None:
    assert not [str(block) for block in BLOCKS if block.language not in {*DATA, *LANGUAGES, *NOT_READ}]


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in DATA], ids=str)
def test_a_block_of_data_can_be_read(block: Block) -> None:
    assert read(block)


def test_a_client_by_hand_is_shown() -> None:
    assert any(block.page == "docs/clients.md" for block in SHOWN.values())


@pytest.mark.parametrize("entry", SHOWN, ids=lambda entry: str(SHOWN[entry]))
def test_an_entry_starts_a_server_that_lists_its_tools(entry: Entry, agent_os_of_pages: str, token_file: Path) -> None:
    if PurePath(entry.command[0]).name in NOT_RUN:
        pytest.skip(NOT_RUN[PurePath(entry.command[0]).name])
    assert entry.command[0] == PATH, "clients don't see the shell's PATH"
    parsed(entry.arguments)

    def here(text: str, *, is_file: bool) -> str:
        if is_file:
            return str(token_file)
        return _REFERENCE.sub("a-token", text.replace(URL, agent_os_of_pages))

    before = ["", *entry.arguments]
    arguments = [
        here(argument, is_file=flag == "--token-file") for flag, argument in zip(before, entry.arguments, strict=False)
    ]
    environment = {name: here(value, is_file=name.endswith("_FILE")) for name, value in entry.environment}
    with RawServer(*arguments, command=MODULE, given={"AGENTOS_URL": agent_os_of_pages} | environment) as server:
        hello = server.shake_hands()
        assert server.tool_names()
        assert "cannot be used" not in hello["instructions"]
