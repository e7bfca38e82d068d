from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp.client.context import ClientRequestContext
from mcp_types import ElicitRequestParams, ElicitResult

from agentos_mcp.tools.knowledge import ingest
from tests._support.agentos.knowledge_bases import FOLDER_VARIABLE
from tests._support.mcp_client import Connect
from tests._support.running_agentos import running_agentos
from tests._support.web_pages import Pages, serve_pages

pytestmark = pytest.mark.anyio
ONE_ERA = True

ALL: dict[str, Any] = {"toolsets": ("all",)}
SHORT: dict[str, Any] = {"toolsets": ("all",), "wait": 1.5}
"""For what never settles."""
MAIN: dict[str, Any] = {"knowledge_id": "main hall"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each era, with two files."""
    root = tmp_path_factory.mktemp("folders")
    for era in ("legacy", "auto"):
        (root / era).mkdir()
        (root / era / "stays.txt").write_text(f"In {era} a lamp stands by the door.")
        (root / era / "changes.txt").write_text(f"In {era} the door is red.")
    return root


@pytest.fixture(scope="module")
def library(folders: Path) -> Iterator[str]:
    """An AgentOS with three knowledge bases, two of them in one database."""
    with running_agentos(
        build="tests._support.agentos.knowledge_bases:build", environment={FOLDER_VARIABLE: str(folders)}
    ) as url:
        yield url


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    with serve_pages({"/tides.txt": "Tides follow the moon.", "/held.txt": "It took its time."}) as served:
        yield served


@pytest.fixture
async def shelves(library: str) -> AsyncIterator[httpx.AsyncClient]:
    """The library's own REST API."""
    async with httpx.AsyncClient(base_url=library, timeout=30) as client:
        yield client


async def bases(rest: httpx.AsyncClient) -> dict[str, str]:
    """The ids of the knowledge bases, by name."""
    config = (await rest.get("/config")).json()
    return {each["name"]: each["id"] for each in config["knowledge"]["knowledge_instances"]}


async def rows(rest: httpx.AsyncClient, base: str = "Main Hall") -> dict[str, dict[str, Any]]:
    """The contents of a knowledge base, by name."""
    query: dict[str, str | int] = {"knowledge_id": (await bases(rest))[base], "limit": 1000}
    return {each["name"]: each for each in (await rest.get("/knowledge/content", params=query)).json()["data"]}


def id_in(words: str) -> str:
    """ "Added 'x' (content 123). ..." -> "123"."""
    return words.partition("(content ")[2].partition(")")[0]


# Searching


async def test_search_knowledge_fences_the_passages(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        text = await peer.text("search_knowledge", query="how long does a giraffe sleep?", max_results=1)
    assert (
        re.sub(r"0\.\d\d", "0.nn", text) == "1. giraffe (score 0.nn)\n```\nA giraffe sleeps about two hours a day.\n```"
    )


async def test_search_knowledge_filters_by_metadata(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        text = await peer.text("search_knowledge", query="a giraffe or a penguin", filters={"kind": "bird"})
    assert "penguin" in text
    assert "giraffe" not in text


async def test_search_knowledge_without_a_result_says_so(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        text = await peer.text("search_knowledge", query="giraffe", filters={"kind": "mineral"})
    assert text == "Nothing found for 'giraffe'. Try other words."


async def test_empty_query_is_refused(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert "The query is empty" in await peer.error("search_knowledge", query=" ")


async def test_type_of_a_search_reaches_the_vector_database(connect: Connect, library: str) -> None:
    async with connect(library) as peer:
        by_words = await peer.text(
            "search_knowledge", query="annex guide", search_type="keyword", knowledge_id="annex", max_results=1
        )
        assert by_words.startswith("Nothing found")
        by_meaning = await peer.text(
            "search_knowledge", query="annex guide", search_type="vector", knowledge_id="annex", max_results=1
        )
        assert "maps of the moon" in by_meaning


async def test_search_type_that_would_silently_be_another_is_refused(connect: Connect, library: str) -> None:
    async with connect(library) as peer:
        error = await peer.error("search_knowledge", query="moon", search_type="hybrid", knowledge_id="annex")
        assert error == ("This knowledge base has no hybrid search. Leave search_type out, or use: vector, keyword.")
        assert "'search_type'" in await peer.error("search_knowledge", query="moon", search_type="magic")


# Which knowledge base


async def test_wrong_knowledge_base_lists_the_right_ones(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        assert "giraffe" in await peer.text("search_knowledge", query="giraffe", knowledge_id="sample facts")
        error = await peer.error("search_knowledge", query="giraffe", knowledge_id="nope")
    assert "No knowledge base 'nope'" in error
    assert "(Sample Facts)" in error


async def test_add_knowledge_asks_which_knowledge_base_where_there_are_several(
    connect: Connect, library: str, shelves: httpx.AsyncClient
) -> None:
    async with connect(library, **ALL) as peer:
        error = await peer.error("add_knowledge", text="x")
    assert error.startswith("There are several knowledge bases. Give knowledge_id, one of: ")
    for name, knowledge_id in (await bases(shelves)).items():
        assert f"{knowledge_id} ({name})" in error


async def test_search_knowledge_searches_all_knowledge_bases_and_says_where_a_passage_is(
    connect: Connect, library: str, era: str
) -> None:
    async with connect(library, **ALL) as peer:
        await peer.text("add_knowledge", text=f"The moon of {era} pulls.", name=f"pull {era}", knowledge_id="far")
        text = await peer.text("search_knowledge", query=f"moon {era}", max_results=50)
        first = await peer.text("search_knowledge", query=f"moon {era}", max_results=1)
    assert "annex guide (in Annex, score 0." in text
    assert f"pull {era} (in Far, score 0." in text
    scores = [float(line.rpartition("score ")[2].rstrip(")")) for line in text.splitlines() if "(in " in line]
    assert scores == sorted(scores, reverse=True)
    assert first.count("(in ") == 1


async def test_search_knowledge_says_which_knowledge_base_fails_and_searches_the_others(
    connect: Connect, library: str
) -> None:
    async with connect(library, **ALL) as peer:
        text = await peer.text("search_knowledge", query="moon", search_type="keyword")
        assert text.startswith("Main Hall could not be read: This knowledge base has no keyword search.")
        assert "Far could not be read: " in text
        assert "annex guide (in Annex" in text
        error = await peer.error("search_knowledge", query="moon", search_type="hybrid")
        assert error.startswith("This knowledge base has no hybrid search.")


async def test_list_knowledge_lists_all_knowledge_bases_latest_first(connect: Connect, library: str, era: str) -> None:
    async with connect(library, **ALL) as peer:
        await peer.text("add_knowledge", text=f"Latest of {era}", name=f"latest {era}", knowledge_id="far")
        listed = await peer.text("list_knowledge", limit=100)
        pages = [await peer.text("list_knowledge", limit=1, page=number) for number in (1, 2)]
    lines = listed.splitlines()
    assert lines[0] == "| knowledge base | id | name | type | status | size | updated |"
    assert {line.split(" | ")[0] for line in lines[2:]} == {"| Annex", "| Far", "| Main Hall"}
    assert "page=2 has more" in pages[0]
    assert [page.splitlines()[2] for page in pages] == lines[2:4]


@pytest.mark.parametrize("tool", ["get_knowledge", "update_knowledge", "refresh_knowledge", "delete_knowledge"])
async def test_content_is_found_in_whichever_knowledge_base_has_it(
    connect: Connect, library: str, shelves: httpx.AsyncClient, era: str, tool: str
) -> None:
    arguments = {"name": f"renamed {era}"} if tool == "update_knowledge" else {}
    async with connect(library, **ALL) as peer:
        added = await peer.text("add_knowledge", text=f"{tool} {era}", name=f"{tool} {era}", knowledge_id="annex")
        if tool == "refresh_knowledge":
            text = await peer.error(tool, content_id=id_in(added))
            assert "came from no website or folder" in text
        else:
            text = await peer.text(tool, content_id=id_in(added), **arguments)
            assert era in text
        if tool == "get_knowledge":
            assert "knowledge base: Annex" in text
        error = await peer.error(tool, content_id="no such one", **arguments)
    assert error == "There is no content 'no%20such%20one'. See list_knowledge."
    left = await rows(shelves, "Annex")
    assert (f"{tool} {era}" in left) == (tool not in {"update_knowledge", "delete_knowledge"})


async def test_knowledge_config_and_sources_are_those_of_all_knowledge_bases(connect: Connect, library: str) -> None:
    async with connect(library, **ALL) as peer:
        config = await peer.text("get_knowledge_config")
        sources = await peer.text("list_knowledge_sources")
        files = await peer.text("list_knowledge_sources", source_id="shelf")
        error = await peer.error("list_knowledge_sources", source_id="nope")
        unknown = await peer.error("get_knowledge_config", knowledge_id="zzz")
    assert config.startswith("# 3 knowledge bases\nMain Hall: knowledge_id: ")
    assert "\nAnnex: knowledge_id: " in config
    assert "| Main Hall | shelf | The Shelf |" in sources
    assert "welcome.txt" in files
    assert error == "There is no source 'nope'. Use one of: shelf, locked, code."
    assert unknown.startswith("No knowledge base 'zzz'")


async def test_instructions_name_several_knowledge_bases(connect: Connect, library: str, sample_agentos: str) -> None:
    async with connect(library) as peer:
        assert "Knowledge bases: Main%20Hall, Annex, Far." in (peer.client.instructions or "")
        assert "annex guide" in await peer.text("search_knowledge", query="moon", knowledge_id="the annexe")
        assert "lamp" in await peer.text("search_knowledge", query="lamp door", knowledge_id="Main%20Hall")
    for settings in ({"knowledge_id": "annex"}, {"tools": ("list_agents",)}):
        async with connect(library, **settings) as peer:
            assert "Knowledge bases:" not in (peer.client.instructions or "")
    async with connect(sample_agentos) as peer:
        assert "Knowledge bases:" not in (peer.client.instructions or "")


async def test_knowledge_base_is_chosen_by_id_or_name(
    connect: Connect, library: str, shelves: httpx.AsyncClient
) -> None:
    annex = (await bases(shelves))["Annex"]
    async with connect(library) as peer:
        assert "annex guide" in await peer.text("list_knowledge", knowledge_id=annex)
        assert "annex guide" in await peer.text("list_knowledge", knowledge_id="ANNEX")
    async with connect(library, knowledge_id="annex") as peer:
        assert "annex guide" in await peer.text("list_knowledge")


async def test_agentos_without_a_knowledge_base_offers_none_of_the_tools(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos, **ALL) as peer:
        assert "no knowledge base" in await peer.error("list_knowledge")
        names = {tool.name for tool in (await peer.client.list_tools()).tools}
    assert not {name for name in names if "knowledge" in name}


# Looking


async def test_list_knowledge_shows_contents_with_their_status(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos) as peer:
        listed = await peer.text("list_knowledge", limit=100)
    assert listed.startswith("| id | name | type | status | size | updated |")
    line = next(line for line in listed.splitlines() if "| giraffe |" in line)
    assert "| giraffe | text | completed | 39 bytes | 20" in line


async def test_list_knowledge_has_further_pages_and_an_end(connect: Connect, library: str, era: str) -> None:
    async with connect(library, knowledge_id="far", **ALL) as peer:
        for number in range(3):
            await peer.text("add_knowledge", text=f"Fact {number} of {era}", name=f"fact {number} {era}")
        first = await peer.text("list_knowledge", limit=2)
        assert "page=2 has more" in first
        second = await peer.text("list_knowledge", limit=2, page=2)
        assert not set(first.splitlines()[2:4]) & set(second.splitlines()[2:4])
        assert (await peer.text("list_knowledge", page=50)).startswith("There is nothing on page 50: the last one is ")


async def test_get_knowledge_shows_status_and_metadata_without_agentos_own(
    connect: Connect, library: str, era: str
) -> None:
    async with connect(library, **ALL) as peer:
        added = await peer.text(
            "add_knowledge",
            text="Bees dance.",
            name=f"bees {era}",
            description="What bees do",
            metadata={"kind": "insect", "legs": 6, "seen": ["May", "June"]},
            **MAIN,
        )
        text = await peer.text("get_knowledge", content_id=id_in(added), **MAIN)
    lines = text.splitlines()
    assert lines[0] == f"# bees {era}"
    assert {"status: completed", "description: What bees do", "type: text"} <= set(lines)
    assert 'metadata: kind=insect, legs=6, seen=["May", "June"]' in lines
    assert "_agno" not in text
    assert "null" not in text


@pytest.mark.parametrize("tool", ["get_knowledge", "delete_knowledge", "refresh_knowledge"])
async def test_unknown_content_says_where_to_look(connect: Connect, library: str, tool: str) -> None:
    async with connect(library, **ALL) as peer:
        error = await peer.error(tool, content_id="no such one", **MAIN)
        assert error == "There is no content 'no%20such%20one'. See list_knowledge."
        assert "content_id is empty." in await peer.error(tool, content_id="", **MAIN)
        assert "There is no content '..'" in await peer.error(tool, content_id="..", **MAIN)


async def test_get_knowledge_config_takes_a_fifth_of_agentos_own_answer(
    connect: Connect, library: str, shelves: httpx.AsyncClient
) -> None:
    main = (await bases(shelves))["Main Hall"]
    async with connect(library, **ALL) as peer:
        text = await peer.text("get_knowledge_config", **MAIN)
    assert "text (.txt)" in text
    assert "pdf (pypdf)" in text
    assert "searched by: vector" in text
    assert "sources: shelf (shelf), locked (shelf), code (github)" in text
    whole = (await shelves.get("/knowledge/config", params={"knowledge_id": main})).text
    assert len(text) < len(whole) / 5


# Adding


async def test_text_is_added_and_found(connect: Connect, library: str, shelves: httpx.AsyncClient, era: str) -> None:
    async with connect(library, **ALL) as peer:
        text = await peer.text(
            "add_knowledge",
            text=f"The {era} archive holds letters.",
            name=f"archive {era}",
            metadata={"era": era},
            **MAIN,
        )
        row = (await rows(shelves))[f"archive {era}"]
        assert text == f"Added 'archive {era}' (content {row['id']}). search_knowledge finds it."
        assert row["metadata"]["era"] == era
        output = await peer.text("search_knowledge", query="archive letters", filters={"era": era}, **MAIN)
    assert f"The {era} archive holds letters." in output


async def test_text_without_a_name_is_named_by_its_beginning(connect: Connect, library: str, era: str) -> None:
    async with connect(library, **ALL) as peer:
        text = await peer.text("add_knowledge", text=f"Unnamed {era} words", **MAIN)
        other = await peer.text("add_knowledge", text=f"Other unnamed {era} words", **MAIN)
    assert text.startswith(f"Added 'Unnamed {era} words'")
    assert id_in(text) != id_in(other)


async def test_text_too_long_for_a_form_is_added_all_the_same(connect: Connect, library: str, era: str) -> None:
    async with connect(library, **ALL) as peer:
        text = f"{era} saga. " + "日本 " * 150_000
        output = await peer.text("add_knowledge", text=text, name=f"saga {era}", metadata={"saga": era}, **MAIN)
        assert output.startswith(f"Added 'saga {era}'")
        assert f"{era} saga." in await peer.text("search_knowledge", query="saga", filters={"saga": era}, **MAIN)


async def test_add_knowledge_refuses_another_text_under_the_same_name(connect: Connect, library: str, era: str) -> None:
    """AgentOS calls them completed, and drops them."""
    async with connect(library, **ALL) as peer:
        first = await peer.text("add_knowledge", text="Zebras have stripes.", name=f"stripes {era}", **MAIN)
        error = await peer.error("add_knowledge", text="Quarks have colors.", name=f"stripes {era}", **MAIN)
        assert error.startswith(f"'stripes {era}' is there already (content {id_in(first)})")
        await peer.text("delete_knowledge", content_id=id_in(first), **MAIN)
        await peer.text("add_knowledge", text="Quarks have colors.", name=f"stripes {era}", **MAIN)
        text = await peer.text("search_knowledge", query="quarks colors", max_results=1, **MAIN)
    assert "Quarks have colors." in text


async def test_add_knowledge_takes_local_files_only_from_allowed_folders(
    connect: Connect, library: str, shelves: httpx.AsyncClient, tmp_path: Path, era: str
) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for each in (inside, outside):
        each.mkdir()
        (each / f"Käse {era}.txt").write_text(f"Cheese ripens in {era} cellars.")
    async with connect(library, allow_files=(inside,), **ALL) as peer:
        text = await peer.text("add_knowledge", file=f"Käse {era}.txt", **MAIN)
        assert text.startswith(f"Added 'Käse {era}.txt'")
        assert "cellars" in await peer.text("search_knowledge", query=f"cheese {era}", max_results=1, **MAIN)
        for path in (outside / f"Käse {era}.txt", inside / ".." / "out" / f"Käse {era}.txt"):
            assert "is not in a folder whose files may be read" in await peer.error(
                "add_knowledge", file=str(path), **MAIN
            )
        assert "There is no file" in await peer.error("add_knowledge", file="nope.txt", **MAIN)
    assert (await rows(shelves))[f"Käse {era}.txt"]["type"] == "text/plain"
    async with connect(library, **ALL) as peer:
        text = await peer.error("add_knowledge", file=str(inside / f"Käse {era}.txt"), **MAIN)
    assert "Local files may not be read." in text


@pytest.mark.parametrize("file_name", ["notes", "notes.weird", "notes.go"])
async def test_text_file_of_any_type_is_read(
    connect: Connect, library: str, tmp_path: Path, era: str, file_name: str
) -> None:
    (tmp_path / f"{era}-{file_name}").write_text("package notes")
    async with connect(library, allow_files=(tmp_path,), **ALL) as peer:
        text = await peer.text("add_knowledge", file=f"{era}-{file_name}", **MAIN)
    assert text.startswith(f"Added '{era}-{file_name}'")


async def test_data_url_is_a_file(connect: Connect, library: str, era: str) -> None:
    content = base64.b64encode(f"# Moss\nMoss of {era} is soft.".encode()).decode()
    async with connect(library, **ALL) as peer:
        text = await peer.text("add_knowledge", file=f"data:text/markdown;name=moss-{era}.md;base64,{content}", **MAIN)
        assert text.startswith(f"Added 'moss-{era}.md'")
        assert "is soft" in await peer.text("search_knowledge", query=f"moss {era}", max_results=1, **MAIN)
        assert "AgentOS does not accept 'image/x' files" in await peer.error(
            "add_knowledge", file="data:image/x;base64,aaaa", **MAIN
        )


@pytest.mark.parametrize("parameter", ["url", "file"])
async def test_url_is_fetched_by_agentos(
    connect: Connect, library: str, pages: Pages, era: str, parameter: str
) -> None:
    async with connect(library, **ALL) as peer:
        name = f"tides {era} {parameter}"
        text = await peer.text("add_knowledge", name=name, **{parameter: pages.at("/tides.txt")}, **MAIN)
        output = await peer.text("get_knowledge", content_id=id_in(text), **MAIN)
        assert f"source: {pages.at('/tides.txt')}" in output
        assert "follow the moon" in await peer.text("search_knowledge", query="tides", max_results=1, **MAIN)


async def test_content_that_cannot_be_read_is_an_error_and_can_be_added_again(
    connect: Connect, library: str, shelves: httpx.AsyncClient, era: str
) -> None:
    with serve_pages(there := {}) as pages:
        async with connect(library, **ALL) as peer:
            error = await peer.error("add_knowledge", url=pages.at("/late.txt"), name=f"late {era}", **MAIN)
            assert error.startswith(f"AgentOS could not read 'late {era}' (content ")
            assert "404 Not Found" in error
            assert "delete_knowledge" in error
            assert (await rows(shelves))[f"late {era}"]["status"] == "failed"
            there["/late.txt"] = "Better late than never."
            again = await peer.text("add_knowledge", url=pages.at("/late.txt"), name=f"late {era}", **MAIN)
    assert again.startswith(f"Added 'late {era}'")


async def test_file_whose_reader_is_not_installed_says_what_to_install(
    connect: Connect, library: str, era: str
) -> None:
    async with connect(library, **ALL) as peer:
        error = await peer.error("add_knowledge", file=f"data:application/pdf;name={era}.pdf,%25PDF-1.4", **MAIN)
    assert "pip install pypdf" in error


async def test_add_knowledge_waits_within_its_bound_and_reports_progress(
    connect: Connect, library: str, era: str
) -> None:
    with serve_pages({"/held.txt": "It took its time."}) as pages:
        async with connect(library, **SHORT) as peer:
            result, text = await peer.watch("add_knowledge", url=pages.at("/held.txt"), name=f"held {era}", **MAIN)
            assert result.startswith(f"'held {era}' (content ")
            assert result.endswith("is still being read. Call get_knowledge later to see how it went.")
            assert f"AgentOS reads held {era}" in text.messages
            values = [progress for progress, _, _ in text.heard]
            assert values == sorted(set(values))
            output = await peer.text("get_knowledge", content_id=id_in(result), **MAIN)
            assert "status: processing" in output
            pages.held.set()
            with anyio.fail_after(10):
                while "status: completed" not in output:
                    output = await peer.text("get_knowledge", content_id=id_in(result), **MAIN)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "There is nothing to add. Give exactly one of text, url and file."),
        ({"text": " "}, "There is nothing to add."),
        ({"text": "x", "url": "http://x.y/z.txt"}, "text and url are given together."),
        ({"url": "x.y/z.txt"}, "'x.y/z.txt' is not a valid URL."),
        ({"url": "file:///etc/passwd"}, "is not a valid URL."),
        ({"url": "http://"}, "is not a valid URL."),
        ({"text": "x", "metadata": {"_agno": {"children": ["a"]}}}, "_agno is AgentOS's own"),
        ({"text": "x", "metadata": "not an object"}, "'metadata'"),
        ({"text": "x", "chunk_size": -1}, "'chunk_size'"),
        ({"text": "x", "chunker": "FixedSizeChunker"}, "AgentOS ignores chunker without reader_id."),
        ({"text": "x", "reader_id": "text", "chunk_size": 9}, "AgentOS ignores chunk_size without chunker."),
        ({"text": "x", "chunk_size": 9}, "AgentOS ignores chunk_size without reader_id and chunker."),
        (
            {"text": "x", "chunker": "FixedSizeChunker", "chunk_size": 9},
            "AgentOS ignores chunk_size without reader_id. Give reader_id. get_knowledge_config has them.",
        ),
        ({"text": "x", "reader_id": "nope"}, "There is no reader 'nope'. Use one of: "),
        ({"text": "x", "reader_id": "pdf"}, "pip install pypdf"),
        ({"text": "x", "reader_id": "text", "chunker": "Nope"}, "has no chunker 'Nope'. Use one of: FixedSizeChunker"),
    ],
)
async def test_add_knowledge_refuses_what_agentos_would_drop(
    connect: Connect, library: str, arguments: dict[str, Any], expected: str
) -> None:
    async with connect(library, **ALL) as peer:
        assert expected in await peer.error("add_knowledge", **arguments, **MAIN)


async def test_text_is_chunked_by_the_given_chunker(connect: Connect, library: str, era: str) -> None:
    async with connect(library, **ALL) as peer:
        await peer.text(
            "add_knowledge",
            text=f"chunked{era} " * 40,
            name=f"chunked {era}",
            metadata={"cut": era},
            reader_id="text",
            chunker="FixedSizeChunker",
            chunk_size=100,
            **MAIN,
        )
        text = await peer.text("search_knowledge", query=f"chunked{era}", max_results=50, filters={"cut": era}, **MAIN)
    assert "\n2. " in text


# Changing


async def test_content_is_renamed_and_its_metadata_grows(connect: Connect, library: str, era: str) -> None:
    async with connect(library, **ALL) as peer:
        added = await peer.text(
            "add_knowledge", text=f"Foxes of {era} run.", name=f"fox {era}", metadata={"kind": "mammal"}, **MAIN
        )
        text = await peer.text(
            "update_knowledge", content_id=id_in(added), name=f"foxes {era}", metadata={"mark": era}, **MAIN
        )
        assert text == f"Changed name and metadata of 'foxes {era}'. Passages keep the old name."
        output = await peer.text("get_knowledge", content_id=id_in(added), **MAIN)
        assert f"# foxes {era}" in output
        assert f"metadata: kind=mammal, mark={era}" in output
        table = await peer.text("search_knowledge", query="foxes run", filters={"mark": era}, **MAIN)
    assert f"1. fox {era}" in table


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"content_id": "x"}, "There is nothing to change."),
        ({"content_id": "x", "name": " "}, "There is nothing to change."),
        ({"content_id": "x", "name": "y" * 256}, "'name'"),
        ({"content_id": "x", "description": "y" * 1001}, "'description'"),
        ({"content_id": "x", "metadata": {"_agno": {}}}, "_agno is AgentOS's own"),
        ({"content_id": "x", "name": "y"}, "There is no content 'x'. See list_knowledge."),
    ],
)
async def test_update_knowledge_refuses_invalid_changes(
    connect: Connect, library: str, arguments: dict[str, Any], expected: str
) -> None:
    async with connect(library, **ALL) as peer:
        assert expected in await peer.error("update_knowledge", **arguments, **MAIN)


