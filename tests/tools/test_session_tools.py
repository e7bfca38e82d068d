from __future__ import annotations

import httpx
import pytest

from tests.live.connect import Connect

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("kind", "id"), [("agent", "echo"), ("team", "pair")])
async def test_a_fork_is_a_session_of_its_own_with_the_same_runs(
    connect: Connect, zoo: str, rest: httpx.AsyncClient, era: str, kind: str, id: str
) -> None:
    session = f"fork-{era}-{id}"
    async with connect(zoo) as peer:
        await peer.text(f"run_{kind}", **{f"{kind}_id": id}, message="first", session_id=session)
        said = await peer.text("fork_session", kind=kind, id=id, session_id=session)
        copy = said.rpartition("session_id='")[2].partition("'")[0]
        assert copy != session
        await peer.text(f"run_{kind}", **{f"{kind}_id": id}, message="second", session_id=copy)
    runs = {key: (await rest.get(f"/{kind}s/{id}/runs", params={"session_id": key})).json() for key in (session, copy)}
    assert len(runs[copy]) == len(runs[session]) + 1


async def test_compacting_says_what_came_of_it(connect: Connect, zoo: str, era: str) -> None:
    session = f"compact-{era}"
    async with connect(zoo) as peer:
        for number in range(4):
            await peer.text("run_agent", agent_id="folding", message=f"words {number} " * 50, session_id=session)
        said = await peer.text("compact_session", agent_id="folding", session_id=session)
        assert said.startswith(("Folded.", "Nothing was folded: "))
        await peer.text("run_agent", agent_id="echo", message="x", session_id=session)
        assert "not enabled" in await peer.text("compact_session", agent_id="echo", session_id=session)


async def test_a_session_that_is_not_there_is_an_error(connect: Connect, zoo: str) -> None:
    async with connect(zoo) as peer:
        assert await peer.error("fork_session", kind="agent", id="echo", session_id="no-such-session")
        assert await peer.error("compact_session", agent_id="echo", session_id="no-such-session")
        assert "session_id is empty" in await peer.error("fork_session", kind="agent", id="echo", session_id=" ")
