from __future__ import annotations

import pytest

from tests.live.connect import Connect

pytestmark = pytest.mark.anyio


async def test_a_memory_is_remembered_and_found(connect: Connect, zoo: str, era: str) -> None:
    user = f"user-{era}"
    async with connect(zoo) as peer:
        said = await peer.text("create_memory", memory="Likes green tea", user_id=user, topics=["tea", "taste"])
        assert said.startswith(f"Remembered for user '{user}' (memory ")
        listed = await peer.text("list_memories", user_id=user)
        assert "| Likes green tea | tea, taste |" in listed
        assert "Likes green tea" in await peer.text("list_memories", user_id=user, search="green")
        assert "Likes green tea" in await peer.text("list_memories", user_id=user, topics=["tea"])
        assert await peer.text("list_memories", user_id=user, topics=["coffee"]) == f"No memories of user '{user}'."


async def test_pages_of_memories_say_how_many_there_are(connect: Connect, zoo: str, era: str) -> None:
    user = f"pages-{era}"
    async with connect(zoo) as peer:
        for number in range(3):
            await peer.text("create_memory", memory=f"Fact {number}", user_id=user)
        first = await peer.text("list_memories", user_id=user, limit=2)
        assert first.endswith("2 of 3; page=2 has more")
        both = first + await peer.text("list_memories", user_id=user, limit=2, page=2)
    assert all(both.count(f"Fact {number}") == 1 for number in range(3))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"memory": " ", "user_id": "u"}, "The memory is empty"),
        ({"memory": "x"}, "'user_id' is missing"),
        ({"memory": "x", "user_id": "u", "topics": "not a list"}, "'topics'"),
    ],
)
async def test_a_memory_that_cannot_be_kept_is_refused(
    connect: Connect, zoo: str, arguments: dict[str, str], said: str
) -> None:
    async with connect(zoo) as peer:
        assert said in await peer.error("create_memory", **arguments)


@pytest.mark.parametrize("arguments", [{"limit": 0}, {"limit": 1000}, {"page": 0}, {"limit": "many"}])
async def test_a_page_that_agentos_would_choke_on_is_refused(
    connect: Connect, zoo: str, arguments: dict[str, object]
) -> None:
    async with connect(zoo) as peer:
        assert f"'{next(iter(arguments))}'" in await peer.error("list_memories", **arguments)


async def test_knowledge_is_searched_and_its_words_are_set_apart(connect: Connect, zoo: str) -> None:
    async with connect(zoo) as peer:
        found = await peer.text("search_knowledge", query="how long does a giraffe sleep?", max_results=1)
    assert found == "1. giraffe\n```\nA giraffe sleeps about two hours a day.\n```"


async def test_filters_narrow_a_search(connect: Connect, zoo: str) -> None:
    async with connect(zoo) as peer:
        found = await peer.text("search_knowledge", query="a giraffe or a penguin", filters={"kind": "bird"})
    assert "penguin" in found
    assert "giraffe" not in found


async def test_a_knowledge_base_is_named_by_id_or_name_and_a_wrong_one_lists_them(connect: Connect, zoo: str) -> None:
    async with connect(zoo) as peer:
        assert "giraffe" in await peer.text("search_knowledge", query="giraffe", knowledge_id="zoo facts")
        said = await peer.error("search_knowledge", query="giraffe", knowledge_id="nope")
    assert "No knowledge base 'nope'" in said
    assert "(Zoo Facts)" in said


async def test_nothing_found_says_so(connect: Connect, zoo: str) -> None:
    async with connect(zoo) as peer:
        said = await peer.text("search_knowledge", query="giraffe", filters={"kind": "mineral"})
    assert said == "Nothing found for 'giraffe'. Try other words."


async def test_an_empty_query_is_refused(connect: Connect, zoo: str) -> None:
    async with connect(zoo) as peer:
        assert "The query is empty" in await peer.error("search_knowledge", query=" ")


async def test_an_agentos_without_a_knowledge_base_says_so(connect: Connect, bare_zoo: str) -> None:
    async with connect(bare_zoo) as peer:
        assert "has no knowledge base" in await peer.error("search_knowledge", query="x")