async def test_deleted_content_is_gone_and_no_longer_found(
    connect: Connect, library: str, shelves: httpx.AsyncClient, era: str
) -> None:
    async with connect(library, **ALL) as peer:
        added = await peer.text("add_knowledge", text=f"Dodo{era} lived here.", name=f"dodo {era}", **MAIN)
        text = await peer.text("delete_knowledge", content_id=id_in(added), **MAIN)
        assert text == f"Deleted 'dodo {era}' (content {id_in(added)})."
        assert "lived here" not in await peer.text("search_knowledge", query=f"Dodo{era}", **MAIN)
        assert "There is no content" in await peer.error("delete_knowledge", content_id=id_in(added), **MAIN)
    assert f"dodo {era}" not in await rows(shelves)


async def test_person_is_asked_before_something_is_deleted(
    connect: Connect, library: str, shelves: httpx.AsyncClient, era: str
) -> None:
    asked: list[str] = []

    async def decline(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action="decline")

    async with connect(library, decline, **ALL) as peer:
        added = await peer.text("add_knowledge", text="Keep me.", name=f"keepsake {era}", **MAIN)
        text = await peer.text("delete_knowledge", content_id=id_in(added), **MAIN)
    assert "Nothing was done" in text or "nothing was done" in text
    assert id_in(added) in asked[0]
    assert f"keepsake {era}" in await rows(shelves)


