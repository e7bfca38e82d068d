"""What every client is told of every tool, whatever it does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agentos_mcp.bridge.toolset import Declared, mcp_tool
from agentos_mcp.settings import Settings
from agentos_mcp.tools import TOOLSETS

DECLARED = [tool for toolset in TOOLSETS for tool in toolset.tools]
FORBIDDEN = {"anyOf", "oneOf", "allOf", "$ref", "$defs", "title", "additionalProperties"}


def keys_of(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys_of(inner)}
    if isinstance(value, list):
        return {key for inner in value for key in keys_of(inner)}
    return set()


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.name)
class TestTool:
    def test_it_has_a_title_a_description_and_all_four_hints(self, declared: Declared) -> None:
        tool = mcp_tool(declared, Settings())
        assert tool.title
        assert tool.description
        assert tool.annotations
        hints = tool.annotations
        assert None not in (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint)
        assert not (hints.read_only_hint and hints.destructive_hint)

    def test_its_schema_is_flat_and_lean(self, declared: Declared) -> None:
        schema = mcp_tool(declared, Settings()).parameters
        assert not keys_of(schema) & FORBIDDEN
        for name, about in schema["properties"].items():
            assert isinstance(about.get("type"), str), name
            assert about.get("default", "") is not None

    def test_its_name_fits_every_client(self, declared: Declared) -> None:
        assert len(declared.name) <= 40
        assert declared.name.replace("_", "").isalnum()


def test_names_are_not_used_twice() -> None:
    names = [declared.name for declared in DECLARED]
    assert len(set(names)) == len(names)


def test_a_harmless_tool_is_listed_first() -> None:
    assert DECLARED[0].name == "list_agents"
    assert not mcp_tool(DECLARED[0], Settings()).parameters["properties"]


def test_the_whole_surface_is_small() -> None:
    surface = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
        for tool in (mcp_tool(one, Settings()) for one in DECLARED)
    ]
    assert len(json.dumps(surface, separators=(",", ":"), ensure_ascii=False)) < 7000
