from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from agentos_mcp.settings import Token
from tests._support.agentos.stored_components import JWT_KEY_VARIABLE, LONG_FILE
from tests._support.agentos_pool import AgentOSPool
from tests._support.http_answers import http_json
from tests._support.mcp_client import Connect
from tests._support.running_agentos import running_agentos
from tests._support.scripted_agentos import CONFIG, scripted_agentos

pytestmark = pytest.mark.anyio
ONE_ERA = True

JWT_KEY = "a key that is long enough for HS256"
NOTES = "team/notes"


@pytest.fixture(scope="module")
def studio(agentoses: AgentOSPool) -> str:
    return agentoses.url("stored_components")


@pytest.fixture(scope="module")
def guarded_studio() -> Iterator[str]:
    """The same, where a token names the user."""
    with running_agentos(
        build="tests._support.agentos.stored_components:build", environment={JWT_KEY_VARIABLE: JWT_KEY}
    ) as url:
        yield url


def token(user: str, *scopes: str) -> Token:
    return Token(jwt.encode({"sub": user, "scopes": list(scopes), "aud": "studio"}, JWT_KEY, "HS256"))


READER = ("config:read", "agents:read", "filesystem:read")


def content(said: str) -> str:
    """The file's words in a result."""
    match = re.search(r"^```\n(.*)\n```$", said, re.DOTALL | re.MULTILINE)
    assert match, said
    return match[1]


