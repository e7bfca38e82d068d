"""A real AgentOS whose components take files, answer with media and data, and fail in every place."""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from agno.agent import Agent
from agno.db.base import BaseDb
from agno.db.sqlite import SqliteDb
from agno.factory import FactoryPermissionError, RequestContext
from agno.media import Audio, File, Image, Video
from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.os import AgentOS
from agno.team import Team
from agno.tools import tool
from agno.tools.function import ToolResult
from agno.workflow import Loop, Parallel, Step, Workflow, WorkflowFactory
from agno.workflow.types import HumanReview, OnError, StepInput, StepOutput
from pydantic import BaseModel, Field

from agentos_mcp.demo.scripted_model import (
    Delay,
    ModelOutput,
    ProviderFailure,
    Script,
    ScriptedModel,
    ToolCall,
    Turn,
    fixed_reply,
    stream_words,
)
from tests._support.agentos.storage import storage


def png(width: int = 2, height: int = 2, *, noise: int = 0) -> bytes:
    """A PNG image; `noise` bytes of a comment make it as large as a test needs."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\x00" + b"\x20\x80\xff" * width for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    comment = chunk(b"tEXt", b"Comment\x00" + b"n" * noise) if noise else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + comment
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def wav(samples: int = 8) -> bytes:
    """A mono 16-bit WAV sound."""
    data = b"\x00\x10" * samples
    fmt = struct.pack("<HHIIHH", 1, 1, 24000, 48000, 2, 16)
    return (
        b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data"
        + struct.pack("<I", len(data)) + data
    )  # fmt: skip


def one_medium(kind: str, medium: Any) -> str:
    """ "image image/png 71 bytes" or "file https://...": what arrived, as the model sees it."""
    name = getattr(medium, "filename", None) or "-"
    if medium.url:
        return f"{kind} {medium.url}"
    content = medium.content if isinstance(medium.content, bytes) else str(medium.content).encode()
    return f"{kind} {medium.mime_type or '-'} {name} {len(content)} bytes {zlib.crc32(content):08x}"


def media_of(messages: Iterable[Message]) -> list[str]:
    found: list[str] = []
    for message in messages:
        for kind in ("images", "audio", "videos", "files"):
            found += [one_medium(kind, medium) for medium in getattr(message, kind, None) or ()]
    return found


def watcher(turn: Turn) -> Iterable[ModelOutput]:
    yield "got: " + ("; ".join(media_of(turn.messages)) or "nothing")


@dataclass
class PaintingModel(ScriptedModel):
    """A scripted model whose answer carries media as well."""

    def _media(self) -> ModelResponse:
        return ModelResponse(role="assistant", images=[Image(content=png(), mime_type="image/png", id="drawn")])

    def invoke_stream(self, *args: Any, **kwargs: Any) -> Iterator[ModelResponse]:
        yield self._media()
        yield from super().invoke_stream(*args, **kwargs)

    async def ainvoke_stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ModelResponse]:
        yield self._media()
        async for delta in super().ainvoke_stream(*args, **kwargs):
            yield delta


@dataclass
class SpeakingModel(PaintingModel):
    """A scripted model that answers with a sound, as a speech model does."""

    def _media(self) -> ModelResponse:
        sound = Audio(id="spoken", content=wav(), mime_type="audio/wav", transcript="hello there")
        return ModelResponse(role="assistant", audio=sound)


def model(script: Script) -> ScriptedModel:
    return ScriptedModel(script=script)


@tool
def draw(subject: str) -> ToolResult:
    """Draw a picture, as an image service does."""
    return ToolResult(
        content=f"drew {subject}",
        images=[Image(content=png(), mime_type="image/png"), Image(url="https://pictures.example/one.png")],
        audios=[Audio(content=wav(), mime_type="audio/wav")],
        videos=[Video(url="https://pictures.example/film.mp4")],
        files=[File(content=b"a,b\n1,2\n", mime_type="text/csv", filename="table.csv")],
    )


@tool
def draw_large(size: int) -> ToolResult:
    """Draw a picture of so many bytes."""
    return ToolResult(content="drew a lot", images=[Image(content=png(noise=size), mime_type="image/png")])


@tool
def explode(reason: str, depth: int = 1) -> str:
    """Always fails."""
    raise RuntimeError(f"boom: {reason} at {depth}")


@tool
def lookup(term: str) -> str:
    """Look a term up."""
    return f"{term} is a fine thing"


@tool(requires_confirmation=True)
def deploy(env: str) -> str:
    """Deploy to an environment."""
    return f"deployed to {env}"


def calling(*calls: ToolCall, footer: str = "") -> Script:
    """Call these tools one after the other, then say what the last one answered."""

    def script(turn: Turn) -> Iterable[ModelOutput]:
        # Media that a tool made come back as a user message, so a turn's own counts start again.
        answers = [message.get_content_string() for message in turn.messages if message.role == "tool"]
        if len(answers) < len(calls):
            yield calls[len(answers)]
        else:
            yield footer or f"the tool said: {answers[-1]}"

    return script


def painter_of_size(turn: Turn) -> Iterable[ModelOutput]:
    called = any(message.role == "tool" for message in turn.messages)
    yield "a large picture" if called else ToolCall("draw_large", {"size": int(turn.user_message)})


def delegating(member: str) -> Script:
    def script(turn: Turn) -> Iterable[ModelOutput]:
        if turn.tool_results:
            yield f"the member said: {turn.tool_results[-1]}"
        else:
            yield ToolCall("delegate_task_to_member", {"member_id": member, "task": turn.user_message})

    return script


def limited(turn: Turn) -> Iterable[ModelOutput]:
    yield "one word "
    yield ProviderFailure("Rate limit reached for requests", 429)


def slow(turn: Turn) -> Iterable[ModelOutput]:
    yield Delay(0.02)
    words, seconds = (float(part) for part in turn.user_message.split()[:2])
    yield from stream_words(" ".join(f"w{i}" for i in range(int(words))), seconds)


def story(turn: Turn) -> Iterable[ModelOutput]:
    if "badly" in turn.user_message:
        yield "this is no JSON at all"
    else:
        yield '{"title": "Anna", "pages": 3}'


class TripInput(BaseModel):
    city: str = Field(min_length=2)
    days: int = Field(default=1, ge=1, le=9)
    pace: Literal["slow", "fast"] = "slow"


_db: list[BaseDb] = []


def build_trip(ctx: RequestContext) -> Workflow:
    given = ctx.input
    assert isinstance(given, TripInput)
    if given.city == "Atlantis":
        raise FactoryPermissionError("nobody may travel to Atlantis")
    if given.city == "Nowhere":
        raise RuntimeError("the map has no Nowhere")
    guide = Agent(name="Guide", model=model(fixed_reply(f"{given.days} days in {given.city}, {given.pace}")))
    return Workflow(name="Trip", db=_db[0], steps=[Step(name="plan", agent=guide)])


def broken_step(step_input: StepInput) -> StepOutput:
    raise ValueError("this step cannot work")


def build(db_file: str) -> AgentOS:
    db, queue = storage(db_file, "media-db")
    _db[:] = [db]

    def agent(id: str, script: Script, **options: Any) -> Agent:
        settings: dict[str, Any] = {"id": id, "name": id.title(), "db": db, "model": model(script)}
        return Agent(**(settings | options))

    def workflow(id: str, *steps: Any) -> Workflow:
        return Workflow(id=id, name=id.replace("-", " ").title(), db=db, steps=list(steps))

    def step(name: str, words: str) -> Any:
        return Step(name=name, agent=Agent(name=f"{name.title()} Agent", model=model(fixed_reply(words))))

    the_watcher = agent("watcher", watcher)
    drawer = agent("drawer", calling(ToolCall("draw", {"subject": "a cat"}), footer="here it is"), tools=[draw])
    clumsy = agent(
        "clumsy",
        calling(
            ToolCall("lookup", {"term": "honey"}),
            ToolCall("explode", {"reason": "bad day", "depth": 3}),
            footer="I could not finish",
        ),
        tools=[lookup, explode],
    )
    confirmer = agent("confirmer", calling(ToolCall("deploy", {"env": "prod"})), tools=[deploy])
    member = Agent(
        id="helper",
        name="Helper",
        model=model(calling(ToolCall("explode", {"reason": "member's day"}), footer="it blew up")),
        tools=[explode],
    )
    looker = Agent(id="looker", name="Looker", model=model(watcher))
    agents: list[Any] = [
        the_watcher,
        drawer,
        clumsy,
        confirmer,
        agent("echo", lambda turn: stream_words(f"echo: {turn.user_message}")),
        agent("slow", slow),
        agent("limited", limited),
        agent("storyteller", story),
        agent("enlarger", painter_of_size, tools=[draw_large]),
        agent("painter", fixed_reply("a small picture"), model=PaintingModel(script=fixed_reply("a small picture"))),
        agent("speaker", fixed_reply("spoken"), model=SpeakingModel(script=fixed_reply("spoken"))),
    ]
    teams: list[Any] = [
        Team(id="sad-team", name="Sad Team", db=db, model=model(delegating("helper")), members=[member]),
        Team(id="watchers", name="Watchers", db=db, model=model(watcher), members=[looker]),
    ]
    workflows: list[Any] = [
        workflow("look", Step(name="see", agent=the_watcher)),
        workflow("gallery", Step(name="paint", agent=drawer)),
        workflow("gallery-first", Step(name="paint", agent=drawer), step("end", "done")),
        workflow(
            "stumbles",
            step("good", "fine"),
            Step(name="tools", agent=clumsy),
            Step(name="bad", executor=broken_step, skip_on_failure=True, max_retries=0),
            step("end", "done"),
        ),
        workflow("stops", step("good", "fine"), Step(name="bad", executor=broken_step, max_retries=0)),
        workflow(
            "breaks",
            step("good", "fine"),
            Step(name="bad", executor=broken_step, max_retries=0, human_review=HumanReview(on_error=OnError.fail)),
        ),
        workflow("limited-step", step("good", "fine"), Step(name="model", agent=agents[6], max_retries=0)),
        workflow(
            "shapes",
            Parallel(step("left", "left words"), step("right", "right words"), name="both"),
            Loop(steps=[step("lap", "lap words")], name="laps", max_iterations=2),
            Step(name="team", team=teams[0]),
        ),
        workflow("asks", Step(name="publish", agent=confirmer), step("end", "done")),
        workflow("many", *(step(f"step {number}", f"words {number}") for number in range(40))),
        WorkflowFactory(id="trip", name="Trip", db=db, factory=build_trip, input_schema=TripInput),
    ]
    return AgentOS(
        id="media",
        name="Media",
        agents=agents,
        teams=teams,
        workflows=workflows,
        db=db,
        queue=queue,
        telemetry=False,
    )


def build_two(db_file: str) -> AgentOS:
    """An AgentOS whose two agents keep their sessions in databases of their own."""
    agents = [
        Agent(
            id=f"{side}-echo",
            name=f"{side.title()} Echo",
            db=SqliteDb(db_file=f"{db_file}.{side}", id=f"{side}-db"),
            model=model(lambda turn: stream_words(f"echo: {turn.user_message}")),
        )
        for side in ("left", "right")
    ]
    return AgentOS(id="two", agents=list(agents), telemetry=False)
