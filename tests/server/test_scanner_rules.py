"""Scanners of MCP servers take some words in what clients are told for code: they would report a harmless server."""

from __future__ import annotations

import json
import re

import pytest

from tests._support.mcp_client import Connect

pytestmark = pytest.mark.anyio
ONE_ERA = True

LOOKS_LIKE_CODE = re.compile(r"\b(Exec|Run|ShellExecute)\s*\(", re.IGNORECASE)
"""A rule of Cisco's MCP scanner, which compares without regard to case."""


async def test_surface_has_nothing_that_a_scanner_takes_for_code(connect: Connect, sample_agentos: str) -> None:
    async with connect(
        sample_agentos, toolsets=("all",), expose=(("agents", ""), ("teams", ""), ("workflows", ""))
    ) as peer:
        client = peer.client
        listings = [
            await client.list_tools(),
            await client.list_prompts(),
            await client.list_resources(),
            await client.list_resource_templates(),
        ]
        texts = [listing.model_dump_json(by_alias=True, exclude_none=True) for listing in listings]
        texts.append(json.dumps(client.instructions or ""))
    assert len(json.loads(texts[0])["tools"]) > 80
    assert json.loads(texts[1])["prompts"]
    for text in texts:
        assert not LOOKS_LIKE_CODE.findall(text)


def test_scanner_rule_finds_what_it_is_for() -> None:
    assert LOOKS_LIKE_CODE.search("before its first run (runs open their own)")