@pytest.mark.parametrize("tool", ["delete_knowledge", "update_knowledge", "refresh_knowledge"])
async def test_content_is_not_changed_by_way_of_another_knowledge_base(
    connect: Connect, library: str, shelves: httpx.AsyncClient, tool: str
) -> None:
    """AgentOS would, and leave its passages in the base where they are."""
    content = (await rows(shelves, "Annex"))["annex guide"]
    arguments = {"name": "stolen"} if tool == "update_knowledge" else {}
    async with connect(library, **ALL) as peer:
        error = await peer.error(tool, content_id=content["id"], **arguments, **MAIN)
    assert error.startswith(f"The content '{content['id']}' is not in the knowledge base Main Hall.")
    assert (await bases(shelves))["Annex"] in error
    assert (await rows(shelves, "Annex"))["annex guide"] == content


async def test_folder_is_read_again(connect: Connect, library: str, folders: Path, era: str) -> None:
    async with connect(library, **ALL) as peer:
        listed = await peer.text("list_knowledge", limit=100, **MAIN)
        row = next(line for line in listed.splitlines() if f"| {era} | folder |" in line)
        folder = row.split(" | ")[0].strip("| ")
        output = await peer.text("get_knowledge", content_id=folder, **MAIN)
        assert f"source: {folders / era}" in output
        assert "parts: 2 contents of their own" in output
        (folders / era / "changes.txt").write_text(f"In {era} the door is green.")
        text = await peer.text("refresh_knowledge", content_id=folder, **MAIN)
        assert text.startswith(f"Refreshed '{era}' (content {folder}): 2 of 2 files loaded.")
        table = await peer.text("search_knowledge", query=f"{era} door green", max_results=50, **MAIN)
    assert f"In {era} the door is green." in table
    assert f"In {era} the door is red." not in table


