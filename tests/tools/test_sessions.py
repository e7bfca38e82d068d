from __future__ import annotations

import re

import httpx
import pytest

from tests._support.agentos_pool import AgentOSPool
from tests._support.mcp_client import Connect, Peer, reference
from tests._support.running_agentos import running_agentos

pytestmark = pytest.mark.anyio
ONE_ERA = True

ALL = ("all",)


@pytest.fixture(scope="module")
def two_databases(agentoses: AgentOSPool) -> str:
    """An AgentOS whose agents `one` and `two` keep their sessions in a database each."""
    return agentoses.url("memories")


async def converse(peer: Peer, kind: str, id: str, session: str, *messages: str, user: str = "") -> list[str]:
    """Runs of one session, and their references."""
    arguments = {f"{kind}_id": id, "session_id": session} | ({"user_id": user} if user else {})
    return [reference(await peer.text(f"run_{kind}", message=message, **arguments)) for message in messages]


async def session_in(rest: httpx.AsyncClient, session: str) -> dict[str, object]:
    document: dict[str, object] = (await rest.get(f"/sessions/{session}")).json()
    return document


def new_session(said: str) -> str:
    match = re.search(r"session_id='([^']+)'", said)
    assert match is not None, said
    return match[1]


async def test_list_sessions_shows_component_user_and_first_input(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    user = f"lister-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        for kind, of in (("agent", "echo"), ("team", "pair"), ("workflow", "three-steps")):
            await converse(peer, kind, of, f"{user}-{kind}", f"hello {of}", user=user)
        listed = await peer.text("list_sessions", user_id=user)
        only = await peer.text("list_sessions", kind="team", user_id=user)
        of_one = await peer.text("list_sessions", kind="workflow", id="three steps", user_id=user)
        by_id = await peer.text("list_sessions", id="echo", user_id=user)
        nobody = await peer.text("list_sessions", user_id=f"nobody-{era}")
    for kind, of in (("agent", "echo"), ("team", "pair"), ("workflow", "three-steps")):
        assert f"| {user}-{kind} | {kind} {of} | hello {of} |" in listed
    assert "None" not in listed
    assert [f"{user}-{kind}" in only for kind in ("agent", "team", "workflow")] == [False, True, False]
    assert [f"{user}-{kind}" in of_one for kind in ("agent", "team", "workflow")] == [False, False, True]
    assert [f"{user}-{kind}" in by_id for kind in ("agent", "team", "workflow")] == [True, False, False]
    assert nobody == "No such sessions."


async def test_session_is_found_by_its_given_name_and_by_its_first_input(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    user = f"namer-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        await converse(peer, "agent", "echo", f"{user}-named", "one thing", user=user)
        await converse(peer, "agent", "echo", f"{user}-asked", "What of the Lighthouse?", user=user)
        await converse(peer, "agent", "echo", f"{user}-other", "another thing", user=user)
        await peer.text("rename_session", session_id=f"{user}-named", name="Lighthouse plans")
        text = await peer.text("list_sessions", name="lighthouse", user_id=user)
        first = await peer.text("list_sessions", name="lighthouse", user_id=user, limit=1)
        second = await peer.text("list_sessions", name="lighthouse", user_id=user, limit=1, page=2)
        nothing = await peer.text("list_sessions", name="a name of no session", user_id=user)
    assert f"{user}-named" in text
    assert f"{user}-asked" in text
    assert f"{user}-other" not in text
    assert first.endswith("1 of 2; page=2 has more")
    assert {f"{user}-named" in part for part in (first, second)} == {True, False}
    assert nothing == "No session has this in its name, nor in its first input (of the 100 latest)."


async def test_pages_of_sessions_say_how_many_there_are(connect: Connect, sample_agentos: str, era: str) -> None:
    user = f"pager-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        for number in range(3):
            await converse(peer, "agent", "echo", f"{user}-{number}", "hello", user=user)
        first = await peer.text("list_sessions", user_id=user, limit=2)
        both = first + await peer.text("list_sessions", user_id=user, limit=2, page=2)
    assert first.endswith("2 of 3; page=2 has more")
    assert all(both.count(f"| {user}-{number} |") == 1 for number in range(3))


async def test_list_of_sessions_is_much_shorter_than_what_agentos_sends(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    user = f"brief-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        for number in range(3):
            await converse(peer, "team", "pair", f"{user}-{number}", "words " * 30, user=user)
        await converse(peer, "agent", "echo", f"{user}-long", *("words " * 200,) * 3, user=user)
        sessions = await peer.text("list_sessions", user_id=user)
        session = await peer.text("get_session", session_id=f"{user}-long")
        runs = await peer.text("list_session_runs", session_id=f"{user}-long")
    raw = [
        (await rest.get(path, params=query)).text
        for path, query in (
            ("/sessions", {"user_id": user}),
            (f"/sessions/{user}-long", {}),
            (f"/sessions/{user}-long/runs", {}),
        )
    ]
    assert [5 * len(text) <= len(whole) for text, whole in zip((sessions, session, runs), raw, strict=True)] == [
        True
    ] * 3


async def test_list_sessions_of_an_unknown_component_says_so(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, toolsets=ALL) as peer:
        error = await peer.error("list_sessions", id="nobody-has-this-id")
        named = await peer.error("list_sessions", kind="team", id="nobody-has-this-id")
    assert error.startswith("No component 'nobody-has-this-id'.")
    assert "No team 'nobody-has-this-id'" in named


@pytest.mark.parametrize(
    ("kind", "id", "run_tool"),
    [
        ("agent", "echo", "run_agent(agent_id='echo'"),
        ("team", "pair", "run_team(team_id='pair'"),
        ("workflow", "three-steps", "run_workflow(workflow_id='three-steps'"),
    ],
)
async def test_session_is_read_without_saying_its_kind(
    connect: Connect, sample_agentos: str, era: str, kind: str, id: str, run_tool: str
) -> None:
    session = f"read-{era}-{kind}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        refs = await converse(peer, kind, id, session, "the first words", "the second words", user=f"reader-{era}")
        text = await peer.text("get_session", session_id=session)
        runs = [await peer.text("get_run", run=ref) for ref in refs]
    assert text.startswith(f"# the first words\nsession: {session}\ncomponent: {kind} {id}\nuser: reader-{era}\n")
    assert "runs: 2" in text
    for ref in refs:
        assert f"| {ref} | completed | " in text
    assert all("completed" in run for run in runs)
    assert "null" not in text
    assert text.endswith(f"Continue it with {run_tool}, session_id='{session}', user_id='reader-{era}').")


async def test_session_hint_names_no_user_on_a_server_for_one_user(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    session, user = f"own-{era}", f"reader-{era}"
    async with connect(sample_agentos, toolsets=ALL, user_id=user) as peer:
        await peer.text("run_agent", agent_id="echo", message="x", session_id=session)
        text = await peer.text("get_session", session_id=session)
    assert text.endswith(f"Continue it with run_agent(agent_id='echo', session_id='{session}').")


async def test_session_hint_is_left_out_where_nothing_can_be_run(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    session = f"read-only-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        await peer.text("run_agent", agent_id="echo", message="x", session_id=session)
    async with connect(sample_agentos, toolsets=ALL, read_only=True) as peer:
        assert "Continue it" not in await peer.text("get_session", session_id=session)


async def test_session_shows_its_latest_runs_and_where_the_others_are(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    session = f"many-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        refs = await converse(peer, "agent", "echo", session, *(f"message {number}" for number in range(7)))
        text = await peer.text("get_session", session_id=session)
        all_runs = await peer.text("list_session_runs", session_id=session)
        first = await peer.text("list_session_runs", session_id=session, limit=4)
        both = first + await peer.text("list_session_runs", session_id=session, limit=4, page=2)
    assert sum(ref in text for ref in refs) == 5
    assert f"list_session_runs(session_id='many-{era}') shows all 7 runs." in text
    assert all_runs.startswith("| run | status | started | input | answer |")
    for number, ref in enumerate(refs):
        assert re.search(
            rf"\| {re.escape(ref)} \| completed \| .* \| message {number} \| echo: message {number} \|", all_runs
        )
    assert first.endswith("4 of 7; page=2 has more")
    assert all(both.count(ref) == 1 for ref in refs)


async def test_list_session_runs_filters_by_status_and_leaves_out_members_runs(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    session = f"statuses-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        await converse(peer, "team", "pair", session, "hello")
        await peer.call("run_agent", agent_id="broken", message="fail, please", session_id=session)
        every = await peer.text("list_session_runs", session_id=session)
        failed = await peer.text("list_session_runs", session_id=session, status="error")
        paused = await peer.text("list_session_runs", session_id=session, status="paused")
        wrong = await peer.error("list_session_runs", session_id=session, status="sleeping")
    assert every.count("| completed |") == 1
    assert "team-writer" not in every
    assert f"agent/broken/{session}/" in failed
    assert "completed" not in failed
    assert paused == "No such runs in this session."
    assert "'sleeping' is not a status. Use one of" in wrong


async def test_created_session_is_there_before_its_first_run(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    async with connect(sample_agentos, toolsets=ALL) as peer:
        text = await peer.text(
            "create_session",
            kind="agent",
            id="Echo",
            name=f"Planned {era}",
            session_state={"topic": "tea", "steps": ["one", "two"]},
            metadata={"ticket": 7},
            user_id=f"planner-{era}",
        )
        session = new_session(text)
        read = await peer.text("get_session", session_id=session)
        runs = await peer.text("list_session_runs", session_id=session)
        await converse(peer, "agent", "echo", session, "hello", user=f"planner-{era}")
        after = await peer.text("get_session", session_id=session)
    continue_it = f"Continue it with run_agent(agent_id='echo', session_id='{session}', user_id='planner-{era}')."
    assert text == f"Created session '{session}'. {continue_it}"
    assert read.startswith(f"# Planned {era}\n")
    assert 'state:\n```\ntopic: tea\nsteps: ["one", "two"]\n```\nmetadata:\n```\nticket: 7\n```' in read
    assert runs == f"No runs yet. {continue_it}"
    assert "runs: 1" in after
    document = await session_in(rest, session)
    assert (document["user_id"], document["agent_id"]) == (f"planner-{era}", "echo")


@pytest.mark.parametrize(("kind", "id"), [("team", "pair"), ("workflow", "three-steps")])
async def test_empty_session_keeps_its_kind(connect: Connect, sample_agentos: str, kind: str, id: str) -> None:
    async with connect(sample_agentos, toolsets=ALL) as peer:
        session = new_session(await peer.text("create_session", kind=kind, id=id))
        assert f"component: {kind} {id}\n" in await peer.text("get_session", session_id=session)


async def test_create_session_refuses_an_unknown_component(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, toolsets=ALL) as peer:
        error = await peer.error("create_session", kind="agent", id="ekko")
        other = await peer.error("create_session", kind="agent", id="three-steps")
    assert "No agent 'ekko'. Did you mean 'echo'" in error
    assert "It is a workflow" in other


@pytest.mark.parametrize(("kind", "id"), [("agent", "echo"), ("team", "pair"), ("workflow", "three-steps")])
async def test_renamed_session_has_its_name_and_keeps_its_runs(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str, kind: str, id: str
) -> None:
    session = f"rename-{era}-{kind}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        [ref] = await converse(peer, kind, id, session, "hello")
        text = await peer.text("rename_session", session_id=session, name="  A good name ")
        assert ref in await peer.text("get_session", session_id=session)
        assert "The name is empty" in await peer.error("rename_session", session_id=session, name=" ")
    assert text == f"Renamed session '{session}'."
    document = await session_in(rest, session)
    assert (document["session_name"], document[f"{kind}_id"]) == ("A good name", id)


async def test_update_session_changes_only_the_keys_it_names(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    session = f"update-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        [ref] = await converse(peer, "agent", "echo", session, "hello")
        text = await peer.text(
            "update_session", session_id=session, session_state={"a": 1, "b": [2]}, metadata={"m": "n"}, name="Updated"
        )
        await peer.text("update_session", session_id=session, session_state={"a": None, "c": {"d": 3}}, summary="So.")
        read = await peer.text("get_session", session_id=session)
    assert text == f"Changed name, state, metadata of session '{session}'."
    document = await session_in(rest, session)
    assert document["session_state"] == {"b": [2], "c": {"d": 3}}
    assert document["metadata"] == {"m": "n"}
    assert document["session_summary"] == {"summary": "So."}
    assert read.startswith("# Updated\n")
    assert 'summary:\n```\nSo.\n```\nstate:\n```\nb: [2]\nc: {"d": 3}\n```\nmetadata:\n```\nm: n\n```' in read
    assert ref in read


async def test_update_session_refuses_what_agentos_would_lose(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    session = f"unchanged-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        await converse(peer, "workflow", "three-steps", session, "hello")
        nothing = await peer.error("update_session", session_id=session)
        summary = await peer.error("update_session", session_id=session, summary="So.", name="Renamed")
    assert nothing == "There is nothing to change. Give session_state, metadata, summary or name."
    assert summary == "A workflow's session keeps no summary. Put it into metadata."
    assert (await session_in(rest, session))["session_name"] == "hello"


async def test_deleted_session_is_gone_with_its_runs(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    session = f"delete-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        [ref, _] = await converse(peer, "agent", "echo", session, "hello", "again")
        text = await peer.text("delete_session", session_id=session)
        assert await peer.error("get_run", run=ref)
        again = await peer.error("delete_session", session_id=session)
    assert text == f"Deleted session '{session}' and its runs (2)."
    assert again == f"There is no session '{session}'. list_sessions shows what there is."
    assert (await rest.get(f"/sessions/{session}")).status_code == 404


async def test_session_that_is_deleted_under_a_run_says_that_it_comes_back(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    session = f"busy-{era}"
    form = {"message": "600 60", "session_id": session, "stream": "false", "background": "true"}
    run = (await rest.post("/agents/slow/runs", data=form)).json()["run_id"]
    ref = f"agent/slow/{session}/{run}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        text = await peer.text("delete_session", session_id=session)
    assert text == (
        f"Deleted session '{session}' and its runs (1). Still running: {ref}; its end brings the session back. "
        "Call cancel_run, then delete it again."
    )
    await rest.post(f"/agents/slow/runs/{run}/cancel")


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("get_session", {}),
        ("list_session_runs", {}),
        ("rename_session", {"name": "x"}),
        ("update_session", {"name": "x"}),
        ("delete_session", {}),
        ("fork_session", {}),
        ("compact_session", {}),
    ],
)
async def test_session_of_another_user_is_not_found(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str, tool: str, arguments: dict[str, str]
) -> None:
    session = f"owned-{era}-{tool}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        await converse(peer, "agent", "echo", session, "hello", user="the-owner")
        error = await peer.error(tool, session_id=session, user_id="somebody", **arguments)
        unknown = await peer.error(tool, session_id="no-such-session", **arguments)
        empty = await peer.error(tool, session_id=" ", **arguments)
    assert error == f"There is no session '{session}' of user 'somebody'. list_sessions shows what there is."
    assert unknown == "There is no session 'no-such-session'. list_sessions shows what there is."
    assert "session_id is empty" in empty
    assert (await session_in(rest, session))["session_name"] == "hello"


@pytest.mark.parametrize(("kind", "id"), [("agent", "echo"), ("team", "pair")])
async def test_forked_session_is_its_own_with_the_same_runs(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str, kind: str, id: str
) -> None:
    session = f"fork-{era}-{id}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        await converse(peer, kind, id, session, "first")
        text = await peer.text("fork_session", session_id=session)
        copy = new_session(text)
        assert text.endswith(f"Continue it with run_{kind}({kind}_id='{id}', session_id='{copy}').")
        assert copy != session
        await converse(peer, kind, id, copy, "second")
    runs = {key: (await rest.get(f"/{kind}s/{id}/runs", params={"session_id": key})).json() for key in (session, copy)}
    assert len(runs[copy]) == len(runs[session]) + 1


async def test_compact_session_says_what_it_did(connect: Connect, sample_agentos: str, era: str) -> None:
    session = f"compact-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        await converse(peer, "agent", "folding", session, *(f"words {number} " * 50 for number in range(4)))
        text = await peer.text("compact_session", session_id=session)
        assert text.startswith(("Compacted.", "Nothing was compacted: "))
        await converse(peer, "agent", "echo", f"{session}-echo", "x")
        assert "not enabled" in await peer.text("compact_session", session_id=f"{session}-echo")


async def test_session_that_cannot_be_forked_or_compacted_says_which_can(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    async with connect(sample_agentos, toolsets=ALL) as peer:
        workflow = new_session(await peer.text("create_session", kind="workflow", id="three-steps"))
        team = new_session(await peer.text("create_session", kind="team", id="pair"))
        forked = await peer.error("fork_session", session_id=workflow)
        folded = await peer.error("compact_session", session_id=team)
        empty = await peer.error("fork_session", session_id=team)
    assert forked == "AgentOS cannot fork a workflow's session. It can only those of agents and teams."
    assert folded == "AgentOS cannot compact a team's session. It can only those of agents."
    assert "no runs to fork" in empty


async def test_session_that_nobody_owns_yet_is_read_and_not_forked(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient
) -> None:
    session = (await rest.post("/sessions", json={})).json()["session_id"]
    async with connect(sample_agentos, toolsets=ALL) as peer:
        read = await peer.text("get_session", session_id=session)
        forked = await peer.error("fork_session", session_id=session)
    assert read.startswith(f"# Session without a name\nsession: {session}\ncomponent: agent\n")
    assert "Go on" not in read
    assert forked == "The session belongs to no agent yet. Run something in it first."


async def test_sessions_database_is_asked_for_only_where_it_cannot_be_told(
    connect: Connect, two_databases: str
) -> None:
    async with connect(two_databases, toolsets=ALL) as peer:
        session = new_session(await peer.text("create_session", kind="agent", id="two", name="In the second"))
        dropped_characters = await peer.error("get_session", session_id=session)
        wrong = await peer.error("list_sessions", db_id="third-db")
        elsewhere = await peer.error("get_session", session_id=session, db_id="first-db")
        read = await peer.text("get_session", session_id=session, db_id="the second database")
        await converse(peer, "agent", "two", session, "hello")
        runs = await peer.text("list_session_runs", session_id=session, db_id="second-db")
        deleted = await peer.text("delete_session", session_id=session, db_id="second-db")
        listed = await peer.text("list_sessions", name="In the second", db_id="second-db")
    assert dropped_characters == "There are several databases for this. Give db_id, one of: first-db, second-db."
    assert wrong == "There is no database 'third-db' for this. Give db_id, one of: first-db, second-db."
    assert "There is no session" in elsewhere
    assert read.startswith("# In the second\n")
    assert f"agent/two/{session}/" in runs
    assert deleted.startswith("Deleted")
    assert listed.startswith("No session")


async def test_agentos_without_a_database_says_so(connect: Connect, bare_agentos: str) -> None:
    async with connect(bare_agentos, toolsets=ALL) as peer:
        assert "no database" in await peer.error("list_sessions")


async def test_session_that_cannot_be_read_over_rest_does_not_hide_the_others(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    await rest.post("/sessions", params={"type": "agent"}, json={"session_id": f"with/slash-{era}", "agent_id": "echo"})
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        run = reference(await peer.text("run_agent", agent_id="echo", message="x", session_id=f"beside-{era}"))
        assert run in await peer.text("list_runs", limit=100)


async def test_session_has_the_runs_of_its_own_database_alone(connect: Connect) -> None:
    with running_agentos(build="tests._support.agentos.several_databases:build_many") as url:
        async with connect(url, toolsets=("all",)) as peer:
            runs = {
                agent: reference(await peer.text("run_agent", agent_id=agent, message="hi", session_id="shared"))
                for agent in ("one", "two")
            }
            every = await peer.text("list_runs", session_id="shared")
            first = await peer.text("list_session_runs", session_id="shared", db_id="first-db")
            read = await peer.text("get_session", session_id="shared", db_id="second-db")
            deleted = await peer.text("delete_session", session_id="shared", db_id="first-db")
            left = await peer.text("list_runs", session_id="shared")
        async with connect(url, toolsets=("all",), db_id="second-db") as peer:
            injected = await peer.text("list_runs")
    assert all(every.count(run) == 1 for run in runs.values())
    assert runs["one"] in first
    assert runs["two"] not in first
    assert "runs: 1\n" in read
    assert deleted == "Deleted session 'shared' and its runs (1)."
    assert runs["one"] not in left
    assert runs["two"] in left
    assert runs["two"] in injected


async def test_run_continues_a_session_as_its_user_where_none_is_given(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    session = f"owned-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        await peer.text("run_agent", agent_id="echo", message="one", session_id=session, user_id=f"Anna Ü {era}")
        text = await peer.text("run_agent", agent_id="echo", message="two", session_id=session)
        assert text.startswith("echo: two")
        facts = await peer.text("get_session", session_id=session)
        assert "runs: 2" in facts
        assert f"user: Anna Ü {era}" in facts
        assert "not found" in await peer.error(
            "run_agent", agent_id="echo", message="x", session_id=session, user_id="somebody else"
        )


async def test_get_session_hint_repeats_the_user_and_database_it_was_asked_with(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    session, user = f"long-{era}", f"walker-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        for number in range(6):
            await peer.text("run_agent", agent_id="echo", message=f"{number}", session_id=session, user_id=user)
        text = await peer.text("get_session", session_id=session, user_id=user)
    assert f"list_session_runs(session_id='{session}', user_id='{user}') shows all 6 runs." in text


async def test_get_session_finds_a_session_by_its_name(connect: Connect, sample_agentos: str, era: str) -> None:
    user = f"by-name-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        for number, name in enumerate((f"Harbor {era}", f"Harbor {era} two")):
            await converse(peer, "agent", "echo", f"{user}-{number}", "hello", user=user)
            await peer.text("rename_session", session_id=f"{user}-{number}", name=name)
        exact = await peer.text("get_session", session_id=f"harbor {era}")
        part = await peer.text("list_session_runs", session_id=f"{era} TWO")
        several = await peer.error("get_session", session_id="harbor", user_id=user)
        none = await peer.error("get_session", session_id=f"no such name {era}")
    assert f"session: {user}-0\n" in exact
    assert f"agent/echo/{user}-1/" in part
    assert several.startswith("2 sessions have 'harbor' in their name. Give one of the ids: ")
    assert none.startswith(f"There is no session 'no%20such%20name%20{era}'.")


async def test_ids_that_are_shown_encoded_are_taken_as_they_are_shown(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    user, session = f"Ann Lee|{era}", f"my talk {era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        await converse(peer, "agent", "echo", session, "first words", user=user)
        shown = {"session_id": f"my%20talk%20{era}", "user_id": f"Ann%20Lee%7C{era}"}
        read = await peer.text("get_session", **shown)
        await peer.text("run_agent", agent_id="echo", message="second words", **shown)
        runs = await peer.text("list_session_runs", session_id=session, user_id=user)
        of_user = await peer.text("list_sessions", user_id=shown["user_id"])
    assert f"session: {session}\n" in read
    assert runs.count("| completed |") == 2
    assert session in of_user


async def test_session_whose_id_looks_encoded_is_not_decoded(connect: Connect, sample_agentos: str, era: str) -> None:
    literal, decoded = f"odd%20id-{era}", f"odd id-{era}"
    async with connect(sample_agentos, toolsets=ALL) as peer:
        await converse(peer, "agent", "echo", decoded, "the decoded one")
        async with httpx.AsyncClient(base_url=sample_agentos) as rest:
            await rest.post("/sessions", params={"type": "agent"}, json={"session_id": literal, "agent_id": "echo"})
        assert "the decoded one" not in await peer.text("get_session", session_id=literal)
