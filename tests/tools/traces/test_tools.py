from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import httpx
import pytest

from agentos_mcp.tools.traces import search
from tests._support.agentos_pool import AgentOSPool
from tests._support.mcp_client import Connect, Peer, reference
from tests._support.running_agentos import running_agentos

pytestmark = pytest.mark.anyio
ONE_ERA = True

ALL = {"toolsets": ("all",)}
HASH = re.compile(r"[0-9a-f]{32}")


@pytest.fixture(scope="module")
def unnamed(agentoses: AgentOSPool) -> str:
    """An AgentOS as it comes: it traces requests, and its traces have no ids of runs."""
    return agentoses.url("traces")


@pytest.fixture(scope="module")
def named(agentoses: AgentOSPool) -> str:
    """An AgentOS whose traces have the ids of their runs."""
    return agentoses.url("traces", "build_named")


@pytest.fixture(scope="module")
def stored() -> Iterator[str]:
    with running_agentos(build="tests._support.agentos.traces:build_stored") as url:
        yield url


@pytest.fixture(params=["unnamed", "named"])
def traced(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


async def run(peer: Peer, kind: str, id: str, message: str = "hello", **more: Any) -> str:
    """Runs a component and returns the reference, once its trace is stored as a whole."""
    result = await peer.call(f"run_{kind}", **{f"{kind}_id": id}, message=message, **more)
    ref = reference("\n".join(getattr(block, "text", "") for block in result.content))
    with anyio.fail_after(20):
        missing = True
        while missing:
            missing = (await peer.call("get_trace", id=ref)).is_error
    return ref


def ids(table: str) -> list[str]:
    return HASH.findall(table)


def tree(record: str) -> list[str]:
    """The lines of a trace's tree, without durations and span ids."""
    lines = record.partition("tree:\n```\n")[2].partition("\n```")[0].splitlines()
    return [re.sub(r" \d+(\.\d+)? m?s \[[0-9a-f]{16}\]", "", line) for line in lines]


class TestListing:
    async def test_list_traces_shows_what_ran_latest_first(self, connect: Connect, traced: str, era: str) -> None:
        session = f"listed-{era}"
        async with connect(traced, **ALL) as peer:
            await run(peer, "agent", "echo", session_id=session)
            await run(peer, "team", "pair", session_id=session)
            await run(peer, "workflow", "two-steps", session_id=session)
            listed = await peer.text("list_traces", session_id=session)
        assert listed.startswith("| id | name | status | duration | spans | started |")
        assert re.findall(r"\| (\w+) \S+ \| OK \|", listed) == ["workflow", "team", "agent"]

    async def test_trace_of_each_row_can_be_read(self, connect: Connect, unnamed: str, era: str) -> None:
        session = f"readable-{era}"
        async with connect(unnamed, **ALL) as peer:
            ref = await run(peer, "agent", "echo", session_id=session)
            [trace_id] = ids(await peer.text("list_traces", session_id=session))
            assert f"trace: {trace_id}\n" in await peer.text("get_trace", id=ref)
        async with httpx.AsyncClient(base_url=unnamed) as rest:
            assert (await rest.get(f"/traces/{trace_id}")).json()["trace_id"] == trace_id

    @pytest.mark.parametrize(
        ("kind", "id"), [("agent", "look-up"), ("team", "pair"), ("workflow", "two-steps")], ids=lambda one: one
    )
    async def test_runs_own_trace_is_found(self, connect: Connect, traced: str, kind: str, id: str, era: str) -> None:
        async with connect(traced, **ALL) as peer:
            ref = await run(peer, kind, id)
            other = await run(peer, kind, id)
            [mine] = ids(await peer.text("list_traces", run=ref))
            assert mine not in await peer.text("list_traces", run=other)
            assert mine in await peer.text("list_traces", kind=kind, id=id, limit=100)
            assert mine not in await peer.text("list_traces", kind="agent", id="echo", limit=100)

    async def test_list_traces_filters_by_user(self, connect: Connect, unnamed: str, era: str) -> None:
        user = f"user-{era}"
        async with connect(unnamed, **ALL) as peer:
            await run(peer, "agent", "echo", user_id=user)
            assert len(ids(await peer.text("list_traces", user_id=user))) == 1
            assert not ids(await peer.text("list_traces", user_id=f"not-{user}"))

    async def test_list_traces_finds_errors_that_agentos_calls_ok(
        self, connect: Connect, traced: str, era: str
    ) -> None:
        session = f"failed-{era}"
        async with connect(traced, **ALL) as peer:
            for agent in ("echo", "tool-fail", "broken"):
                await run(peer, "agent", agent, session_id=session)
            failed = await peer.text("list_traces", session_id=session, errors=True)
        assert len(ids(failed)) == 2
        assert "echo" not in failed.casefold()
        assert failed.count("| with errors |") == 2

    async def test_list_traces_filters_by_time_and_leads_to_older_ones(
        self, connect: Connect, traced: str, era: str
    ) -> None:
        session = f"times-{era}"
        today = datetime.now(UTC).date()
        async with connect(traced, **ALL) as peer:
            for _ in range(3):
                await run(peer, "agent", "echo", session_id=session)
            everything = ids(await peer.text("list_traces", session_id=session, since=str(today - timedelta(days=1))))
            assert len(everything) == 3
            assert not ids(await peer.text("list_traces", session_id=session, until=str(today - timedelta(days=1))))
            page = await peer.text("list_traces", session_id=session, limit=2)
            assert ids(page) == everything[:2]
            until = page.rpartition("Older ones: until=")[2]
            older = await peer.text("list_traces", session_id=session, limit=2, until=until)
            assert ids(older) == everything[2:]
            assert "Older ones" not in older

    async def test_list_traces_shows_the_slowest_first(self, connect: Connect, stored: str) -> None:
        async with connect(stored, **ALL) as peer:
            slowest = await peer.text("list_traces", order="slowest", limit=3)
            assert ids(slowest) == [f"{number:032x}" for number in (0, 5, 3)]
            assert slowest.endswith("The slowest of 6 traces.")
            assert "| 10 min 0 s |" in slowest
            assert ids(await peer.text("list_traces", limit=1)) == [f"{5:032x}"]

    async def test_list_traces_shows_whose_they_are(self, connect: Connect, traced: str, era: str) -> None:
        async with connect(traced, **ALL) as peer:
            for user in (f"anna-{era}", f"bob-{era}"):
                await run(peer, "agent", "echo", user_id=user)
            listed = await peer.text("list_traces", kind="agent", id="echo", limit=2)
            assert re.findall(r"\| (anna|bob)-\w+ \| OK \|", listed) == ["bob", "anna"]
            assert "| user |" not in await peer.text("list_traces", user_id=f"bob-{era}")

    async def test_run_is_found_behind_many_requests_without_one(
        self, connect: Connect, unnamed: str, era: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session = f"hidden-{era}"
        async with connect(unnamed, **ALL) as peer:
            await run(peer, "agent", "echo", session_id=session)
            async with httpx.AsyncClient(base_url=unnamed) as rest:
                for _ in range(25):
                    await rest.get("/health")
            monkeypatch.setattr(search, "PAGE_SIZE", 10)
            assert len(ids(await peer.text("list_traces", session_id=session))) == 1
            monkeypatch.setattr(search, "MAX_TRACES", 20)
            text = await peer.text("list_traces", session_id=session)
        # Two pages that overlap by one.
        assert re.fullmatch(r"None of the newest 19 traces\. Older ones: until=20\S+", text)

    async def test_older_traces_are_reached_where_nothing_was_found(
        self, connect: Connect, unnamed: str, era: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session = f"deep-{era}"
        async with connect(unnamed, **ALL) as peer:
            await run(peer, "agent", "echo", session_id=session)
            async with httpx.AsyncClient(base_url=unnamed) as rest:
                for _ in range(25):
                    await rest.get("/health")
            monkeypatch.setattr(search, "PAGE_SIZE", 10)
            monkeypatch.setattr(search, "MAX_TRACES", 20)
            until = ""
            tables: list[str] = []
            while len(tables) < 10 and not any(map(ids, tables)):
                tables.append(await peer.text("list_traces", session_id=session, until=until))
                until = tables[-1].rpartition("until=")[2]
        assert len(tables) > 1
        assert len(ids(tables[-1])) == 1

    async def test_trace_that_overlaps_a_later_one_is_on_the_next_page(
        self, connect: Connect, traced: str, era: str
    ) -> None:
        session = f"overlapping-{era}"
        form = {"message": "20 2", "session_id": session}
        async with connect(traced, **ALL) as peer, httpx.AsyncClient(base_url=traced, timeout=30) as rest:
            async with rest.stream("POST", "/agents/slow/runs", data=form) as answer:
                lines = answer.aiter_lines()
                await anext(lines)
                await run(peer, "agent", "echo", session_id=session)
                async for _ in lines:
                    pass
            everything: list[str] = []
            with anyio.fail_after(20):
                while len(everything) < 2:
                    everything = ids(await peer.text("list_traces", session_id=session))
            first = await peer.text("list_traces", session_id=session, limit=1)
            until = first.rpartition("Older ones: until=")[2]
            second = await peer.text("list_traces", session_id=session, limit=1, until=until)
        assert [*ids(first), *ids(second)] == everything

    @pytest.mark.parametrize("limit", [1, 2, 3, 4])
    async def test_traces_are_each_listed_once_over_all_pages(
        self, connect: Connect, stored: str, monkeypatch: pytest.MonkeyPatch, limit: int
    ) -> None:
        monkeypatch.setattr(search, "PAGE_SIZE", 2)
        told: list[str] = []
        until = ""
        async with connect(stored, **ALL) as peer:
            while not told or until:
                page = await peer.text("list_traces", session_id="stored", limit=limit, until=until)
                told += ids(page)
                until = page.rpartition("Older ones: until=")[2] if "Older ones" in page else ""
        assert sorted(told) == [f"{number:032x}" for number in range(6)]
        assert told[-1] == f"{0:032x}"

    async def test_list_traces_without_tracing_says_how_to_enable_it(self, connect: Connect) -> None:
        with running_agentos(build="tests._support.agentos.traces:build_untraced") as url:
            async with connect(url, **ALL) as peer:
                text = "No traces. AgentOS keeps them where it is built with AgentOS(tracing=True)."
                assert await peer.text("list_traces") == text
                assert await peer.text("search_traces") == text
                assert await peer.text("list_trace_sessions") == text

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ({"run": "echo"}, "'echo' is not a run reference."),
            ({"since": "soon"}, "since: 'soon' is not a valid time. Write it as YYYY-MM-DD"),
            ({"until": "2026-13-01"}, "until: '2026-13-01' is not a valid time."),
            ({"kind": "team"}, "Which team? Give its id or name (list_teams)."),
            ({"id": "nobody"}, "No component 'nobody'."),
            ({"kind": "team", "id": "nobody"}, "No team 'nobody'."),
            ({"db_id": "other"}, "There is no database 'other' for this. Give db_id, one of: traced-db."),
            ({"limit": 0}, "'limit'"),
        ],
    )
    async def test_list_traces_refuses_invalid_arguments(
        self, connect: Connect, unnamed: str, arguments: dict[str, Any], expected: str
    ) -> None:
        async with connect(unnamed, **ALL) as peer:
            assert expected in await peer.error("list_traces", **arguments)


class TestOneTrace:
    async def test_runs_trace_is_a_short_tree(self, connect: Connect, named: str) -> None:
        async with connect(named, **ALL) as peer:
            ref = await run(peer, "agent", "look-up", "what is honey?", user_id="anna")
            text = await peer.text("get_trace", id=ref)
        assert text.startswith("# agent look-up\ntrace: ")
        assert f"spans: 4\ntokens: 11 in, 10 out\nrun: {ref}\nuser: anna\n" in text
        assert tree(text) == [
            "agent Look_Up.arun in: what is honey? out: the tool said: honey is a fine thing",
            "  llm Scripted.ainvoke_stream scripted 3→2 tokens out: calls lookup",
            '  tool lookup in: {"term": "honey"} out: honey is a fine thing',
            "  llm Scripted.ainvoke_stream scripted 8→8 tokens out: the tool said: honey is a fine thing",
        ]

    async def test_frameworks_own_spans_are_left_out(self, connect: Connect, unnamed: str) -> None:
        async with connect(unnamed, **ALL) as peer:
            ref = await run(peer, "agent", "echo", "hi")
            text = await peer.text("get_trace", id=ref)
        assert "of the web framework's not shown)" in text
        assert f"run: {ref}\n" in text
        assert "fastapi." not in text
        assert tree(text)[:2] == ["POST /agents/{agent_id}/runs", "  agent Echo.arun in: hi out: echo: hi"]

    async def test_workflows_steps_are_called_steps(self, connect: Connect, unnamed: str) -> None:
        async with connect(unnamed, **ALL) as peer:
            text = await peer.text("get_trace", id=await run(peer, "workflow", "two-steps", "go"))
        lines = [line.strip() for line in tree(text)]
        assert any(re.match(r"workflow Two_Steps\.\w+ in: go out: the tool said", line) for line in lines)
        assert any(re.match(r"step handle\.\w+ out: handled go", line) for line in lines)
        assert any(re.match(r"step find_it\.\w+ in: handled go", line) for line in lines)

    async def test_failed_trace_says_why(self, connect: Connect, traced: str) -> None:
        async with connect(traced, **ALL) as peer:
            text = await peer.text("get_trace", id=await run(peer, "agent", "tool-fail"))
        assert "status: with errors\n" in text
        assert "errors: 1\n" in text
        assert any(line.strip() == 'tool explode in: {"reason": "bad day"} ERROR: boom: bad day' for line in tree(text))

    async def test_span_text_is_cut_in_the_tree_and_whole_by_itself(self, connect: Connect, named: str) -> None:
        words = " ".join(f"word{number}" for number in range(200))
        async with connect(named, **ALL) as peer:
            text = await peer.text("get_trace", id=await run(peer, "agent", "echo", words))
            assert "word5" in text
            assert "word199" not in text
            [trace_id, *_] = ids(text)
            span_id = re.search(r"agent Echo\.arun .*?\[(\w+)\]", text)
            assert span_id
            span = await peer.text("get_trace", id=trace_id, span_id=span_id[1])
        assert span.startswith("# Echo.arun\n")
        assert "\ntype: agent\nstatus: OK\nstarted: 20" in span
        assert f"input:\n```\n{words}\n```\noutput:\n```\necho: {words}\n```" in span

    async def test_spans_error_and_details_are_told(self, connect: Connect, named: str) -> None:
        async with connect(named, **ALL) as peer:
            text = await peer.text("get_trace", id=await run(peer, "agent", "tool-fail"))
            span_id = re.search(r"tool explode .*?\[(\w+)\]", text)
            assert span_id
            span = await peer.text("get_trace", id=ids(text)[0], span_id=span_id[1])
        assert "tool_name: explode\n" in span
        assert "error: boom: bad day\n" in span

    async def test_run_that_was_continued_has_two_traces(self, connect: Connect, traced: str) -> None:
        async with connect(traced, **ALL) as peer:
            ref = await run(peer, "agent", "asker")
            [first] = ids(await peer.text("list_traces", run=ref))
            output = await peer.text("get_run", run=ref)
            key = re.search(r"^- (\S+):", output, re.MULTILINE)
            assert key
            await peer.text("continue_run", run=ref, answers={key[1]: True})
            with anyio.fail_after(20):
                text = ""
                while "other traces" not in text:
                    await anyio.sleep(0.05)
                    text = await peer.text("get_trace", id=ref)
        assert f"other traces of this run: {first}\n" in text
        assert "Asker.acontinue_run" in text

    async def test_trace_is_a_small_part_of_agentos_own_answer(self, connect: Connect, named: str) -> None:
        async with connect(named, **ALL) as peer:
            text = await peer.text("get_trace", id=await run(peer, "team", "pair"))
        async with httpx.AsyncClient(base_url=named) as rest:
            whole = (await rest.get(f"/traces/{ids(text)[0]}")).json()
        assert len(text) * 3 < len(json.dumps(whole))

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ({"id": "0" * 32}, "Trace not found. list_traces has the ids."),
            ({"id": " "}, "The id is empty."),
            ({"id": "agent/echo/never/was"}, "No trace of this run"),
            ({"id": "never/was"}, "'never/was' is not a run reference."),
        ],
    )
    async def test_trace_that_is_not_there_leads_to_those_that_are(
        self, connect: Connect, named: str, arguments: dict[str, str], expected: str
    ) -> None:
        async with connect(named, **ALL) as peer:
            assert expected in await peer.error("get_trace", **arguments)

    async def test_span_that_is_not_there_leads_to_those_that_are(self, connect: Connect, named: str) -> None:
        async with connect(named, **ALL) as peer:
            trace_id = ids(await peer.text("get_trace", id=await run(peer, "agent", "echo")))[0]
            error = await peer.error("get_trace", id=trace_id, span_id="0" * 16)
        assert error == "Span not found. get_trace without span_id shows its spans."