async def test_refresh_knowledge_refuses_what_is_no_website_or_folder(
    connect: Connect, library: str, pages: Pages, era: str
) -> None:
    async with connect(library, **ALL) as peer:
        text = await peer.text("add_knowledge", text="Only words.", name=f"words {era}", **MAIN)
        error = await peer.error("refresh_knowledge", content_id=id_in(text), **MAIN)
        assert f"'words {era}' came from no website or folder" in error
        page = await peer.text("add_knowledge", url=pages.at("/tides.txt"), name=f"page {era}", **MAIN)
        error = await peer.error("refresh_knowledge", content_id=id_in(page), **MAIN)
        assert error.endswith("can be refreshed. To change it, call delete_knowledge and add_knowledge.")


# Remote sources


async def test_list_knowledge_sources_shows_sources_and_files(connect: Connect, library: str) -> None:
    async with connect(library, **ALL) as peer:
        sources = await peer.text("list_knowledge_sources", **MAIN)
        assert "| shelf | The Shelf | shelf |" in sources
        assert "| code | Code | github |" in sources
        files = await peer.text("list_knowledge_sources", source_id="The Shelf", **MAIN)
        assert "| guides/ | folder |  |  |" in files
        assert "| welcome.txt | text/plain | 41 bytes | 2026-03-01 12:00 UTC |" in files
        beneath = await peer.text("list_knowledge_sources", source_id="shelf", folder="guides/", **MAIN)
        assert "| guides/one.txt |" in beneath
        assert "welcome" not in beneath
        first = await peer.text("list_knowledge_sources", source_id="shelf", folder="guides/", limit=2, **MAIN)
        assert "2 of 3; page=2 has more" in first
        assert (
            await peer.text("list_knowledge_sources", source_id="shelf", folder="none/", **MAIN) == "Nothing is there."
        )
        assert "no remote sources" in await peer.text("list_knowledge_sources", knowledge_id="annex")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("nope", "There is no source 'nope'. Use one of: shelf, locked, code."),
        ("code", "add_remote_knowledge takes its paths all the same."),
        ("locked", "The source locked refuses AgentOS's credentials for it."),
    ],
)
async def test_source_that_cannot_be_listed_says_why(
    connect: Connect, library: str, source: str, expected: str
) -> None:
    async with connect(library, **ALL) as peer:
        assert expected in await peer.error("list_knowledge_sources", source_id=source, **MAIN)


