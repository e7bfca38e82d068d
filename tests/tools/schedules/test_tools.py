from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from agentos_mcp.agentos.runs.run import RunRef
from tests._support.agentos.sample import HOSTILE_IDS
from tests._support.agentos.schedules import PORT_VARIABLE
from tests._support.mcp_client import Connect, Peer, reference
from tests._support.person import Person
from tests._support.postgres import free_port
from tests._support.running_agentos import running_agentos
from tests.conftest import SAMPLE_AGENTOS

pytestmark = pytest.mark.anyio
ONE_ERA = True

BUILD = "tests._support.agentos.schedules:build"
NEVER = "0 9 1 1 *"
"""A time that does not come while tests run."""


@pytest.fixture(scope="module")
def scheduling() -> Iterator[str]:
    """An AgentOS that runs its scheduler."""
    port = free_port()
    with running_agentos(build=BUILD, port=port, environment={PORT_VARIABLE: str(port)}) as url:
        yield url


@pytest.fixture(scope="module")
def misdirected() -> Iterator[str]:
    """An AgentOS whose scheduler has been told another port than its own."""
    with running_agentos(build=BUILD, environment={PORT_VARIABLE: str(free_port())}) as url:
        yield url


@pytest.fixture
async def clock(scheduling: str) -> AsyncIterator[httpx.AsyncClient]:
    """The scheduling AgentOS's own REST API."""
    async with httpx.AsyncClient(base_url=scheduling, timeout=30) as client:
        yield client


async def stored(rest: httpx.AsyncClient, name: str) -> dict[str, Any] | None:
    document = (await rest.get("/schedules", params={"limit": 1000})).json()["data"]
    return next((schedule for schedule in document if schedule["name"] == name), None)


async def create(peer: Peer, name: str, id: str, message: str = "hello", kind: str = "agent") -> str:
    return await peer.text("create_schedule", name=name, cron=NEVER, kind=kind, id=id, message=message)


async def succeeded(peer: Peer, name: str) -> str:
    """The list of the schedule's runs as soon as its latest one has succeeded."""
    while True:
        runs = await peer.text("list_schedule_runs", schedule=name, limit=1)
        if "| success |" in runs:
            return runs
        await anyio.sleep(0.2)


# Making and changing


