"""Media in answers -> MCP content, as a live AgentOS sends them."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

import pytest
from mcp_types import AudioContent, ContentBlock, ImageContent, TextContent

from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.runs.media import media_blocks
from tests._support.agentos.media import png, wav

pytestmark = pytest.mark.anyio


async def last_event(client: AgentOS, kind: str, id: str, message: str = "draw") -> Mapping[str, Any]:
    """What the run's own last event carries."""
    values = {"id": id}
    form = {"message": message, "stream": "true", "background": "true", "session_id": f"{id}-s", "run_id": f"{id}-r"}
    last: Mapping[str, Any] = {}
    async with client.stream(f"/{kind}s/{{id}}/runs", values, form, kept_alive=True) as events:
        async for event in events:
            if event.name in {"RunCompleted", "WorkflowCompleted"} and event.text("run_id") == f"{id}-r":
                last = event.data
    assert last
    return last


async def stored(client: AgentOS, kind: str, id: str) -> Mapping[str, Any]:
    output = await client.get(f"/{kind}s/{{id}}/runs/{id}-r", {"id": id}, {"session_id": f"{id}-s"})
    assert isinstance(output, Mapping)
    return output


def words(blocks: list[ContentBlock]) -> str:
    return "\n".join(block.text for block in blocks if isinstance(block, TextContent))


@pytest.mark.parametrize(("kind", "id"), [("agent", "drawer"), ("workflow", "gallery"), ("workflow", "gallery-first")])
async def test_tool_images_are_shown_and_other_media_are_named(client: AgentOS, kind: str, id: str) -> None:
    for output in (await last_event(client, kind, id), await stored(client, kind, id)):
        image, audio, *texts = media_blocks(output)
        assert isinstance(image, ImageContent)
        assert (b64decode(image.data), image.mime_type) == (png(), "image/png")
        assert isinstance(audio, AudioContent)
        assert (b64decode(audio.data), audio.mime_type) == (wav(), "audio/wav")
        assert words(texts).splitlines() == [
            "image https://pictures.example/one.png",
            "video https://pictures.example/film.mp4",
            "file table.csv (text/csv, 8 bytes)",
        ]


async def test_model_image_is_shown(client: AgentOS) -> None:
    for output in (await last_event(client, "agent", "painter"), await stored(client, "agent", "painter")):
        (image,) = media_blocks(output)
        assert isinstance(image, ImageContent)
        assert b64decode(image.data) == png()


async def test_audio_answer_has_its_transcript(client: AgentOS) -> None:
    for output in (await last_event(client, "agent", "speaker"), await stored(client, "agent", "speaker")):
        audio, *texts = media_blocks(output)
        assert isinstance(audio, AudioContent)
        assert b64decode(audio.data) == wav()
        assert words(texts) == 'the audio says: "hello there"'


async def test_image_that_is_too_large_is_named_with_its_size(client: AgentOS) -> None:
    blocks = media_blocks(await last_event(client, "agent", "enlarger", "1000000"))
    assert words(blocks) == "image (image/png, 977 KiB), too large to be shown here"
    assert not any(isinstance(block, ImageContent) for block in blocks)


async def test_answer_without_media_has_no_blocks(client: AgentOS) -> None:
    assert media_blocks(await last_event(client, "agent", "echo")) == []


def image(size: int, **more: Any) -> dict[str, Any]:
    return {"content": b64encode(bytes(size)).decode(), **more}


def test_media_blocks_together_stay_below_the_limit() -> None:
    blocks = media_blocks({"images": [image(300_000, id=str(number)) for number in range(5)]})
    assert sum(isinstance(block, ImageContent) for block in blocks) == 1
    assert words(blocks).count("too large") == 4
    assert len(json.dumps([block.model_dump(mode="json") for block in blocks])) < 1_000_000


@pytest.mark.parametrize(
    ("medium", "mime"),
    [
        ({"mime_type": "image/webp"}, "image/webp"),
        ({"format": "JPG"}, "image/jpeg"),
        ({}, "image/png"),
    ],
)
def test_mime_type_is_the_declared_one_or_that_of_the_format(medium: dict[str, Any], mime: str) -> None:
    (block,) = media_blocks({"images": [image(9, **medium)]})
    assert isinstance(block, ImageContent)
    assert block.mime_type == mime


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ({"audio": [image(9, mime_type="pcm16")]}, "audio (pcm16, 9 bytes)"),
        ({"images": [{"content": "no base64!"}]}, "image (7 bytes)"),
        ({"images": [{"filepath": "x.png", "id": "1", "mime_type": "image/png"}]}, "image (image/png)"),
        ({"images": ["odd", None], "videos": {"url": "https://x.example/a.mp4"}}, "video https://x.example/a.mp4"),
        ({"files": [{"filename": "a\nb.pdf", "content": "AAAA"}]}, "file a b.pdf (3 bytes)"),
    ],
)
def test_media_that_no_client_can_show_are_named(output: dict[str, Any], message: str) -> None:
    blocks = media_blocks(output)
    assert [type(block) for block in blocks] == [TextContent]
    assert words(blocks) == message


def test_media_that_several_steps_pass_on_are_shown_once() -> None:
    step = {"images": [image(9, id="same")]}
    nested = {"steps": [{"steps": [step]}, step]}
    assert len(media_blocks({"step_results": [step, nested, step]})) == 1