async def test_remote_file_is_added_and_found(
    connect: Connect, library: str, shelves: httpx.AsyncClient, era: str
) -> None:
    """Its id is not the one that AgentOS announces."""
    async with connect(library, **ALL) as peer:
        text = await peer.text(
            "add_remote_knowledge", source_id="shelf", path="welcome.txt", name=f"welcome {era}", **MAIN
        )
        row = (await rows(shelves))[f"welcome {era}"]
        assert text == f"Added 'welcome {era}' (content {row['id']}). search_knowledge finds it."
        assert "source: The Shelf (s3)" in await peer.text("get_knowledge", content_id=row["id"], **MAIN)
        assert "ocelots" in await peer.text("search_knowledge", query="ocelots", max_results=1, **MAIN)


async def test_remote_folder_reports_the_status_of_its_files(connect: Connect, library: str, era: str) -> None:
    async with connect(library, **ALL) as peer:
        text = await peer.text("add_remote_knowledge", source_id="shelf", path="guides/", name=f"g {era}", **MAIN)
        assert text.startswith("3 files came from guides/ of shelf: ")
        assert "2 completed" in text
        assert f"- g {era}/guides/broken.txt: guides/broken.txt cannot be opened" in text
        failed = await peer.error("add_remote_knowledge", source_id="shelf", path="ruins/", name=f"r {era}", **MAIN)
        assert failed.startswith("2 files came from ruins/ of shelf: 2 failed.")


