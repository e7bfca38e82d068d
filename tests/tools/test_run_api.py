"""Everything else that a run can take and give: files, schemas, factories, media; and looking back at runs."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from mcp_types import AudioContent, ImageContent

from agentos_mcp.runs.result import RULE
from tests._support.mcp_client import Connect, reference, words
from tests._support.stores import Store

pytestmark = pytest.mark.anyio


@pytest.fixture
def media(store: Store) -> str:
    return store.media


@pytest.fixture
def sample_agentos(store: Store) -> str:
    return store.sample_agentos


PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode()
STORY = {
    "type": "object",
    "properties": {"title": {"type": "string"}, "pages": {"type": "integer"}},
    "required": ["title", "pages"],
}


@pytest.mark.parametrize(("tool", "id"), [("agent", "watcher"), ("team", "watchers"), ("workflow", "look")])
async def test_attached_files_reach_the_component(
    connect: Connect, media: str, tmp_path: Path, tool: str, id: str
) -> None:
    (tmp_path / "note.txt").write_text("a note")
    files = [str(tmp_path / "note.txt"), f"data:image/png;base64,{PNG}"]
    async with connect(media, allow_files=(tmp_path,)) as peer:
        text = await peer.text(f"run_{tool}", **{f"{tool}_id": id}, message="look", files=files)
    assert "image" in text
    assert "note" in text or "text/plain" in text or "file" in text


async def test_file_outside_the_allowed_folders_is_refused_with_the_setting(
    connect: Connect, media: str, tmp_path: Path
) -> None:
    async with connect(media, allow_files=(tmp_path,)) as peer:
        error = await peer.error("run_agent", agent_id="watcher", message="look", files=["/etc/passwd"])
        assert str(tmp_path) in error
    async with connect(media) as peer:
        error = await peer.error("run_agent", agent_id="watcher", message="look", files=["/etc/passwd"])
        assert "--allow-files" in error


async def test_output_schema_gives_the_answer_as_json(connect: Connect, media: str) -> None:
    async with connect(media) as peer:
        text = await peer.text("run_agent", agent_id="storyteller", message="tell", output_schema=STORY)
    assert json.loads(text.partition("\n--- agentos-mcp\n")[0]) == {"title": "Anna", "pages": 3}


async def test_answer_that_breaks_its_schema_says_so(connect: Connect, media: str) -> None:
    async with connect(media) as peer:
        text = await peer.text("run_agent", agent_id="storyteller", message="tell badly", output_schema=STORY)
    assert "The answer does not fit the schema" in text


async def test_output_schema_that_is_none_is_refused_before_it_is_sent(connect: Connect, media: str) -> None:
    async with connect(media) as peer:
        error = await peer.error("run_agent", agent_id="storyteller", message="x", output_schema={"type": "array"})
    assert "object" in error


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"city": "X"}, "city"),
        ({"city": "Rome", "days": 99}, "days"),
        ({"city": "Rome", "where": 1}, "where"),
        ({}, "city"),
    ],
)
async def test_factory_input_that_does_not_fit_is_refused_with_what_is_wrong(
    connect: Connect, media: str, given: dict[str, object], expected: str
) -> None:
    async with connect(media) as peer:
        assert expected in await peer.error("run_workflow", workflow_id="trip", message="go", factory_input=given)


async def test_factorys_own_errors_are_clear(connect: Connect, media: str) -> None:
    async with connect(media) as peer:
        forbidden = await peer.error(
            "run_workflow", workflow_id="trip", message="x", factory_input={"city": "Atlantis"}
        )
        assert "nobody may travel to Atlantis" in forbidden
        broken = await peer.error("run_workflow", workflow_id="trip", message="x", factory_input={"city": "Nowhere"})
        assert "factory" in broken
        good = await peer.text(
            "run_workflow", workflow_id="trip", message="x", factory_input={"city": "Rome", "days": 2}
        )
        assert good.startswith("2 days in Rome, slow")


async def test_component_without_a_factory_takes_no_factory_input(connect: Connect, media: str) -> None:
    async with connect(media) as peer:
        error = await peer.error("run_agent", agent_id="echo", message="x", factory_input={"a": 1})
    assert "is not built by a factory" in error


async def test_version_is_passed_on(connect: Connect, media: str) -> None:
    async with connect(media) as peer:
        assert (await peer.text("run_agent", agent_id="echo", message="x", version=1)).startswith("echo: x")


async def test_image_in_an_answer_is_an_image_for_the_client(connect: Connect, media: str) -> None:
    async with connect(media) as peer:
        for tool, component in (("agent", "painter"), ("workflow", "gallery")):
            result = await peer.call(f"run_{tool}", **{f"{tool}_id": component}, message="paint")
            images = [block for block in result.content if isinstance(block, ImageContent)]
            assert len(images) == 1, component
            assert base64.b64decode(images[0].data).startswith(b"\x89PNG")
            again = await peer.call("get_run", run=reference(words(result)).partition("\n")[0])
            assert any(isinstance(block, ImageContent) for block in again.content)


async def test_sound_in_an_answer_is_a_sound_for_the_client(connect: Connect, media: str) -> None:
    async with connect(media) as peer:
        result = await peer.call("run_agent", agent_id="speaker", message="speak")
    assert any(isinstance(block, AudioContent) for block in result.content)


@pytest.mark.without_queue(reason="slow, and what is shown of an answer is the same")
async def test_message_to_the_client_is_never_larger_than_a_megabyte(
    connect: Connect, media: str, sample_agentos: str
) -> None:
    async with connect(media) as peer:
        result = await peer.call("run_agent", agent_id="enlarger", message="2000000")
        assert len(result.model_dump_json()) < 1_000_000
    async with connect(sample_agentos, result_tokens=50_000) as peer:
        for message in ("2000", "2000 日"):
            result = await peer.call("run_agent", agent_id="big", message=message)
            assert 150_000 < len(result.model_dump_json().encode()) < 1_000_000


@pytest.mark.without_queue(reason="slow, and what is shown of an answer is the same")
async def test_answer_of_two_megabytes_is_read_piece_by_piece(connect: Connect, sample_agentos: str) -> None:
    async with connect(sample_agentos, result_tokens=50_000) as peer:
        result = await peer.text("run_agent", agent_id="big", message="2000")
        run, pieces = reference(result), []
        while True:
            body, _, ours = result.partition(f"\n{RULE}\n")
            pieces.append(body)
            if "get_run with offset=" not in ours:
                break
            result = await peer.text("get_run", run=run, offset=int(ours.partition("offset=")[2].partition("\n")[0]))
    assert len("".join(pieces)) == 2_000_000 - 1


async def test_list_runs_shows_runs_whoever_started_them(connect: Connect, media: str) -> None:
    async with connect(media) as peer:
        done = await peer.text("run_agent", agent_id="echo", message="the needle", session_id="listed")
        failed = await peer.error("run_agent", agent_id="limited", message="x", session_id="listed-2")
        everything = await peer.text("list_runs", limit=50)
        assert reference(done) in everything
        assert "the needle" in everything
        assert reference(failed) in everything
        assert reference(failed) in await peer.text("list_runs", status="error", limit=50)
        assert reference(done) not in await peer.text("list_runs", status="error", limit=50)
        assert reference(done) in await peer.text("list_runs", session_id="listed")
        assert reference(failed) in await peer.text("list_runs", kind="agent", id="limited")
        assert reference(failed) in await peer.text("list_runs", id="limited")
        assert reference(done) not in await peer.text("list_runs", kind="workflow")


async def test_status_that_does_not_exist_lists_those_that_do(connect: Connect, media: str) -> None:
    async with connect(media) as peer:
        assert "PAUSED" in (await peer.error("list_runs", status="sleeping")).upper()
        assert "No component 'nobody'" in await peer.error("list_runs", id="nobody")


async def test_run_is_explained_with_what_failed_and_what_to_try(connect: Connect, media: str) -> None:
    async with connect(media) as peer:
        failed = await peer.error("run_agent", agent_id="limited", message="x")
        text = await peer.text("explain_run", run=reference(failed))
        assert "Rate limit reached" in text
        assert len(text) < 3500
        many = await peer.text("run_workflow", workflow_id="many", message="x")
        assert len(await peer.text("explain_run", run=reference(many))) < 4000
        assert "Rate limit reached" in await peer.error("get_run", run=reference(failed))
        assert "Run not found" in await peer.error("explain_run", run="agent/echo/none/none")