async def test_list_agent_files_shows_all_files_with_their_owners(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        text = await peer.text("list_agent_files")
    monday = r"^\| team/notes \| diary/monday\.md \| 34 \| 20[-\d: ]+ UTC \| drafter, keeper \|$"
    assert re.search(monday, text, re.MULTILINE)
    assert text.endswith("Kept by user, shown only to a token that names one: diaries.")


async def test_agents_files_are_listed_a_directory_at_a_time(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        top = await peer.text("list_agent_files", agent_id="the note keeper")
        assert "| diary/ |" in top
        assert "| plan.md | 86890 |" in top
        assert "monday" not in top
        assert "namespace team/notes: 4 files, 88,019 bytes" in top
        inside = await peer.text("list_agent_files", namespace=NOTES, directory="diary")
        assert "| diary/monday.md | 34 |" in inside
        assert "plan.md" not in inside
        first = await peer.text("list_agent_files", namespace=NOTES, limit=1)
        assert "1 of 3; page=2 has more" in first
        assert "| empty.md |" in await peer.text("list_agent_files", namespace=NOTES, limit=1, page=2)


async def test_agents_other_namespaces_are_named_and_can_be_asked_for(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        text = await peer.text("list_agent_files", agent_id="drafter")
        assert text == "Nothing there (namespace drafts: 0 files, 0 bytes; this agent's other namespaces: team/notes)."
        assert "| plan.md |" in await peer.text("list_agent_files", agent_id="drafter", namespace=NOTES)


async def test_file_is_read_with_its_facts(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        text = await peer.text("read_agent_file", path="diary/monday.md", agent_id="keeper")
        assert text.startswith("# diary/monday.md\nnamespace: team/notes\nagents: keeper\nsize: 34 bytes, 2 lines\n")
        assert content(text) == "Planted honey trees.\nFed the cat."
        empty = await peer.text("read_agent_file", path="empty.md", namespace=NOTES)
    assert "size: 0 bytes" in empty
    assert "```" not in empty


async def test_long_file_is_read_piece_by_piece_and_nothing_is_lost(connect: Connect, studio: str) -> None:
    pieces, offset = [], 0
    async with connect(studio, toolsets=("all",)) as peer:
        while True:
            text = await peer.text("read_agent_file", path="plan.md", agent_id="keeper", offset=offset)
            pieces.append(content(text))
            assert len(text) < 6000 * 4
            assert "more characters]" not in text
            if not (further := re.search(r"It goes on: read_agent_file with offset=(\d+)\.$", text)):
                break
            offset = int(further[1])
    assert len(pieces) > 2
    assert "".join("".join(pieces).split()) == "".join(LONG_FILE.split())


async def test_read_agent_file_keeps_the_limit_of_characters(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        text = await peer.text("read_agent_file", path="plan.md", agent_id="keeper", offset=5, limit=13)
    assert content(text) == LONG_FILE[5:18]
    assert text.endswith("It goes on: read_agent_file with offset=18.")


async def test_search_agent_files_finds_words_in_any_case(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        everywhere = await peer.text("search_agent_files", query=" HONEY ")
        assert "| team/notes | diary/monday.md | 1 | 1 | Planted honey trees. Fed the cat. |" in everywhere
        assert "Kept by user" in everywhere
        tuesday = next(line for line in everywhere.splitlines() if "tuesday" in line)
        assert "A long day. Honey for tea. And so to bed." in tuesday
        assert "tuesday" not in await peer.text("search_agent_files", query="cat", agent_id="keeper", directory="diary")
        nothing = await peer.text("search_agent_files", query="elephant", namespace=NOTES)
    assert nothing == "No file contains 'elephant'. Try a single word of it."


async def test_shared_files_are_readable_on_a_server_for_one_user(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",), user_id="ann") as peer:
        assert "Fed the cat" in await peer.text("read_agent_file", path="diary/monday.md", agent_id="keeper")
        assert "Fed the cat" in await peer.text("search_agent_files", query="cat", agent_id="keeper")


async def test_files_kept_by_user_need_a_token_that_names_one(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        for tool, more in (
            ("list_agent_files", {}),
            ("read_agent_file", {"path": "today.md"}),
            ("search_agent_files", {"query": "honey"}),
        ):
            error = await peer.error(tool, agent_id="diarist", **more)
            assert error.endswith("These files are kept by user: start agentos-mcp with a token that names one.")


async def test_agent_files_of_another_user_are_not_shown(connect: Connect, guarded_studio: str) -> None:
    async with connect(guarded_studio, toolsets=("all",), token=token("ann", *READER)) as peer:
        assert "| diaries | today.md |" in await peer.text("list_agent_files")
        assert content(await peer.text("read_agent_file", path="today.md", agent_id="diarist")) == "ann hid the honey"
        text = await peer.text("search_agent_files", query="hid", agent_id="diarist")
        assert "ann hid" in text
        assert "bob" not in text
        error = await peer.error("read_agent_file", path="today.md", agent_id="diarist", user_id="bob")
    assert "Only an admin may browse another user's files" in error


async def test_read_agent_file_takes_the_owner_from_an_admin(connect: Connect, guarded_studio: str) -> None:
    async with connect(guarded_studio, toolsets=("all",), token=token("boss", "agent_os:admin")) as peer:
        listed = await peer.text("list_agent_files", agent_id="diarist")
        assert "| ann |" in listed
        assert "| bob |" in listed
        assert "Kept by user" not in await peer.text("list_agent_files")
        error = await peer.error("read_agent_file", path="today.md", agent_id="diarist")
        assert error.endswith("list_agent_files shows the paths, and whose they are (user_id).")
        read = await peer.text("read_agent_file", path="today.md", agent_id="diarist", user_id="bob")
        assert content(read) == "bob hid the honey"
        text = await peer.text("search_agent_files", query="hid", namespace="diaries", user_id="bob")
    assert "bob hid" in text
    assert "ann hid" not in text


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("list_agent_files", {"agent_id": "plain"}, "keeps no files. These do: diarist, drafter, keeper."),
        ("list_agent_files", {"agent_id": "elephant"}, "No agent 'elephant'."),
        ("list_agent_files", {"namespace": "nope"}, "The namespaces are: diaries, drafts, team/notes."),
        ("list_agent_files", {"agent_id": "keeper", "namespace": "drafts"}, "There are no such files."),
        ("list_agent_files", {"directory": "diary"}, "Give agent_id or namespace, too."),
        ("list_agent_files", {"agent_id": "keeper", "directory": "../x"}, "segments '.' and '..' are not allowed"),
        ("list_agent_files", {"limit": 101}, "'limit'"),
        ("read_agent_file", {"path": "plan.md"}, "Give agent_id or namespace. list_agent_files shows them."),
        ("read_agent_file", {"path": " ", "agent_id": "keeper"}, "The path is empty."),
        ("read_agent_file", {"path": "no pe", "agent_id": "keeper"}, "No file 'no%20pe' there. list_agent_files shows"),
        ("read_agent_file", {"path": "diary", "agent_id": "keeper"}, "No file 'diary' there."),
        ("read_agent_file", {"path": "/../x", "agent_id": "keeper"}, "segments '.' and '..' are not allowed"),
        ("read_agent_file", {"path": "plan.md", "agent_id": "keeper", "offset": 10**6}, "Begin with offset=0."),
        ("read_agent_file", {"path": "plan.md", "agent_id": "keeper", "offset": -1}, "'offset'"),
        ("search_agent_files", {"query": " "}, "The query is empty."),
        ("search_agent_files", {"query": "x" * 201}, "The query is longer than 200 characters."),
        ("search_agent_files", {"query": "x", "directory": "diary"}, "Give agent_id or namespace, too."),
        ("search_agent_files", {"query": "x", "agent_id": "plain"}, "keeps no files."),
    ],
)
async def test_agent_file_that_is_not_found_says_where_to_look(
    connect: Connect, studio: str, tool: str, arguments: dict[str, Any], expected: str
) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        assert expected in await peer.error(tool, **arguments)


async def test_list_agent_files_without_a_filesystem_says_so(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        assert (await peer.text("list_agent_files")).startswith("No agent here keeps files")
        error = await peer.error("list_agent_files", agent_id="echo")
    assert error.startswith("Agent 'echo' keeps no files. No agent here keeps files")


async def test_list_agent_files_is_shorter_than_the_rest_answer(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        listed = await peer.text("list_agent_files", namespace=NOTES, directory="diary")
    async with httpx.AsyncClient(base_url=studio) as rest:
        query = {"namespace": NOTES, "directory": "diary"}
        answer = (await rest.get("/filesystem/entries", params=query)).json()
    assert len(listed) < len(json.dumps(answer)) / 2


async def test_size_that_agentos_does_not_say_is_left_out(connect: Connect) -> None:
    holder = {"namespace": "notes", "agents": [{"id": "writer"}]}
    file = {"type": "file", "path": "a.txt", "namespace": "notes"}
    answers = {
        "/config": http_json({**CONFIG, "filesystem": {"namespaces": [holder]}}),
        "/filesystem/entries": http_json({"namespace": "notes", "entries": [file], "usage": {"file_count": 1}}),
        "/filesystem/content": http_json({**file, "content": "words", "line_count": 1}),
    }
    async with scripted_agentos(answers) as server, connect(server.url, toolsets=("all",)) as peer:
        assert (await peer.text("list_agent_files", agent_id="writer")).endswith("namespace notes: 1 file")
        text = await peer.text("read_agent_file", agent_id="writer", path="a.txt")
    assert "size: 1 line\n" in text
    assert content(text) == "words"