async def test_remote_path_of_which_nothing_comes_is_an_error(connect: Connect, library: str, era: str) -> None:
    async with connect(library, **SHORT) as peer:
        error = await peer.error("add_remote_knowledge", source_id="shelf", path="missing.txt", **MAIN)
        assert error.startswith("Nothing has come from missing.txt of shelf so far.")
        stuck = await peer.text("add_remote_knowledge", source_id="shelf", path="stuck.txt", name=f"s {era}", **MAIN)
        assert "is still being read" in stuck


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"source_id": "nope", "path": "x"}, "There is no source 'nope'."),
        ({"source_id": "shelf", "path": " / "}, "The path is empty."),
        ({"source_id": "code", "path": "x"}, "GitHub config 'code' has no 'repo' set."),
        ({"source_id": "shelf", "path": "x", "source_params": {"repo": "a/b"}}, "does not accept source_params"),
    ],
)
async def test_add_remote_knowledge_refuses_invalid_arguments(
    connect: Connect, library: str, arguments: dict[str, Any], expected: str
) -> None:
    async with connect(library, **ALL) as peer:
        assert expected in await peer.error("add_remote_knowledge", **arguments, **MAIN)


async def test_remote_folder_counts_all_that_came_from_it(
    connect: Connect, library: str, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_NEWEST_PAGE_SIZE", 1)
    async with connect(library, **ALL) as peer:
        text = await peer.text("add_remote_knowledge", source_id="shelf", path="guides/", name=f"all {era}", **MAIN)
    assert text.startswith("3 files came from guides/ of shelf: ")
