"""What a model is told of the settings that a person has to change, by the client that it runs in."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos_mcp.install.client_table import CLIENTS
from agentos_mcp.server.tool_surface import INSTALL_KEYS
from agentos_mcp.settings import Token
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
