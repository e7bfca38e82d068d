from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests._support.agentos_pool import AgentOSPool
from tests._support.mcp_client import Connect, Peer
from tests._support.person import Person

pytestmark = pytest.mark.anyio
ONE_ERA = True

DB = "studio-db"
TEA = {"memories": [{"id": "m1", "content": "Likes green tea"}, {"id": "m2", "content": "Has a cat"}]}


@pytest.fixture(scope="module")
def studio(agentoses: AgentOSPool) -> str:
    return agentoses.url("stored_components")


async def created(peer: Peer, **learning: Any) -> str:
    """The id of a new learning."""
    text = await peer.text("create_learning", **{"db_id": DB, **learning})
    assert text.startswith("Saved as learning ")
    return text.removeprefix("Saved as learning ").removesuffix(".")


async def stored(url: str, learning_id: str, db_id: str = DB) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=url) as rest:
        answer = await rest.get(f"/learnings/{learning_id}", params={"db_id": db_id})
    answer.raise_for_status()
    learning: dict[str, Any] = answer.json()
    return learning


async def test_agent_knows_what_was_created_and_what_replaced_it(connect: Connect, studio: str, era: str) -> None:
    user = f"taught-{era}"
    async with connect(studio, toolsets=("all",)) as peer:
        learning_id = await created(peer, learning_type="user_memory", content=TEA, user_id=user)
        assert "- Likes green tea\n- Has a cat" in await peer.text(
            "run_agent", agent_id="learner", message="hi", user_id=user
        )
        coffee = {"memories": [{"id": "m1", "content": "Likes coffee"}]}
        await peer.text("update_learning", learning_id=learning_id, content=coffee, db_id=DB)
        text = await peer.text("run_agent", agent_id="learner", message="hi", user_id=user)
    assert "- Likes coffee" in text
    assert "Has a cat" not in text
    assert (await stored(studio, learning_id))["content"] == {"user_id": user, **coffee}


async def test_learning_is_listed_in_a_line_and_read_whole(connect: Connect, studio: str, era: str) -> None:
    acme = {
        "name": "Acme",
        "facts": [{"id": "f1", "content": f"Makes anvils. {'Heavy. ' * 90}"}],
        "properties": {"size": "large"},
    }
    entity_id = f"acme-{era}"
    async with connect(studio, toolsets=("all",)) as peer:
        learning_id = await created(
            peer,
            learning_type="entity_memory",
            content=acme,
            entity_type="company",
            entity_id=entity_id,
            namespace=f"shop-{era}",
        )
        listed = await peer.text("list_learnings", learning_type="entity_memory", db_id=DB)
        whole = await peer.text("get_learning", learning_id=learning_id, db_id=DB)
    row = next(line for line in listed.splitlines() if learning_id in line)
    assert f"| entity_memory | company {entity_id} | name: Acme; facts: Makes anvils." in row
    assert len(row) < 350
    assert whole.startswith(f"# {learning_id}\ntype: entity_memory\nentity type: company\nentity: {entity_id}\n")
    assert f"namespace: shop-{era}" in whole
    assert "facts:\n- id: f1\n  content: Makes anvils. Heavy." in whole
    assert "properties:\n  size: large" in whole
    assert "None" not in whole


async def test_list_learnings_filters_by_type_user_session_and_agent(connect: Connect, studio: str, era: str) -> None:
    user, session = f"narrow-{era}", f"narrow-session-{era}"
    async with httpx.AsyncClient(base_url=studio) as rest:
        body = {"learning_type": "own_type", "content": {"note": f"by plain {era}"}, "agent_id": "plain"}
        assert (await rest.post("/learnings", params={"db_id": "attic-db"}, json=body)).status_code == 201
    async with connect(studio, toolsets=("all",)) as peer:
        profile = await created(peer, learning_type="user_profile", content={"name": "Ann"}, user_id=user)
        context = await created(
            peer, learning_type="session_context", content={"summary": "Tea was had"}, session_id=session
        )
        of_user = await peer.text("list_learnings", user_id=user, db_id=DB)
        assert profile in of_user
        assert context not in of_user
        of_session = await peer.text("list_learnings", session_id=session, db_id=DB)
        assert f"| {context} | session_context | session {session} | summary: Tea was had |" in of_session
        of_agent = await peer.text("list_learnings", kind="agent", id="Plain", db_id="attic-db")
        assert f"| own_type | agent plain | note: by plain {era} |" in of_agent
        nothing = await peer.text("list_learnings", kind="agent", id="learner", db_id="attic-db")
    assert nothing.startswith("No such learnings")


