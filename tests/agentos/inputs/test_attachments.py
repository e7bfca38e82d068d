"""Files that go with a message: what may be read, and what arrives at the model of a live AgentOS."""

from __future__ import annotations

import json
import os
import time
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx
import pytest

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.inputs.attachments import MiB, attach, document
from agentos_mcp.agentos.runs.run import KINDS, Kind
from tests._support.agentos.media import png, wav
from tests._support.agentos_pool import AgentOSPool

pytestmark = pytest.mark.anyio

WATCHERS: dict[Kind, str] = {"agent": "watcher", "team": "watchers", "workflow": "look"}


@pytest.fixture(scope="module")
def media_os(agentoses: AgentOSPool) -> str:
    return agentoses.url("media")


@pytest.fixture
async def rest(media_os: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=media_os, timeout=30) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "allowed"
    home.mkdir()
    (home / "cat.png").write_bytes(png())
    (home / "notes.MD").write_text("# Grüße\n", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    return home


def data_url(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{b64encode(content).decode()}"


async def got(rest: httpx.AsyncClient, kind: Kind, files: list[str], allowed: list[Path]) -> str:
    """What the model of a run with these files was given."""
    with anyio.fail_after(30):
        attached = await attach(files, kind=kind, allowed=allowed)
        form = {"message": "what did you get?", "stream": "false", **attached.fields}
        parts = list(attached.parts) or None
        answer = await rest.post(f"/{kind}s/{WATCHERS[kind]}/runs", data=form, files=parts)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["content"])


@pytest.mark.parametrize("kind", KINDS)
async def test_attachments_of_every_kind_arrive_complete(rest: httpx.AsyncClient, folder: Path, kind: Kind) -> None:
    files = [
        str(folder / "cat.png"),
        "notes.MD",
        data_url("audio/x-wav", wav()),
        data_url("video/mp4", b"\x00\x00ftyp"),
        data_url("application/pdf", b"%PDF-1.7 \xff"),
    ]
    message = await got(rest, kind, files, [folder])
    notes = "# Grüße\n".encode()
    assert f"images image/png - {len(png())} bytes {zlib.crc32(png()):08x}" in message
    assert f"audio audio/wav - {len(wav())} bytes {zlib.crc32(wav()):08x}" in message
    assert "videos video/mp4 - 6 bytes" in message
    assert f"files text/markdown notes.MD {len(notes)} bytes {zlib.crc32(notes):08x}" in message
    assert (
        f"files application/pdf file-5.pdf 10 bytes {zlib.crc32(bytes('%PDF-1.7 ', 'ascii') + bytes([255])):08x}"
        in message
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_url_attachments_are_passed_on(rest: httpx.AsyncClient, kind: Kind) -> None:
    files = [
        "https://pictures.example/cat.png?size=2",
        "https://sounds.example/song.mp3",
        "https://films.example/film.mp4",
        "https://papers.example/paper.pdf",
        "https://pictures.example/raw/42#.jpg",
    ]
    message = await got(rest, kind, files, [])
    assert "images https://pictures.example/cat.png?size=2" in message
    assert "images https://pictures.example/raw/42;" in message
    assert "audio https://sounds.example/song.mp3" in message
    assert "videos https://films.example/film.mp4" in message
    assert "files https://papers.example/paper.pdf" in message


async def test_attachment_of_several_megabytes_reaches_an_agent(rest: httpx.AsyncClient, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(os.urandom(5 * MiB))
    assert f"{5 * MiB} bytes" in await got(rest, "agent", ["photo.jpg"], [tmp_path])


async def test_workflow_attachments_over_one_mebibyte_are_refused_before_sending(
    rest: httpx.AsyncClient, tmp_path: Path
) -> None:
    (tmp_path / "small.jpg").write_bytes(os.urandom(700_000))
    (tmp_path / "large.jpg").write_bytes(os.urandom(900_000))
    assert "700000 bytes" in await got(rest, "workflow", ["small.jpg"], [tmp_path])
    with pytest.raises(InvalidRequest, match=r"at most 1 MiB of images with a workflow.*an agent or a team"):
        await attach(["large.jpg"], kind="workflow", allowed=[tmp_path])


async def test_file_url_names_a_local_file(folder: Path) -> None:
    (folder / "a b.csv").write_text("a,b\n", encoding="utf-8")
    attached = await attach([(folder / "a b.csv").as_uri()], kind="agent", allowed=[folder])
    assert attached.parts == (("files", ("a b.csv", b"a,b\n", "text/csv")),)


async def test_local_file_is_not_read_without_an_allowed_folder(folder: Path) -> None:
    with pytest.raises(InvalidRequest, match="--allow-files FOLDER"):
        await attach([str(folder / "cat.png")], kind="agent", allowed=[])


@pytest.mark.parametrize("way", ["../secret.txt", "{outside}", "link.txt", "linked/secret.txt", "file://{outside}"])
async def test_local_path_cannot_leave_the_allowed_folders(folder: Path, way: str) -> None:
    outside = folder.parent / "secret.txt"
    (folder / "link.txt").symlink_to(outside)
    (folder / "linked").symlink_to(folder.parent)
    with pytest.raises(InvalidRequest, match="is not in a folder whose files may be read") as refusal:
        await attach([way.format(outside=outside)], kind="agent", allowed=[folder])
    assert f"Allowed: '{folder}'" in str(refusal.value)


async def test_allowed_folder_excludes_a_folder_with_the_same_prefix(folder: Path) -> None:
    beside = folder.with_name("allowed-not")
    beside.mkdir()
    (beside / "a.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InvalidRequest, match="is not in a folder"):
        await attach([str(beside / "a.txt")], kind="agent", allowed=[folder])


async def test_allowed_folder_may_be_a_link(folder: Path) -> None:
    (folder.parent / "alias").symlink_to(folder)
    attached = await attach(["cat.png"], kind="agent", allowed=[folder.parent / "alias"])
    assert attached.parts[0][1][1] == png()


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("missing.png", "no file 'missing.png'"),
        ("empty.txt", "empty.txt is empty"),
        ("tool.exe", "does not accept files like 'tool.exe'.*Known types: png"),
        ("no-extension", "does not accept files like 'no-extension'"),
        ("folder.txt", "no file 'folder.txt'"),
        ("pipe.txt", "no file 'pipe.txt'"),
        ("a\0b.txt", "is not a valid path"),
        ("file://elsewhere/a.txt", "on another machine"),
        ("https://pictures.example/42", "End it with its type"),
        ("https:///cat.png", "is not a valid URL"),
        ("data:image/png;base64,@@@", "cannot be decoded"),
        ("data:image/png;base64,", "is empty"),
        ("data:application/x-tar;base64,AAAA", "does not accept 'application/x-tar' files.*image/png"),
        ("data:image/png", "no comma"),
        ("", "does not accept files like"),
    ],
)
async def test_invalid_attachment_says_why(folder: Path, file: str, reason: str) -> None:
    for name in ("empty.txt", "tool.exe", "no-extension"):
        (folder / name).write_bytes(b"" if name == "empty.txt" else b"x")
    (folder / "folder.txt").mkdir()
    os.mkfifo(folder / "pipe.txt")
    with anyio.fail_after(5), pytest.raises(InvalidRequest, match=reason):
        await attach([file], kind="agent", allowed=[folder])


async def test_size_limit_is_for_all_files_together(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"x" * 600)
    with pytest.raises(InvalidRequest, match="larger than 1,000 bytes together"):
        await attach(["a.txt", "a.txt"], kind="agent", allowed=[folder], limit=1000)
    with pytest.raises(InvalidRequest, match="larger than"):
        await attach([data_url("text/plain", b"y" * 1001)], kind="workflow", allowed=[], limit=1000)


async def test_text_of_another_encoding_goes_to_agents_only(folder: Path) -> None:
    (folder / "old.txt").write_bytes("Grüße".encode("latin-1"))
    assert (await attach(["old.txt"], kind="team", allowed=[folder])).parts[0][1][1] == b"Gr\xfc\xdfe"
    with pytest.raises(InvalidRequest, match=r"old\.txt is not UTF-8 text"):
        await attach(["old.txt"], kind="workflow", allowed=[folder])


async def test_data_url_may_be_percent_encoded_and_named() -> None:
    attached = await attach(["data:text/csv;name=..%2Ft%C3%A4.csv,a%2Cb"], kind="workflow", allowed=[])
    assert json.loads(attached.fields["input_files"]) == [
        {"mime_type": "text/csv", "filename": "tä.csv", "content": "a,b"}
    ]


async def test_no_files_need_no_fields() -> None:
    attached = await attach([], kind="workflow", allowed=[])
    assert (attached.fields, attached.parts) == ({}, ())


async def test_file_reading_does_not_block_the_event_loop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = os.read

    def slow_read(descriptor: int, size: int) -> bytes:
        time.sleep(0.2)
        return read(descriptor, size)

    monkeypatch.setattr(os, "read", slow_read)
    beats = 0

    async def tick() -> None:
        nonlocal beats
        while True:
            await anyio.sleep(0.005)
            beats += 1

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(tick)
        await attach(["cat.png"], kind="agent", allowed=[folder])
        tasks.cancel_scope.cancel()
    assert beats > 10


# Other names of a file


async def test_hard_linked_file_is_refused(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret-elsewhere.txt"
    secret.write_text("a secret")
    os.link(secret, folder / "innocent.txt")
    with pytest.raises(InvalidRequest, match=r"has another name \(a hard link\).*Copy it"):
        await attach(["innocent.txt"], kind="agent", allowed=[folder])
    with pytest.raises(InvalidRequest, match="hard link"):
        await document("innocent.txt", allowed=[folder])


async def test_hard_linked_file_within_the_allowed_folders_is_read(folder: Path) -> None:
    (folder / "one.txt").write_text("fine")
    (folder / "deeper").mkdir(exist_ok=True)
    os.link(folder / "one.txt", folder / "deeper" / "two.txt")
    attached = await attach(["one.txt"], kind="agent", allowed=[folder])
    assert attached.parts[0][1][1] == b"fine"


async def test_folder_that_becomes_a_link_while_it_is_read_is_not_followed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside-of-it"
    outside.mkdir()
    (outside / "x.txt").write_text("a secret")
    (folder / "sub").mkdir()
    (folder / "sub" / "x.txt").write_text("fine")
    lexists = os.path.lexists

    def exchange_after_the_check(path: Path) -> bool:
        """Asked once the path was found to be in an allowed folder."""
        exists = lexists(path)
        (folder / "sub").rename(folder / "was-sub")
        (folder / "sub").symlink_to(outside)
        return exists

    monkeypatch.setattr(os.path, "lexists", exchange_after_the_check)
    with pytest.raises(InvalidRequest):
        await attach(["sub/x.txt"], kind="agent", allowed=[folder])
    assert (folder / "was-sub").exists()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only Linux has /proc")
@pytest.mark.parametrize("file", ["/proc/self/environ", "/dev/zero", "/proc/self/cmdline"])
async def test_device_or_pipe_is_not_read(file: str) -> None:
    with pytest.raises(InvalidRequest, match=r"is empty|There is no file"):
        await document(file, allowed=[Path("/")])
