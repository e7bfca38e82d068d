from __future__ import annotations

import re

import httpx
import pytest

from tests._support.agentos_pool import AgentOSPool
from tests._support.mcp_client import Connect, Peer

pytestmark = pytest.mark.anyio
ONE_ERA = True

ALL = ("all",)
FIRST = {"db_id": "first-db"}


@pytest.fixture(scope="module")
def remembering(agentoses: AgentOSPool) -> str:
    """An AgentOS with two databases, whose OpenAI is a script that folds memories."""
    return agentoses.url("memories")


async def remember(peer: Peer, memory: str, user: str, **arguments: object) -> str:
    """A new memory's id."""
    text = await peer.text("create_memory", memory=memory, user_id=user, **arguments)
    match = re.fullmatch(rf"Remembered for user '{user}' \(memory ([^)]+)\)\.", text)
    assert match is not None, text
    return match[1]


async def test_memory_is_remembered_and_found(connect: Connect, sample_agentos: str, era: str) -> None:
    user = f"user-{era}"
    async with connect(sample_agentos) as peer:
        memory = await remember(peer, "Likes green tea", user, topics=["tea", "taste"])
        listed = await peer.text("list_memories", user_id=user)
        assert f"| {memory} | Likes green tea | tea, taste |" in listed
        assert "Likes green tea" in await peer.text("list_memories", user_id=user, search="green")
        assert await peer.text("list_memories", user_id=user, search="red") == f"No such memories of user '{user}'."
        assert await peer.text("list_memories", user_id=f"no-{user}") == (
            f"No memories of user 'no-{user}'. create_memory adds one."
        )


async def test_list_memories_filters_by_all_topics(connect: Connect, sample_agentos: str, era: str) -> None:
    user = f"topics-{era}"
    async with connect(sample_agentos) as peer:
        await remember(peer, "Likes green tea", user, topics=["tea", "taste"])
        await remember(peer, "Likes tea towels", user, topics=["tea", "towels"])
        tea = await peer.text("list_memories", user_id=user, topics=["tea"])
        both = await peer.text("list_memories", user_id=user, topics=["tea", "taste"])
        none = await peer.text("list_memories", user_id=user, topics=["taste", "towels"])
    assert tea.count("Likes") == 2
    assert "green tea" in both
    assert "towels" not in both
    assert none == f"No such memories of user '{user}'."


async def test_list_memories_shows_the_users_of_memories(connect: Connect, sample_agentos: str, era: str) -> None:
    async with connect(sample_agentos) as peer:
        for user in (f"ann-{era}", f"bob-{era}"):
            await remember(peer, f"Shared fact {era}", user)
        listed = await peer.text("list_memories", search=f"Shared fact {era}")
    for user in (f"ann-{era}", f"bob-{era}"):
        assert f"| Shared fact {era} | {user} |" in listed


async def test_pages_of_memories_say_how_many_there_are(connect: Connect, sample_agentos: str, era: str) -> None:
    user = f"pages-{era}"
    async with connect(sample_agentos) as peer:
        for number in range(3):
            await remember(peer, f"Fact {number}", user)
        first = await peer.text("list_memories", user_id=user, limit=2)
        assert first.endswith("2 of 3; page=2 has more")
        both = first + await peer.text("list_memories", user_id=user, limit=2, page=2)
    assert all(both.count(f"Fact {number}") == 1 for number in range(3))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"memory": " ", "user_id": "u"}, "The memory is empty. Say what to remember."),
        ({"memory": "x", "user_id": " "}, "No user is given."),
        ({"memory": "x" * 5001, "user_id": "u"}, "has 5,001 characters, AgentOS takes 5,000. Split it"),
        ({"memory": "x"}, "No user is given."),
        ({"memory": "x", "user_id": "u", "topics": "not a list"}, "'topics'"),
    ],
)
async def test_memory_that_cannot_be_kept_is_refused(
    connect: Connect, sample_agentos: str, arguments: dict[str, str], expected: str
) -> None:
    async with connect(sample_agentos) as peer:
        assert expected in await peer.error("create_memory", **arguments)


@pytest.mark.parametrize("arguments", [{"limit": 0}, {"limit": 1000}, {"page": 0}, {"limit": "many"}])
async def test_page_that_agentos_would_choke_on_is_refused(
    connect: Connect, sample_agentos: str, arguments: dict[str, object]
) -> None:
    async with connect(sample_agentos) as peer:
        assert f"'{next(iter(arguments))}'" in await peer.error("list_memories", **arguments)


