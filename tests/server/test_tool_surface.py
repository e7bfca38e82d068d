"""What a model is told of the settings that a person has to change, by the client that it runs in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentos_mcp.agentos.hints import Page
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.install.client_table import CLIENTS
from agentos_mcp.server.tool_selection import ToolSelection
from agentos_mcp.server.tool_surface import INSTALL_KEYS, ToolSurface
from agentos_mcp.settings import Settings, Token
from agentos_mcp.tooling.context import open_backend
from scripts.surface.tokens import count_tokens
from tests._support.mcp_client import Connect

pytestmark = pytest.mark.anyio


def test_every_client_is_one_that_install_knows() -> None:
    assert {*INSTALL_KEYS.values()} <= {client.key for client in CLIENTS}


@pytest.mark.parametrize(
    ("client_name", "key"),
    [
        ("claude-ai", "claude-desktop"),
        ("codex-mcp-client", "codex"),
        ("cursor-vscode", "cursor"),
        ("Visual Studio Code", "vscode"),
    ],
)
async def test_token_is_given_with_the_line_for_the_client(
    connect: Connect, locked_agentos: str, client_name: str, key: str
) -> None:
    line = f"`agentos-mcp install {key} --url {locked_agentos} --token-file PATH`"
    async with connect(locked_agentos, client_name=client_name) as peer:
        assert line in await peer.error("list_agents")
        assert line in (peer.client.instructions or "")


async def test_token_is_given_by_its_file_where_there_is_one(
    connect: Connect, locked_agentos: str, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text("wrong")
    async with connect(locked_agentos, token=Token(file=path), client_name="claude-ai") as peer:
        error = await peer.error("list_agents")
    assert f"into {path}, which is read again at once" in error
    assert "install" not in error


async def test_client_that_is_not_known_is_told_the_flag(connect: Connect, locked_agentos: str) -> None:
    async with connect(locked_agentos) as peer:
        assert "give --token-file PATH" in await peer.error("list_agents")


UUID = "6a425f06-d6e7-476e-b23e-e41fc46a6abf"


@pytest.mark.parametrize(
    ("run", "settings", "command"),
    [
        (UUID, {}, "agentos-mcp view 6a425f06 --url http://localhost:7777"),
        ("nw7rtz5b7z", {"profile": "prod"}, "agentos-mcp view nw7rtz5b7z --profile prod"),
        ("run 1; rm -rf", {}, "agentos-mcp view agent/a/s/run%201%3B%20rm%20-rf --url http://localhost:7777"),
        ("last", {}, "agentos-mcp view agent/a/s/last --url http://localhost:7777"),
        ("0" * 32, {}, f"agentos-mcp view agent/a/s/{'0' * 32} --url http://localhost:7777"),
        ("-o", {}, "agentos-mcp view agent/a/s/-o --url http://localhost:7777"),
        (
            UUID,
            {"token": Token(file=Path("/my keys/token"))},
            "agentos-mcp view 6a425f06 --url http://localhost:7777 --token-file '/my keys/token'",
        ),
        (UUID, {"token": Token("secret")}, "agentos-mcp view 6a425f06 --url http://localhost:7777"),
    ],
    ids=["uuid", "profile", "not an id", "a word", "like a trace's", "a flag", "token file", "token"],
)
async def test_page_is_a_command_that_reaches_the_same_agentos(
    run: str, settings: dict[str, Any], command: str
) -> None:
    page = Page(run, str(RunRef("agent", "a", "s", run)))
    async with open_backend(Settings(**settings)) as backend:
        surface = ToolSurface(ToolSelection(backend.settings), backend)
        assert surface.for_client("", opens_pages=True).page(page) == f"`{command}`"
        assert surface.for_client("").page(page) == ""


def test_page_s_line_costs_at_most_30_tokens() -> None:
    (tokens,) = count_tokens(["For the user, as a page: `agentos-mcp view 6a425f06 --url http://localhost:7777`\n"])
    assert tokens <= 30
