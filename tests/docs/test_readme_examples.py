"""What the README says of five sentences is what the demo does."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest

from tests._support.markdown_pages import PAGES
from tests._support.mcp_client import Connect
from tests._support.person import Person

pytestmark = pytest.mark.anyio
ONE_ERA = True


class Example(NamedTuple):
    """A sentence, the calls by which an assistant does what it says, and what each of them has to show."""

    sentence: str
    calls: tuple[tuple[str, dict[str, Any], str], ...]
    form: str = ""


FAILED, PAUSED = "agent/assistant/outage-drill/outage-1", "agent/publisher/ghost-story/ghosts-1"
EXAMPLES = [
    Example(
        "Have my content pipeline write about making a good cup of tea.",
        (
            (
                "run_workflow",
                {"workflow_id": "my content pipeline", "message": "making a good cup of tea"},
                "# Making a good cup of tea",
            ),
        ),
    ),
    Example(
        "Publish it on the bulletin.",
        (
            (
                "run_agent",
                {"agent_id": "publisher", "message": "Publish “Making a good cup of tea”"},
                "Published “Making a good cup of tea” as /bulletin/making-a-good-cup-of-tea.",
            ),
        ),
        form="publisher wants to call publish",
    ),
    Example(
        "Did anything fail lately, and why?",
        (
            ("list_runs", {"status": "failed"}, f"| {FAILED} | failed | ben |"),
            ("explain_run", {"run": FAILED}, "The model provider is down (a simulated outage)."),
        ),
    ),
    Example(
        "Is anything waiting for me?",
        (
            (
                "list_pending",
                {},
                f"| {PAUSED} | publisher wants to call retract, which an admin has to approve: ",
            ),
        ),
    ),
    Example(
        "What does our archive say about brewing green tea?",
        (
            (
                "search_knowledge",
                {"query": "brewing green tea"},
                "That is why green tea is brewed at 70 to 80 degrees",
            ),
        ),
    ),
]


def test_examples_are_those_of_the_readme() -> None:
    table = PAGES[0].text.partition("| you say | what happens |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [re.fullmatch(r'\| "(.+)" \| (.+) \|', line) for line in table.splitlines()]
    in_readme = [(row[1], re.findall(r"`(\w+)`", row[2])) for row in rows if row]
    assert in_readme == [(example.sentence, [tool for tool, _, _ in example.calls]) for example in EXAMPLES]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.sentence)
async def test_sentence_of_the_readme_does_what_it_says(connect: Connect, demo: str, example: Example) -> None:
    person = Person("approve")
    async with connect(demo, person) as peer:
        for tool, arguments, shown in example.calls:
            assert shown in await peer.text(tool, **arguments)
    assert bool(person.asked) == bool(example.form)
    assert all(form.startswith(example.form) for form in person.asked)


async def test_steps_of_the_pipeline_are_seen_as_they_happen(connect: Connect, demo: str) -> None:
    async with connect(demo) as peer:
        _, told = await peer.watch("run_workflow", workflow_id="my content pipeline", message="tides")
    assert told.heard[-1][:2] == (3, 3)


async def test_piece_is_not_published_without_a_yes(connect: Connect, demo: str) -> None:
    async with connect(demo, Person("reject")) as peer:
        text = await peer.text("run_agent", agent_id="publisher", message="Publish “Tides”")
    assert "Published “" not in text