async def test_long_memory_is_read_whole(connect: Connect, sample_agentos: str, era: str) -> None:
    user = f"long-{era}"
    words = "Tells long stories. " * 200
    async with connect(sample_agentos, toolsets=ALL) as peer:
        memory = await remember(peer, words, user, topics=["stories"])
        assert words.strip() not in await peer.text("list_memories", user_id=user)
        text = await peer.text("get_memory", memory_id=memory)
    assert text.startswith(f"id: {memory}\nuser: {user}\ntopics: stories\nupdated: 20")
    assert text.endswith(f"memory:\n```\n{words.strip()}\n```")


async def test_update_changes_only_what_is_given(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    user = f"updated-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        memory = await remember(peer, "Likes tea", user, topics=["drinks"])

        async def kept() -> tuple[str, list[str], str]:
            document = (await rest.get(f"/memories/{memory}")).json()
            return document["memory"], document["topics"], document["user_id"]

        assert await peer.text("update_memory", memory_id=memory, memory="Likes jam") == f"Updated memory {memory}."
        assert await kept() == ("Likes jam", ["drinks"], user)
        await peer.text("update_memory", memory_id=memory, topics=["food"])
        assert await kept() == ("Likes jam", ["food"], user)
        await peer.text("update_memory", memory_id=memory, topics=[])
        assert await kept() == ("Likes jam", [], user)
        nothing = await peer.error("update_memory", memory_id=memory)
        longer = await peer.error("update_memory", memory_id=memory, memory="x" * 5001)
    assert nothing == "There is nothing to change. Give memory or topics."
    assert "Split it" in longer


async def test_memory_that_is_not_there_is_not_made_by_an_update(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    async with connect(sample_agentos, toolsets=ALL) as peer:
        error = await peer.error("update_memory", memory_id=f"made-{era}", memory="x", user_id="u")
    assert error == f"There is no memory 'made-{era}' of user 'u'. list_memories shows their ids."
    assert (await rest.get(f"/memories/made-{era}")).status_code == 404


async def test_deleted_memory_is_gone(connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str) -> None:
    user = f"forgetful-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        memory = await remember(peer, "Likes tea", user)
        assert await peer.text("delete_memory", memory_id=memory) == f"Deleted memory {memory} of user '{user}'."
        again = await peer.error("delete_memory", memory_id=memory)
    assert again == f"There is no memory '{memory}'. list_memories shows their ids."
    assert (await rest.get(f"/memories/{memory}")).status_code == 404


@pytest.mark.parametrize(
    ("tool", "arguments"), [("get_memory", {}), ("update_memory", {"memory": "x"}), ("delete_memory", {})]
)
async def test_memory_of_another_user_is_not_found(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str, tool: str, arguments: dict[str, str]
) -> None:
    async with connect(sample_agentos, toolsets=ALL) as peer:
        memory = await remember(peer, "Likes tea", f"owner-{era}")
        error = await peer.error(tool, memory_id=memory, user_id="somebody", **arguments)
        empty = await peer.error(tool, memory_id=" ", **arguments)
    assert error == f"There is no memory '{memory}' of user 'somebody'. list_memories shows their ids."
    assert "memory_id is empty" in empty
    assert (await rest.get(f"/memories/{memory}")).json()["memory"] == "Likes tea"


async def test_list_memory_topics_shows_each_once(connect: Connect, sample_agentos: str, era: str) -> None:
    user = f"topical-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        await remember(peer, "Likes tea", user, topics=[f"tea-{era}", f"taste-{era}"])
        await remember(peer, "Likes tea a lot", user, topics=[f"tea-{era}"])
        assert (
            await peer.text("list_memory_topics", user_id=user) == f"| topic |\n|---|\n| taste-{era} |\n| tea-{era} |"
        )
        assert f"| tea-{era} |" in await peer.text("list_memory_topics")
        none = await peer.text("list_memory_topics", user_id=f"no-{user}")
    assert none == f"No memory of user 'no-{user}' has a topic."


async def test_get_memory_stats_shows_users_with_their_number_of_memories(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    users = [f"counted-{era}-{number}" for number in range(2)]
    async with connect(sample_agentos, toolsets=ALL) as peer:
        for user in users:
            await remember(peer, "One thing", user)
        await remember(peer, "Another thing", users[0])
        text = await peer.text("get_memory_stats", user_id=users[0])
        every = await peer.text("get_memory_stats", limit=100)
        first = await peer.text("get_memory_stats", limit=1)
        nobody = await peer.text("get_memory_stats", user_id=f"nobody-{era}")
    assert re.fullmatch(rf"\| user .*\n.*\n\| {users[0]} \| 2 \| 20\S+ \S+ UTC \|", text)
    assert f"| {users[1]} | 1 |" in every
    assert "page=2 has more" in first
    assert nobody == f"No memories of user 'nobody-{era}'."


async def test_optimize_memories_previews_and_then_replaces(connect: Connect, remembering: str, era: str) -> None:
    user = f"folded-{era}"
    async with connect(remembering, toolsets=ALL) as peer:
        old = [
            await remember(peer, f"Likes a drink of kind {number}, in the morning and in the evening", user, **FIRST)
            for number in range(2)
        ]
        preview = await peer.text("optimize_memories", user_id=user, **FIRST)
        between = await peer.text("list_memories", user_id=user, **FIRST)
        done = await peer.text("optimize_memories", user_id=user, apply=True, **FIRST)
        after = await peer.text("list_memories", user_id=user, **FIRST)
    assert preview.startswith("# Preview\nmemories: 2 -> 1\ntokens: ")
    assert "memory 1:\n```\nLikes many drinks.\n```\nNothing was changed." in preview
    assert all(memory in between for memory in old)
    assert done.startswith("# Memories replaced\nmemories: 2 -> 1\n")
    assert "Likes many drinks." in after
    assert not any(memory in after for memory in old)
    [new] = re.findall(r"^ids: (\S+)$", done, re.MULTILINE)
    assert new in after


@pytest.mark.parametrize(
    ("apply", "expected"),
    [
        (False, "is longer than the memories, so nothing is gained. Nothing was changed."),
        (True, "is longer than the memories; AgentOS replaced them nevertheless. See list_memories."),
    ],
)
async def test_fold_that_saves_nothing_says_what_became_of_the_memories(
    connect: Connect, remembering: str, era: str, apply: bool, expected: str
) -> None:
    user = f"wordy-{era}-{apply}"
    async with connect(remembering, toolsets=ALL) as peer:
        memory = await remember(peer, "Is wordy", user, **FIRST)
        assert expected in await peer.error("optimize_memories", user_id=user, apply=apply, **FIRST)
        assert (memory in await peer.text("list_memories", user_id=user, **FIRST)) is not apply


async def test_model_that_cannot_fold_memories_leaves_them(connect: Connect, remembering: str, era: str) -> None:
    user = f"unfoldable-{era}"
    async with connect(remembering, toolsets=ALL) as peer:
        memory = await remember(peer, "Is unfoldable", user, **FIRST)
        failed = await peer.error("optimize_memories", user_id=user, apply=True, **FIRST)
        missing = await peer.error("optimize_memories", user_id=user, model="anthropic:some-model", **FIRST)
        wrong = await peer.error("optimize_memories", user_id=user, model="some-model", **FIRST)
        nobody = await peer.error("optimize_memories", user_id=f"nobody-{era}", **FIRST)
        empty = await peer.error("optimize_memories", user_id=" ", **FIRST)
        text = await peer.text("list_memories", user_id=user, **FIRST)
    assert "the provider is out of tokens" in failed
    assert "Give model (provider:model)" in failed
    assert "`anthropic` not installed" in missing
    assert "Invalid model string format: 'some-model'" in wrong
    assert nobody == f"User 'nobody-{era}' has no memories. See get_memory_stats."
    assert "No user is given." in empty
    assert memory in text


async def test_memories_are_kept_per_database(connect: Connect, remembering: str, era: str) -> None:
    user = f"placed-{era}"
    async with connect(remembering, toolsets=ALL) as peer:
        memory = await remember(peer, "Lies in the second", user, topics=["place"], db_id="second-db")
        second = {"user_id": user, "db_id": "second-db"}
        dropped_characters = [
            await peer.error(tool, **arguments)
            for tool, arguments in (
                ("list_memories", {}),
                ("get_memory", {"memory_id": memory}),
                ("create_memory", {"memory": "x", "user_id": user}),
                ("update_memory", {"memory_id": memory, "memory": "x"}),
                ("delete_memory", {"memory_id": memory}),
                ("list_memory_topics", {}),
                ("get_memory_stats", {}),
                ("optimize_memories", {"user_id": user}),
            )
        ]
        assert "Lies in the second" in await peer.text("list_memories", **second)
        assert "Lies in the second" in await peer.text("get_memory", memory_id=memory, **second)
        assert "| place |" in await peer.text("list_memory_topics", **second)
        assert f"| {user} | 1 |" in await peer.text("get_memory_stats", **second)
        await peer.text("update_memory", memory_id=memory, memory="Is corrected", **second)
        assert "Is corrected" in await peer.text("list_memories", **second)
        await peer.text("delete_memory", memory_id=memory, **second)
        assert (await peer.text("list_memories", **second)).startswith("No memories")
        elsewhere = await peer.text("list_memories", user_id=user, **FIRST)
    assert set(dropped_characters) == {"There are several databases for this. Give db_id, one of: first-db, second-db."}
    assert elsewhere.startswith("No memories")