async def test_decision_gets_the_id_without_which_agents_do_not_see_it(connect: Connect, studio: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        learning_id = await created(
            peer, learning_type="decision_log", content={"decision": "Searched first", "reasoning": "It was news"}
        )
        before = (await stored(studio, learning_id))["content"]
        assert before["id"].startswith("dec_")
        await peer.text("update_learning", learning_id=learning_id, content={"decision": "Asked"}, db_id=DB)
    assert (await stored(studio, learning_id))["content"] == {"id": before["id"], "decision": "Asked"}


async def test_deleted_learning_is_gone(connect: Connect, studio: str, era: str) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        learning_id = await created(peer, learning_type="user_memory", content=TEA, user_id=f"gone-{era}")
        assert await peer.text("delete_learning", learning_id=learning_id, db_id=DB) == (
            f"Deleted learning {learning_id}."
        )
        for tool in ("get_learning", "delete_learning"):
            error = await peer.error(tool, learning_id=learning_id, db_id=DB)
            assert error == f"No learning '{learning_id}'. list_learnings shows their ids."
        error = await peer.error("update_learning", learning_id=learning_id, content=TEA, db_id=DB)
    assert error.startswith(f"No learning '{learning_id}'")


async def test_learning_is_kept_when_the_person_says_no(connect: Connect, studio: str, era: str) -> None:
    person = Person("reject")
    async with connect(studio, toolsets=("all",), person=person) as peer:
        learning_id = await created(peer, learning_type="user_memory", content=TEA, user_id=f"asked-{era}")
        for tool, more in (("delete_learning", {}), ("update_learning", {"content": {"memories": ["x"]}})):
            text = await peer.text(tool, learning_id=learning_id, db_id=DB, **more)
            assert "othing was done" in text
    assert len(person.asked) == 2
    assert (await stored(studio, learning_id))["content"]["memories"] == TEA["memories"]


async def test_list_learning_users_shows_the_time_of_the_last_learning(connect: Connect, studio: str, era: str) -> None:
    users = [f"stat-{era}-{number}" for number in range(3)]
    async with connect(studio, toolsets=("all",)) as peer:
        for user in users:
            await created(peer, learning_type="user_profile", content={"name": user}, user_id=user, db_id="attic-db")
        first = await peer.text("list_learning_users", db_id="attic-db", limit=2)
        assert "page=2 has more" in first
        text = await peer.text("list_learning_users", user_id=users[0], db_id="attic-db")
        assert text.splitlines()[0] == "| user | last learned |"
        assert f"| {users[0]} | 20" in text
        assert users[1] not in text
        nobody = await peer.text("list_learning_users", user_id=f"nobody-{era}", db_id="attic-db")
        unknown = await peer.error("list_learning_users", db_id="zzz")
    assert "attic-db" in unknown
    assert nobody.startswith("Nothing is learned of any such user.")


async def test_learning_of_another_user_is_not_shown_or_changed(connect: Connect, studio: str, era: str) -> None:
    async with connect(studio, toolsets=("all",), user_id=f"mine-{era}", db_id=DB) as mine:
        text = await mine.text("create_learning", learning_type="user_memory", content=TEA)
        learning_id = text.removeprefix("Saved as learning ").removesuffix(".")
        async with connect(studio, toolsets=("all",), user_id=f"theirs-{era}", db_id=DB) as other_learning:
            for tool, more in (("get_learning", {}), ("delete_learning", {}), ("update_learning", {"content": TEA})):
                assert "There is no learning" in await other_learning.error(tool, learning_id=learning_id, **more)
            assert learning_id not in await other_learning.text("list_learnings")
            assert f"mine-{era}" not in await other_learning.text("list_learning_users")
        assert "Likes green tea" in await mine.text("get_learning", learning_id=learning_id)


async def test_second_learning_of_the_same_user_points_to_the_first(connect: Connect, studio: str, era: str) -> None:
    user = f"twice-{era}"
    async with connect(studio, toolsets=("all",)) as peer:
        learning_id = await created(peer, learning_type="user_memory", content=TEA, user_id=user)
        error = await peer.error("create_learning", learning_type="user_memory", content=TEA, user_id=user, db_id=DB)
    assert f"already exists for this identity (id '{learning_id}')" in error
    assert error.endswith("Read it with get_learning, then change it with update_learning.")
    assert "PATCH" not in error


@pytest.mark.parametrize(
    ("learning", "expected"),
    [
        ({"learning_type": " ", "content": {"a": 1}}, "The learning type is empty. Give one of: user_profile"),
        ({"learning_type": "own", "content": {}}, "The content is empty."),
        ({"learning_type": "own", "content": [1]}, "'content'"),
        ({"learning_type": "user_profile", "content": {"name": "x"}}, "Give user_id."),
        ({"learning_type": "session_context", "content": {"summary": "x"}}, "Give session_id."),
        ({"learning_type": "entity_memory", "content": {"name": "x"}, "entity_id": "x"}, "Give entity_type."),
        ({"learning_type": "user_memory", "content": {"memory": "x"}, "user_id": "u"}, "it has no 'memories'"),
        ({"learning_type": "decision_log", "content": {"what": "x"}}, "Give content={decision, reasoning}."),
    ],
)
async def test_create_learning_refuses_what_agents_could_not_use(
    connect: Connect, studio: str, learning: dict[str, Any], expected: str
) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        assert expected in await peer.error("create_learning", db_id=DB, **learning)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, "Give db_id, one of: studio-db, attic-db."),
        ({"db_id": "nope"}, "There is no database 'nope' for this."),
        ({"db_id": DB, "kind": "agent"}, "A kind and an id belong together."),
        ({"db_id": DB, "kind": "team", "id": "learner"}, "No team 'learner'"),
        ({"db_id": DB, "kind": "workflow", "id": "x"}, "'kind'"),
        ({"db_id": DB, "limit": 0}, "'limit'"),
    ],
)
async def test_list_learnings_refuses_invalid_arguments(
    connect: Connect, studio: str, arguments: dict[str, Any], expected: str
) -> None:
    async with connect(studio, toolsets=("all",)) as peer:
        assert expected in await peer.error("list_learnings", **arguments)


async def test_list_learnings_takes_a_fifth_of_the_rest_answer(connect: Connect, studio: str, era: str) -> None:
    user = f"heavy-{era}"
    memories = [{"id": f"m{n}", "content": f"Fact {n} of many. " * 5, "created_at": "2026-01-01"} for n in range(40)]
    async with connect(studio, toolsets=("all",)) as peer:
        await created(peer, learning_type="user_memory", content={"memories": memories}, user_id=user)
        listed = await peer.text("list_learnings", user_id=user, db_id=DB)
    async with httpx.AsyncClient(base_url=studio) as rest:
        answer = (await rest.get("/learnings", params={"user_id": user, "db_id": DB})).json()
    assert len(listed) * 5 < len(json.dumps(answer))


async def test_list_learnings_without_a_database_says_so(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos, toolsets=("all",)) as peer:
        await peer.text("list_agents")
        assert "has no database" in await peer.error("list_learnings")