class TestSearch:
    async def test_trace_filter_finds_what_it_says(self, connect: Connect, named: str, era: str) -> None:
        session = f"search-{era}"
        async with connect(named, **ALL) as peer:
            await run(peer, "agent", "echo", session_id=session)
            await run(peer, "agent", "look-up", session_id=session)
            mine = {"op": "EQ", "key": "session_id", "value": session}
            assert len(ids(await peer.text("search_traces", filter=mine))) == 2
            slow = {"op": "AND", "conditions": [mine, {"op": "GTE", "key": "duration_ms", "value": 50}]}
            assert "look-up" in await peer.text("search_traces", filter=slow)
            others = {"op": "AND", "conditions": [mine, {"op": "NOT", "condition": {"agent_id": "echo"}}]}
            text = await peer.text("search_traces", filter=others)
            assert "look-up" in text
            assert "agent echo" not in text

    async def test_trace_filter_may_be_a_field_and_its_value(self, connect: Connect, named: str, era: str) -> None:
        session = f"short-{era}"
        async with connect(named, **ALL) as peer:
            await run(peer, "agent", "echo", session_id=session)
            assert len(ids(await peer.text("search_traces", filter={"session_id": session, "status": "ok"}))) == 1
            both = {"session_id": [session, "another"]}
            assert len(ids(await peer.text("search_traces", filter=both))) == 1
            assert await peer.text("search_traces", filter={"session_id": "another"}) == "Nothing fits."

    async def test_search_traces_groups_by_session(self, connect: Connect, named: str, era: str) -> None:
        session = f"grouped-{era}"
        async with connect(named, **ALL) as peer:
            await run(peer, "agent", "echo", session_id=session, user_id="anna")
            await run(peer, "agent", "echo", session_id=session, user_id="anna")
            text = await peer.text("search_traces", filter={"session_id": session}, group_by="session")
        assert f"| {session} | agent echo | anna | 2 | 20" in text

    async def test_search_traces_without_ids_says_where_to_look(self, connect: Connect, unnamed: str) -> None:
        async with connect(unnamed, **ALL) as peer:
            await run(peer, "agent", "echo")
            for arguments in ({"filter": {"agent_id": "echo"}}, {"group_by": "session"}):
                text = await peer.text("search_traces", **arguments)
                assert "list_traces and list_trace_sessions look inside them" in text
                assert 'FastAPI(telemetry={"tracing": False})' in text

    async def test_search_traces_finds_requests_page_by_page(self, connect: Connect, unnamed: str) -> None:
        async with connect(unnamed, **ALL) as peer:
            await run(peer, "agent", "look-up")
            text = await peer.text("search_traces", filter={"op": "GTE", "key": "duration_ms", "value": 0}, limit=5)
        assert "page=2 has more" in text
        async with httpx.AsyncClient(base_url=unnamed) as rest:
            whole = (await rest.post("/traces/search", json={"limit": 5})).json()
        assert len(text) * 5 < len(json.dumps(whole))

    async def test_search_traces_shows_the_slowest_first(
        self, connect: Connect, stored: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with connect(stored, **ALL) as peer:
            slowest = await peer.text("search_traces", order="slowest", limit=2)
            assert ids(slowest) == [f"{number:032x}" for number in (0, 5)]
            assert "2 of 6; page=2 has more" in slowest
            assert "The slowest" not in slowest
            long = {"op": "LT", "key": "duration_ms", "value": 600_000}
            assert ids(await peer.text("search_traces", filter=long, order="slowest", limit=1)) == [f"{5:032x}"]
            monkeypatch.setattr(search, "PAGE_SIZE", 2)
            monkeypatch.setattr(search, "MAX_TRACES", 4)
            part = await peer.text("search_traces", order="slowest")
            assert part.splitlines()[-1].startswith("The slowest of the newest ")
            error = await peer.error("search_traces", order="slowest", group_by="session")
        assert error.startswith("Sessions have no duration to be sorted by.")

    @pytest.mark.parametrize(
        ("filter", "expected"),
        [
            ({"agent": "echo"}, "There is no field 'agent' to filter by."),
            ({"op": "LIKE", "key": "name", "value": "x"}, "name cannot be compared with 'LIKE'."),
            ({"op": "EQ", "value": "x"}, "There is no field '' to filter by."),
            ({"op": "GT", "key": "duration_ms", "value": "long"}, "duration_ms is a number."),
            ({"op": "GT", "key": "start_time", "value": "soon"}, "start_time: 'soon' is not a valid time."),
            ({"status": "fine"}, "status is never 'fine'."),
            ({"op": "EQ", "key": "name"}, "name needs a value to compare with."),
            ({"op": "AND", "conditions": []}, "AND needs a list of conditions."),
            ({"op": "NOT"}, "A filter is an object with op, key and value."),
            ({"op": "IN", "key": "run_id", "value": "x"}, "IN on run_id needs a list of values."),
        ],
    )
    async def test_trace_filter_that_agentos_would_not_understand_is_refused(
        self, connect: Connect, named: str, filter: dict[str, Any], expected: str
    ) -> None:
        async with connect(named, **ALL) as peer:
            answer = await peer.error("search_traces", filter=filter)
        assert answer.startswith(expected)
        assert "not a valid time" in expected or "Fields: status (OK or ERROR): EQ NEQ IN; user_id, agent_id" in answer


class TestSessions:
    async def test_list_trace_sessions_counts_traces(self, connect: Connect, traced: str, era: str) -> None:
        session = f"sessions-{era}"
        async with connect(traced, **ALL) as peer:
            for agent in ("echo", "echo", "look-up"):
                await run(peer, "agent", agent, session_id=session, user_id=f"owner-{era}")
            listed = await peer.text("list_trace_sessions", user_id=f"owner-{era}")
            alone = await peer.text("list_trace_sessions", kind="agent", id="echo", user_id=f"owner-{era}")
        assert listed.startswith("| session | components | user | traces | first | last |")
        assert re.search(rf"\| {session} \| [^|]+ \| owner-{era} \| 3 \| 20", listed)
        assert re.search(rf"\| {session} \| agent [Ee]cho \| owner-{era} \| 2 \| 20", alone)

    async def test_list_trace_sessions_comes_in_pages(self, connect: Connect, unnamed: str, era: str) -> None:
        async with connect(unnamed, **ALL) as peer:
            for number in range(2):
                await run(peer, "agent", "echo", session_id=f"page-{number}-{era}", user_id=f"pages-{era}")
            pages = [
                await peer.text("list_trace_sessions", user_id=f"pages-{era}", limit=1, page=page) for page in (1, 2)
            ]
        assert f"page-1-{era}" in pages[0]
        assert "1 of 2; page=2 has more" in pages[0]
        assert f"page-0-{era}" in pages[1]

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ({"since": "soon"}, "since: 'soon' is not a valid time."),
            ({"kind": "agent", "id": "nobody"}, "No agent 'nobody'."),
            ({"page": 0}, "'page'"),
        ],
    )
    async def test_list_trace_sessions_refuses_invalid_arguments(
        self, connect: Connect, unnamed: str, arguments: dict[str, Any], expected: str
    ) -> None:
        async with connect(unnamed, **ALL) as peer:
            assert expected in await peer.error("list_trace_sessions", **arguments)


async def test_search_traces_takes_a_period_beside_a_filter(connect: Connect, traced: str, era: str) -> None:
    async with connect(traced, **ALL) as peer:
        trace_ids = ids(await peer.text("list_traces", run=await run(peer, "agent", "echo"), limit=1))
        ok = {"op": "AND", "conditions": [{"op": "GT", "key": "duration_ms", "value": -1}]}
        recent = await peer.text("search_traces", filter=ok, since="2h", limit=100)
        early = await peer.text("search_traces", filter=ok, until="2020-01-01")
        late = await peer.text("search_traces", since="2h", limit=100)
    assert trace_ids[0] in recent
    assert trace_ids[0] in late
    assert early == "Nothing fits."
