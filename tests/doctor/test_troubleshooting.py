"""What the page on troubleshooting quotes is what the program prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agentos_mcp.doctor.findings import summary
from agentos_mcp.settings import Token
from tests._support.doctor_checks import SYSTEM, UNUSED_URL, run_address_checks, run_client_checks
from tests._support.foreign_servers import free_port, port_of
from tests._support.machines import CLIENTS_BY_KEY, Machine
from tests._support.mcp_client import connector
from tests.conftest import KEY

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
SOURCE = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "agentos_mcp").rglob("*.py"))


async def tool_error(url: str, tool: str = "list_agents", token: str = "") -> str:
    """The error of a tool that fails."""
    async with connector("auto")(url, token=Token(token)) as peer:
        return await peer.error(tool)


def find_quote(error: str) -> str:
    """The sentence that the page quotes from the beginning of an error."""
    quotes = re.findall(r"`([^`\n]+)`", PAGE)
    quote = next((quote for quote in quotes if quote.rstrip(" .") and error.startswith(quote)), "")
    assert quote, f"the page does not quote: {error}"
    return quote


async def test_page_quotes_the_errors_of_tools(sample_agentos: str, locked_agentos: str) -> None:
    assert find_quote(await tool_error(UNUSED_URL)) == "No AgentOS answers at"
    assert find_quote(await tool_error(locked_agentos)) == "AgentOS requires a token"
    assert find_quote(await tool_error(locked_agentos, token=f"no-{KEY}")) == "AgentOS refuses the token"
    assert find_quote(await tool_error(sample_agentos, "create_schedule")) == "Unknown tool"


@pytest.mark.parametrize(
    "sentence",
    [
        "The token does not allow this",
        "There are several databases for this.",
        "was restarted after it started and has no live events of it",
        "AgentOS did not take the answers: ",
        "These answers were not used: ",
        "Still running:",
        "it is not an AgentOS",
        "This server asks for a token",
        "This server does not answer to",
        "It is off here",
    ],
)
def test_page_quotes_sentences_of_the_source(sentence: str) -> None:
    assert sentence in PAGE
    assert sentence in SOURCE


async def test_page_example_is_what_the_doctor_prints(machine: Machine, sample_agentos: str) -> None:
    example = PAGE.split("```\n")[2]
    missing = str(machine.root / "agentos-mcp")
    client = CLIENTS_BY_KEY["cursor"]
    entry = {"command": missing, "args": ["serve", "--url", sample_agentos]}
    path = machine.write_config("cursor", client.section.put("", "agentos", entry))
    wrong = f"http://localhost:{free_port()}"
    (cursor,) = (await run_client_checks(machine)).findings
    (url,) = (await run_address_checks(wrong, [port_of(sample_agentos)])).findings
    names = {
        str(path): "/home/ada/.cursor/mcp.json",
        missing: "/old/bin/agentos-mcp",
        wrong: "http://localhost:7778",
        sample_agentos: "http://localhost:7777",
        f"http://localhost:{port_of(sample_agentos)}": "http://localhost:7777",
        "Sample (sample)": "Newsroom (newsroom)",
    }
    printed = "\n".join([url.render(SYSTEM), cursor.render(SYSTEM), summary([url, cursor])])
    for name, name_on_the_page in names.items():
        printed = printed.replace(name, name_on_the_page)
    for line in printed.splitlines():
        assert line in example.splitlines()


def test_page_table_links_to_every_section() -> None:
    table = PAGE.partition("| what you see | go to |")[2].partition("\n\n")[0]
    parts = set(re.findall(r"\]\(#([\w-]+)\)", table))
    headings = {heading.casefold().replace(" ", "-") for heading in re.findall(r"^### (.+)$", PAGE, re.MULTILINE)}
    assert parts == headings


def test_page_sections_say_what_to_do() -> None:
    for part in PAGE.split("\n### ")[1:]:
        assert "**Do:**" in part, part.splitlines()[0]
