"""What the page on troubleshooting quotes is what people see."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentos_mcp.settings import Token
from tests._support.doctor_checks import DOWN, look_at_clients, look_for
from tests._support.foreign_servers import free_port, port_of
from tests._support.machines import BY_KEY, Machine
from tests._support.mcp_client import connector
from tests.conftest import KEY

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "agentos_mcp").rglob("*.py"))


async def said(url: str, tool: str = "list_agents", token: str = "") -> str:
    """What a tool says that fails."""
    async with connector("auto")(url, token=Token(token)) as peer:
        return await peer.error(tool)


def quoted(words: str) -> str:
    """The sentence of ours in what was said that the page quotes; it has to."""
    begin = next((one for one in re.findall(r"`([^`\n]+)`", PAGE) if one.rstrip(" .") and words.startswith(one)), "")
    assert begin, f"the page does not quote: {words}"
    return begin


async def test_what_the_tools_say_is_quoted(sample_agentos: str, locked_agentos: str) -> None:
    assert quoted(await said(DOWN)) == "No AgentOS answers at"
    assert quoted(await said(locked_agentos)) == "AgentOS wants a token"
    assert quoted(await said(locked_agentos, token=f"no-{KEY}")) == "AgentOS refuses the token"
    assert quoted(await said(sample_agentos, "create_schedule")) == "Unknown tool"


@pytest.mark.parametrize(
    "words",
    [
        "The token does not allow this",
        "This lies in several databases.",
        "was restarted after it began and has no live events of it",
        "AgentOS did not take the answers: ",
        "These answers were not used: ",
        "Still going:",
        "it is no AgentOS",
        "This server asks for a token",
        "This server does not answer to",
        "It is off here",
    ],
)
def test_what_is_quoted_is_what_the_program_says(words: str) -> None:
    assert words in PAGE
    assert words in SOURCE


async def test_its_example_is_what_the_doctor_prints(machine: Machine, sample_agentos: str) -> None:
    example = PAGE.split("```\n")[2]
    missing = str(machine.root / "agentos-mcp")
    client = BY_KEY["cursor"]
    place = machine.has("cursor", client.section.put("", "agentos", {"command": missing, "args": ["serve"]}))
    (cursor,) = (await look_at_clients(machine)).findings
    words = cursor.line().replace(str(place), "/home/ada/.cursor/mcp.json").replace(missing, "/old/bin/agentos-mcp")
    assert words in example
    wrong = f"http://localhost:{free_port()}"
    (url,) = (await look_for(wrong, machine.root, [port_of(sample_agentos)])).findings
    told = url.line().replace(wrong, "http://localhost:7778")
    assert told.replace(f"http://localhost:{port_of(sample_agentos)}", "http://localhost:7777") in example


def test_every_symptom_leads_to_its_part() -> None:
    table = PAGE.partition("| what you see | go to |")[2].partition("\n\n")[0]
    parts = set(re.findall(r"\]\(#([\w-]+)\)", table))
    headings = {heading.casefold().replace(" ", "-") for heading in re.findall(r"^### (.+)$", PAGE, re.MULTILINE)}
    assert parts == headings


def test_every_part_says_what_to_do() -> None:
    for part in PAGE.split("\n### ")[1:]:
        assert "**Do:**" in part, part.splitlines()[0]
