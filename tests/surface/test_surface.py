"""What every client is told of every tool, whatever it does, and what that costs."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from agentos_mcp.settings import Settings
from agentos_mcp.tooling.mcp_tool import mcp_tool
from agentos_mcp.tooling.tool_spec import ToolSpec
from agentos_mcp.tools import TOOLSETS
from scripts.score_card.tool_definitions import SELF_EXPLAINING
from scripts.surface.tool_list import listed, total

DECLARED = [tool for toolset in TOOLSETS for tool in toolset.tools]
FORBIDDEN = {"anyOf", "oneOf", "allOf", "not", "$ref", "$defs", "title", "additionalProperties"}

MOST_ON = 20
MOST_TOKENS_ON = 1_900
MOST_TOKENS = 7_500
MOST_TOKENS_OF_ONE = 300


def keys_of(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in keys_of(inner)}
    if isinstance(value, list):
        return {key for inner in value for key in keys_of(inner)}
    return set()


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.name)
class TestTool:
    def test_it_has_a_title_a_description_and_all_four_hints(self, declared: ToolSpec) -> None:
        tool = mcp_tool(declared, Settings())
        assert tool.title
        assert tool.description
        assert tool.annotations
        hints = tool.annotations
        assert None not in (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint)
        assert not (hints.read_only_hint and hints.destructive_hint)

    def test_its_schema_is_flat_and_lean(self, declared: ToolSpec) -> None:
        schema = mcp_tool(declared, Settings()).parameters
        properties = schema["properties"]
        assert not keys_of({**schema, "properties": list(properties.values())}) & FORBIDDEN
        for name, about in properties.items():
            assert isinstance(about.get("type"), str), name
            assert about.get("default", "") is not None
            if about["type"] == "array":
                assert isinstance(about["items"].get("type"), str), name

    def test_its_words_are_not_taken_for_code(self, declared: ToolSpec) -> None:
        tool = mcp_tool(declared, Settings())
        words = json.dumps([tool.description, tool.parameters])
        assert not re.search(r"\b(Exec|Run|ShellExecute)\s*\(", words, re.IGNORECASE), "scanners have such a rule"

    def test_its_name_fits_every_client(self, declared: ToolSpec) -> None:
        assert len(declared.name) <= 40
        assert declared.name.replace("_", "").isalnum()


@pytest.mark.parametrize("declared", DECLARED, ids=lambda declared: declared.name)
def test_parameter_that_does_not_explain_itself_is_described(declared: ToolSpec) -> None:
    properties = mcp_tool(declared, Settings()).parameters["properties"]
    assert not {name for name, schema in properties.items() if not schema.get("description")} - SELF_EXPLAINING


def test_names_are_not_used_twice() -> None:
    names = [declared.name for declared in DECLARED]
    assert len(set(names)) == len(names)


def test_a_harmless_tool_is_listed_first() -> None:
    assert DECLARED[0].name == "list_agents"
    assert not mcp_tool(DECLARED[0], Settings()).parameters["properties"]


def test_what_is_on_by_default_is_little() -> None:
    tools, tokens = total(default_only=True)
    assert tools <= MOST_ON
    assert tokens <= MOST_TOKENS_ON


def test_all_tools_together_are_affordable() -> None:
    _, tokens = total(default_only=False)
    assert tokens <= MOST_TOKENS


def test_no_tool_is_a_burden_by_itself() -> None:
    assert not [f"{tool.name}: {tool.tokens}" for tool in listed() if tool.tokens > MOST_TOKENS_OF_ONE]
