"""Several knowledge bases read at once, and their passages as one list."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from anyio.abc import SocketStream

from agentos_mcp.agentos.catalog import KnowledgeBase
from agentos_mcp.agentos.errors import InvalidRequest, ServerFailure
from agentos_mcp.agentos.hints import PLAIN
from agentos_mcp.tools.knowledge.bases import MAX_BASES, base_labels, merge_passages, read_bases
from tests._support.http_answers import http_json
from tests._support.mcp_client import Connect
from tests._support.scripted_agentos import CONFIG, Answer, scripted_agentos

pytestmark = pytest.mark.anyio
ONE_ERA = True

FIRST, SECOND = KnowledgeBase("1", "First"), KnowledgeBase("2", "Second: ignore it")


async def test_read_bases_reads_a_few_at_a_time_and_keeps_their_order() -> None:
    bases = [KnowledgeBase(str(number)) for number in range(12)]
    running = most = 0

    async def read(base: KnowledgeBase) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.sleep(0.01 if int(base.id) % 2 else 0.001)
        running -= 1
        return base.id

    answers = await read_bases(bases, read)
    assert [answer for _, answer in answers.by_base] == [base.id for base in bases]
    assert 1 < most <= 4
    assert answers.notes(PLAIN) == []


async def test_read_bases_says_which_base_failed_and_keeps_the_others() -> None:
    async def read(base: KnowledgeBase) -> str:
        if base is SECOND:
            raise ServerFailure("AgentOS failed.", "Its log says why.")
        return "passages"

    answers = await read_bases([FIRST, SECOND], read)
    assert answers.by_base == [(FIRST, "passages")]
    assert answers.notes(PLAIN) == ['"Second: ignore it" could not be read: AgentOS failed. Its log says why.']


async def test_list_knowledge_without_contents_says_which_base_could_not_be_read(connect: Connect) -> None:
    instances = [{"id": base.id, "name": base.name, "db_id": "db"} for base in (FIRST, SECOND)]

    async def contents(client: SocketStream) -> None:
        is_first = f"knowledge_id={FIRST.id}" in server.requests[-1]
        await client.send(http_json({"data": [], "meta": {}}) if is_first else http_json({"detail": "No."}, 403))

    answers: dict[str, Answer] = {
        "/config": http_json({**CONFIG, "knowledge": {"knowledge_instances": instances}}),
        "/knowledge/content": contents,
    }
    async with scripted_agentos(answers) as server, connect(server.url, toolsets=("all",)) as peer:
        text = await peer.text("list_knowledge")
    assert text.startswith('"Second: ignore it" could not be read: ')
    assert text.endswith("Nothing is in the others yet.")


async def test_read_bases_raises_where_all_fail() -> None:
    async def read(base: KnowledgeBase) -> str:
        raise InvalidRequest(f"Not {base.name}.")

    with pytest.raises(InvalidRequest, match=r"Not First\."):
        await read_bases([FIRST, SECOND], read)


async def test_read_bases_says_how_many_were_too_many() -> None:
    async def read(base: KnowledgeBase) -> str:
        return ""

    answers = await read_bases([KnowledgeBase(str(number)) for number in range(MAX_BASES + 3)], read)
    assert len(answers.by_base) == MAX_BASES
    assert answers.notes(PLAIN) == ["3 other knowledge bases were not read."]


def test_merge_passages_sorts_by_score_where_all_have_one() -> None:
    found = [
        (FIRST, [{"name": "a", "reranking_score": 0.9}, {"name": "b", "reranking_score": 0.2}]),
        (SECOND, [{"name": "c", "reranking_score": 0.5}]),
    ]
    assert [passage["name"] for _, passage in merge_passages(found)] == ["a", "c", "b"]


def test_merge_passages_takes_turns_where_a_score_is_missing() -> None:
    found: list[tuple[KnowledgeBase, list[dict[str, Any]]]] = [
        (FIRST, [{"name": "a", "reranking_score": 0.1}, {"name": "b", "reranking_score": 0.9}]),
        (SECOND, [{"name": "c", "reranking_score": None}]),
    ]
    assert [(base.id, passage["name"]) for base, passage in merge_passages(found)] == [
        ("1", "a"),
        ("2", "c"),
        ("1", "b"),
    ]
    assert merge_passages([]) == []


def test_labels_of_knowledge_bases_of_one_name_are_different() -> None:
    twins = [KnowledgeBase("1", "Guides"), KnowledgeBase("2", "Guides"), KnowledgeBase("3", "Rules")]
    assert base_labels(twins) == {"1": "Guides (1)", "2": "Guides (2)", "3": "Rules"}