async def test_schedule_says_what_it_runs_and_when(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    name = f"morning report {era}"
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        text = await peer.text(
            "create_schedule",
            name=name,
            cron="0 9 1 1 *",
            timezone="Asia/Tokyo",
            kind="workflow",
            id="three steps",
            message="What is new?",
            payload={"session_id": f"mornings-{era}"},
        )
        assert text.startswith(
            f"Created. morning report {era}: workflow three-steps at 0 9 1 1 * Asia/Tokyo, on, next at 20"
        )
        assert "01-01 00:00 UTC." in text
        assert "fires only while AgentOS runs its scheduler" in text
        made = await stored(rest, name)
        assert made is not None
        assert made["endpoint"] == "/workflows/three-steps/runs"
        assert made["payload"] == {"session_id": f"mornings-{era}", "message": "What is new?"}
        listed = await peer.text("list_schedules", limit=100)
        assert f"| {name} | 0 9 1 1 * Asia/Tokyo | workflow three-steps | 20" in listed
        output = await peer.text("get_schedule", schedule=name)
    assert f"id: {made['id']}\nruns: workflow three-steps\nwhen: 0 9 1 1 * Asia/Tokyo\nnext: 20" in output
    assert "message:\n```\nWhat is new?\n```" in output
    assert f'"session_id": "mornings-{era}"' in output


async def test_schedule_is_changed_without_losing_the_rest(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    name = f"changing-{era}"
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        await peer.text(
            "create_schedule",
            name=name,
            cron=NEVER,
            kind="agent",
            id="echo",
            message="old",
            payload={"session_id": "kept"},
        )
        text = await peer.text("update_schedule", schedule=name.upper(), cron="30 8 2 1 *", message="new")
        assert text.startswith(f"Updated. {name}: agent echo at 30 8 2 1 * UTC, on, next at 20")
        await peer.text("update_schedule", schedule=name, name=f"{name}-b", timezone="Europe/Berlin")
        changed = await stored(rest, f"{name}-b")
        assert changed is not None
        assert changed["payload"] == {"session_id": "kept", "message": "new"}
        assert (changed["cron_expr"], changed["timezone"]) == ("30 8 2 1 *", "Europe/Berlin")
        assert await stored(rest, name) is None
        # By its id too.
        assert f"{name}-b" in await peer.text("get_schedule", schedule=changed["id"])


async def test_schedule_is_switched_off_and_on(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    name = f"switching-{era}"
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        await create(peer, name, "echo")
        assert await peer.text("disable_schedule", schedule=name) == f"{name}: agent echo at {NEVER} UTC, off."
        off = await stored(rest, name)
        assert off is not None
        assert off["enabled"] is False
        assert f"| {name} | {NEVER} UTC | agent echo |  | off |" in await peer.text("list_schedules", limit=100)
        error = await peer.error("trigger_schedule", schedule=name)
        assert error == "It is disabled. Call enable_schedule first."
        assert f"at {NEVER} UTC, on, next at 20" in await peer.text("enable_schedule", schedule=name)
        on = await stored(rest, name)
        assert on is not None
        assert on["enabled"] is True


async def test_schedule_is_found_by_a_near_name_but_deleted_by_its_whole_name_alone(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    name = f"weekly-gazette-{era}"
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        await create(peer, name, "echo")
        for near_name in (f"Weekly Gazette {era}", f"the weekly gazette {era} schedule", "gazette"):
            assert f"# Schedule {name}" in await peer.text("get_schedule", schedule=near_name)
        assert f"'{name}'" in await peer.error("delete_schedule", schedule="gazette")
        assert await peer.text("delete_schedule", schedule=f"weekly gazette {era}")


async def test_schedule_is_deleted_once_the_person_agrees(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    name = f"deleting-{era}"
    async with connect(sample_agentos, toolsets=("all",), person=Person("decline")) as peer:
        await create(peer, name, "echo")
        assert "nothing was done" in await peer.text("delete_schedule", schedule=name)
        assert await stored(rest, name) is not None
    person = Person("approve")
    async with connect(sample_agentos, toolsets=("all",), person=person) as peer:
        assert (await peer.text("delete_schedule", schedule=name)).startswith("Deleted.")
        assert name in person.asked[0]
        assert await stored(rest, name) is None
        assert f"No schedule '{name}'." in await peer.error("delete_schedule", schedule=name)


async def test_person_is_asked_before_any_endpoint_is_called_at_set_times(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    name = f"raw-{era}"
    arguments = {"name": name, "cron": NEVER, "endpoint": "DELETE /sessions/important"}
    async with connect(sample_agentos, toolsets=("all",), person=Person("decline")) as peer:
        assert "nothing was done" in await peer.text("create_schedule", **arguments)
        assert await stored(rest, name) is None
    person = Person("approve")
    async with connect(sample_agentos, toolsets=("all",), person=person) as peer:
        assert "DELETE /sessions/important" in await peer.text("create_schedule", **arguments)
        assert "DELETE /sessions/important" in person.asked[0]
        await create(peer, f"run-{era}", "echo")
        assert len(person.asked) == 1
    made = await stored(rest, name)
    assert made is not None
    assert (made["method"], made["endpoint"]) == ("DELETE", "/sessions/important")


GOOD = {"name": "not made", "cron": NEVER, "kind": "agent", "id": "echo", "message": "hello"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"name": " "}, "The schedule's name is empty."),
        ({"name": "é"}, "Name must start with alphanumeric"),
        ({"cron": ""}, "'' is not five fields."),
        ({"cron": "0 0 9 * * *"}, "'0 0 9 * * *' is not five fields. Give minute, hour, day, month and weekday"),
        ({"cron": "99 9 * * *"}, "'99 9 * * *' is not a valid cron expression. Its fields are minute, hour"),
        ({"cron": "@hourly-ish"}, "'@hourly-ish' is not a valid cron expression."),
        ({"cron": "0 0 30 2 *"}, "'0 0 30 2 *' never comes."),
        (
            {"timezone": "Mars/Olympus"},
            "'Mars/Olympus' is not a valid timezone. Give a name such as Europe/Berlin, or UTC.",
        ),
        ({"kind": ""}, "What should run is missing. Give kind"),
        ({"id": ""}, "What should run is missing."),
        ({"kind": "robot"}, "'kind'"),
        ({"id": "nobody"}, "No agent 'nobody'."),
        ({"message": " "}, "The message is empty. Say what the agent should do."),
        ({"endpoint": "POST /metrics/refresh"}, "not both"),
        (
            {"kind": "", "id": "", "message": "", "endpoint": "http://elsewhere/x"},
            "is not a valid endpoint. It looks like POST",
        ),
        ({"kind": "", "id": "", "message": "", "endpoint": "FETCH /x"}, "'FETCH /x' is not a valid endpoint."),
        ({"kind": "", "id": "", "message": "", "endpoint": "POST metrics"}, "'POST metrics' is not a valid endpoint."),
    ],
)
async def test_schedule_that_could_not_run_is_not_made(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, arguments: dict[str, str], expected: str
) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        assert expected in await peer.error("create_schedule", **(GOOD | arguments))
    assert await stored(rest, "not made") is None


async def test_update_schedule_refuses_invalid_changes_and_changes_nothing(
    connect: Connect, sample_agentos: str, rest: httpx.AsyncClient, era: str
) -> None:
    name, other = f"steady-{era}", f"calling-{era}"
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        await create(peer, name, "echo")
        await peer.text("create_schedule", name=other, cron="@daily", endpoint="/metrics/refresh")
        before = await stored(rest, name)
        assert "already exists. Choose another name" in await peer.error("create_schedule", **(GOOD | {"name": name}))
        for wrong, error in (
            ({}, "There is nothing to change. Give a new name, cron, timezone or message."),
            ({"cron": "9 o'clock"}, "is not five fields"),
            ({"cron": "0 25 * * *"}, "'0 25 * * *' is not a valid cron expression"),
            ({"timezone": "Nowhere"}, "'Nowhere' is not a valid timezone"),
            ({"name": other}, "already exists. Choose another name"),
        ):
            assert error in await peer.error("update_schedule", schedule=name, **wrong)
        assert await stored(rest, name) == before
        error = await peer.error("update_schedule", schedule=other, message="hello")
        assert error.startswith("It calls POST /metrics/refresh, which takes no message.")


@pytest.mark.parametrize(
    "tool",
    [
        "get_schedule",
        "update_schedule",
        "enable_schedule",
        "disable_schedule",
        "trigger_schedule",
        "list_schedule_runs",
        "delete_schedule",
    ],
)
async def test_unknown_schedule_is_answered_with_those_there_are(
    connect: Connect, sample_agentos: str, era: str, tool: str
) -> None:
    arguments = {"cron": NEVER} if tool == "update_schedule" else {}
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        for asked in ("no such thing", "no/such"):
            error = await peer.error(tool, schedule=asked, **arguments)
            assert error.startswith("No schedule '")
            assert "There " in error
        assert "The schedule's name is empty. list_schedules" in await peer.error(tool, schedule=" ", **arguments)


async def test_pages_of_schedules_say_how_many_there_are(connect: Connect, sample_agentos: str, era: str) -> None:
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        for number in range(2):
            await create(peer, f"paging {number} {era}", "echo")
        assert "; page=2 has more" in await peer.text("list_schedules", limit=1)
        assert "'page'" in await peer.error("list_schedules", page=0)


# Running


@pytest.mark.parametrize("id", HOSTILE_IDS)
async def test_schedule_runs_its_component_whatever_its_id(
    connect: Connect, scheduling: str, era: str, id: str
) -> None:
    name = f"hostile {HOSTILE_IDS.index(id)} {era}"
    async with connect(scheduling, toolsets=("all",)) as peer:
        await create(peer, name, id)
        run = reference(await peer.text("trigger_schedule", schedule=name))
        assert RunRef.parse(run).component == id
        assert "echo: hello" in await peer.text("get_run", run=run)
        runs = await peer.text("list_schedule_runs", schedule=name)
    assert f"| {run} |" in runs


async def test_workflow_runs_too(connect: Connect, scheduling: str, era: str) -> None:
    async with connect(scheduling, toolsets=("all",)) as peer:
        await create(peer, f"flow-{era}", "short", kind="workflow")
        run = reference(await peer.text("trigger_schedule", schedule=f"flow-{era}"))
        assert "echo: hello" in await peer.text("get_run", run=run)


async def test_schedule_tells_failed_steps_of_a_completed_workflow(connect: Connect, scheduling: str, era: str) -> None:
    name = f"stumbling-{era}"
    async with connect(scheduling, toolsets=("all",)) as peer:
        await create(peer, name, "stumbling", kind="workflow")
        text = await peer.text("trigger_schedule", schedule=name)
        assert text.startswith("It has run: completed, but 1 of 2 steps failed. get_run reads the answer.\nrun: ")
        runs = await peer.text("list_schedule_runs", schedule=name)
        assert f"| completed, but 1 of 2 steps failed | {reference(text)} |" in runs


async def test_list_schedule_runs_is_limited_to_a_period(
    connect: Connect, scheduling: str, era: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"periodic-{era}"
    async with connect(scheduling, toolsets=("all",)) as peer:
        await create(peer, name, "echo")
        run = reference(await peer.text("trigger_schedule", schedule=name))
        assert run in await peer.text("list_schedule_runs", schedule=name, since="today", until="now")
        text = await peer.text("list_schedule_runs", schedule=name, until="yesterday")
        assert text == "It did not run then."
        monkeypatch.setattr("agentos_mcp.agentos.pagination._MAX_PERIOD_PAGES", 0)
        text = await peer.text("list_schedule_runs", schedule=name, since="today")
    assert text == "It did not run then. Only the newest 0 runs were looked through."


async def test_create_schedule_means_times_of_the_time_zone_of_the_server(
    connect: Connect, sample_agentos: str, era: str, time_zone: Callable[[str], None]
) -> None:
    time_zone("Europe/Berlin")
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        created = await create(peer, f"at home {era}", "echo")
        await peer.text("delete_schedule", schedule=f"at home {era}")
    assert " Europe/Berlin, on, next at 20" in created


async def test_long_run_is_named_while_it_goes_on_and_is_not_ended_by_us(
    connect: Connect, scheduling: str, era: str
) -> None:
    name = f"long-{era}"
    async with connect(scheduling, toolsets=("all",)) as peer:
        await create(peer, name, "thinker", "4")
        start = time.monotonic()
        text = await peer.text("trigger_schedule", schedule=name)
        assert time.monotonic() - start < 5
        assert text.startswith("It runs. get_run follows it.\nrun: agent/thinker/")
        assert "| running |" in await peer.text("list_schedule_runs", schedule=name)
        assert "thought it over" in await peer.text("get_run", run=reference(text))
        await succeeded(peer, name)


async def test_run_that_fails_or_waits_says_so_and_names_itself(connect: Connect, scheduling: str, era: str) -> None:
    async with connect(scheduling, toolsets=("all",)) as peer:
        await create(peer, f"failing-{era}", "broken")
        error = await peer.error("trigger_schedule", schedule=f"failing-{era}")
        assert error.startswith("It ran and failed: the provider is out of tokens. explain_run says more.\nrun: ")
        assert "out of tokens" in await peer.text("explain_run", run=reference(error))
        runs = await peer.text("list_schedule_runs", schedule=f"failing-{era}")
        assert "| failed |" in runs
        assert "| the provider is out of tokens |" in runs
        await create(peer, f"pausing-{era}", "confirmer")
        error = await peer.text("trigger_schedule", schedule=f"pausing-{era}")
        assert error.startswith("It has run and waits for an answer")
        assert "deploy" in await peer.text("get_run", run=reference(error))


async def test_schedule_calls_another_endpoint_and_reports_its_refusal(
    connect: Connect, scheduling: str, era: str
) -> None:
    async with connect(scheduling, toolsets=("all",)) as peer:
        await peer.text("create_schedule", name=f"health-{era}", cron="@daily", endpoint="get /health")
        text = await peer.text("trigger_schedule", schedule=f"health-{era}")
        assert text == "Done: AgentOS called GET /health (200)."
        assert "| success |" in await peer.text("list_schedule_runs", schedule=f"health-{era}")
        await peer.text("create_schedule", name=f"gone-{era}", cron="@daily", endpoint="GET /agents/nobody")
        text = await peer.error("trigger_schedule", schedule=f"gone-{era}")
        assert text.startswith("AgentOS called GET /agents/nobody, which failed: 404: Agent not found.")
        assert "| 404: Agent not found |" in await peer.text("list_schedule_runs", schedule=f"gone-{era}")


async def test_list_schedule_runs_shows_what_fired_by_itself(
    connect: Connect, scheduling: str, clock: httpx.AsyncClient, era: str
) -> None:
    name = f"ticking-{era}"
    # Only REST takes a time of seconds: AgentOS has them in the last place, others in the first.
    every_second = {"name": name, "cron_expr": "* * * * * *", "endpoint": "/agents/echo/runs"}
    await clock.post("/schedules", json=every_second | {"payload": {"message": "tick"}})
    async with connect(scheduling, toolsets=("all",)) as peer:
        runs = await succeeded(peer, name)
        await peer.text("delete_schedule", schedule=name)
        run = next(cell for cell in runs.splitlines()[2].split(" | ") if cell.startswith("agent/echo/"))
        assert "echo: tick" in await peer.text("get_run", run=run.removesuffix(" |"))


# Without a scheduler


async def test_agentos_without_a_scheduler_is_told_to_never_fire(
    connect: Connect, sample_agentos: str, era: str
) -> None:
    name = f"idle-{era}"
    async with connect(sample_agentos, toolsets=("all",)) as peer:
        await create(peer, name, "echo")
        error = await peer.error("trigger_schedule", schedule=name)
        assert error.startswith("This AgentOS does not run its scheduler (AgentOS(scheduler=True)), so none")
        assert await peer.text("list_schedule_runs", schedule=name) == "It has not run yet."


async def test_agentos_that_does_not_reach_itself_is_told_why(connect: Connect, misdirected: str, era: str) -> None:
    name = f"lost-{era}"
    async with connect(misdirected, toolsets=("all",)) as peer:
        await create(peer, name, "echo")
        error = await peer.error("trigger_schedule", schedule=name)
    assert error.startswith("AgentOS called agent echo, which failed: ")
    assert "AgentOS(scheduler_base_url=...)" in error


async def test_agentos_that_lacks_what_reads_cron_expressions_says_so(connect: Connect) -> None:
    with running_agentos(build="tests._support.agentos.schedules:build_without_croniter") as url:
        async with connect(url, toolsets=("all",)) as peer:
            error = await peer.error("create_schedule", **(GOOD | {"id": "idler"}))
    assert "`croniter` not installed. Please install it using `pip install agno[scheduler]`" in error
    assert error.endswith("Its schedules need that.")


async def test_schedule_that_should_have_fired_is_shown_as_overdue(connect: Connect, tmp_path: Path) -> None:
    file = tmp_path / "agentos.db"
    with running_agentos(build=SAMPLE_AGENTOS, db_file=str(file)) as url:
        async with connect(url, toolsets=("all",)) as peer:
            assert await peer.text("list_schedules") == "No schedules. create_schedule makes one."
            await create(peer, "late", "echo")
            await create(peer, "early", "echo")
            assert "overdue" not in await peer.text("list_schedules")
            # As if an hour had gone by; and as if another user had a schedule of the same name.
            with sqlite3.connect(file) as database:
                database.execute("UPDATE agno_schedules SET next_run_at = next_run_at - next_run_at + 3600")
                database.execute("UPDATE agno_schedules SET name = 'late', user_id = 'grace' WHERE name = 'early'")
            database.close()
            listed = await peer.text("list_schedules")
            ids = [row.split(" | ")[1] for row in listed.splitlines()[2:4]]
            assert "| 1970-01-01 01:00 UTC, overdue | on |" in listed
            assert listed.endswith("or this AgentOS does not run its scheduler (AgentOS(scheduler=True)).")
            error = await peer.error("get_schedule", schedule="late")
            assert error.startswith("2 schedules have that name. Give one of the ids: ")
            assert all(one in error for one in ids)
            text = await peer.text("get_schedule", schedule=ids[0])
            assert text.endswith(
                "If it stays overdue, this AgentOS does not run its scheduler (AgentOS(scheduler=True))."
            )
            never = await peer.text("list_schedule_runs", schedule=ids[0])
    assert never.startswith("It has never run, though it was due at 1970-01-01 01:00 UTC")
