"""Files that go with a message: from what a model names to what AgentOS accepts.

Agents and teams take content as multipart `files`, workflows only as JSON in form fields, of 1 MiB
each; URLs go in form fields everywhere, and AgentOS or its model fetches them.
"""

from __future__ import annotations

import binascii
import itertools
import json
import os
import stat
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal
from urllib.parse import quote_plus, unquote, unquote_to_bytes, urlsplit
from urllib.request import url2pathname

import anyio.to_thread

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.formats import format_size
from agentos_mcp.agentos.open_file import open_to_read
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.runs.run import Kind

MiB = 1024 * 1024
DEFAULT_LIMIT = 10 * MiB

# Starlette refuses a longer form field, counted as it is encoded.
_FIELD_LIMIT = MiB

Category = Literal["images", "audio", "videos", "input_files"]
"""AgentOS's form fields for the four kinds of media."""

MultipartPart = tuple[str, tuple[str, bytes, str]]
"""A part of a multipart form, as `AgentOS.stream` takes it: field, (file name, content, MIME type)."""

_BY_EXTENSION: Mapping[Category, Mapping[str, str]] = {
    "images": {
        "image/png": "png",
        "image/jpeg": "jpg jpeg",
        "image/gif": "gif",
        "image/webp": "webp",
        "image/bmp": "bmp",
        "image/tiff": "tif tiff",
        "image/avif": "avif",
        "image/heic": "heic",
        "image/heif": "heif",
    },
    "audio": {
        "audio/wav": "wav",
        "audio/mpeg": "mp3",
        "audio/ogg": "ogg",
        "audio/mp4": "m4a",
        "audio/aac": "aac",
        "audio/flac": "flac",
    },
    "videos": {
        "video/mp4": "mp4",
        "video/quicktime": "mov",
        "video/webm": "webm",
        "video/mpeg": "mpeg mpg",
        "video/x-flv": "flv",
        "video/wmv": "wmv",
        "video/3gpp": "3gp",
    },
    "input_files": {
        "application/pdf": "pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "application/msword": "doc",
        "application/vnd.ms-powerpoint": "ppt",
        "application/vnd.ms-excel": "xls",
        "application/vnd.ms-outlook": "msg",
        "application/json": "json",
        "application/zip": "zip",
        "message/rfc822": "eml",
        "text/plain": "txt log yaml yml toml ini rst sql tsv",
        "text/markdown": "md markdown",
        "text/csv": "csv",
        "text/html": "html htm",
        "text/css": "css",
        "text/xml": "xml",
        "text/rtf": "rtf",
        "text/javascript": "js",
        "text/x-python": "py",
    },
}
_MIME_OF = {
    extension: mime for mimes in _BY_EXTENSION.values() for mime, names in mimes.items() for extension in names.split()
}
_CATEGORY_OF: dict[str, Category] = {mime: category for category, mimes in _BY_EXTENSION.items() for mime in mimes}
_EXTENSION_OF = {mime: names.split()[0] for mimes in _BY_EXTENSION.values() for mime, names in mimes.items()}
_MAX_ENTRIES = 20_000
"""Entries of folders that are looked at for the other names of one file."""
_UNKNOWN_MIME = "application/octet-stream"
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/tif": "image/tiff",
    "audio/mp3": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/m4a": "audio/mp4",
    "audio/x-m4a": "audio/mp4",
    "audio/x-flac": "audio/flac",
    "application/xml": "text/xml",
    "application/rtf": "text/rtf",
    "application/javascript": "text/javascript",
    "application/x-zip-compressed": "application/zip",
    "application/x-yaml": "text/plain",
}


@dataclass(frozen=True)
class Attachments:
    """What goes with a message: form fields, and parts of a multipart form."""

    fields: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[MultipartPart, ...] = ()


@dataclass(frozen=True)
class File:
    """A file with its content, or the URL of one."""

    name: str
    mime: str
    content: bytes = field(default=b"", repr=False)
    url: str = ""

    @property
    def category(self) -> Category:
        return _CATEGORY_OF[self.mime]


async def attach(
    files: Sequence[str], *, kind: Kind, allowed: Sequence[Path], limit: int = DEFAULT_LIMIT
) -> Attachments:
    """Files for a run: local paths and `file://` URLs beneath `allowed`, http(s) URLs, `data:` URLs.

    `limit` is in bytes, for all of them together. Raises InvalidRequest for a file that is not
    allowed, not there, empty, too large, or of a type that AgentOS does not take.
    """
    if not files:
        return Attachments()
    return await anyio.to_thread.run_sync(_attach, tuple(files), kind, tuple(allowed), limit)


async def document(file: str, *, allowed: Sequence[Path], limit: int = DEFAULT_LIMIT) -> File:
    """One file with its content, of any type: a local path or `file://` URL beneath `allowed`, or a `data:` URL.

    `limit` is in bytes. Raises InvalidRequest like `attach`.
    """
    return await anyio.to_thread.run_sync(_document, file.strip(), tuple(allowed), limit)


def _document(text: str, allowed: tuple[Path, ...], limit: int) -> File:
    is_data_url = text[:5].casefold() == "data:"
    file = _from_data_url(text, 1) if is_data_url else _from_path(text, allowed, limit, any_type=True)
    return _check_size(file, limit, limit)


def _attach(sources: tuple[str, ...], kind: Kind, allowed: tuple[Path, ...], limit: int) -> Attachments:
    files: list[File] = []
    for number, text in enumerate(sources, 1):
        remaining = limit - sum(len(file.content) for file in files)
        files.append(_read_file(text.strip(), number, allowed, limit, remaining))
    is_multipart = kind != "workflow"
    fields: dict[str, list[dict[str, str]]] = {}
    for file in files:
        if file.url or not is_multipart:
            fields.setdefault(file.category, []).append(_media_json(file))
    encoded = {name: json.dumps(media, ensure_ascii=False) for name, media in fields.items()}
    _check_field_sizes(encoded)
    parts = tuple(("files", (file.name, file.content, file.mime)) for file in files if is_multipart and not file.url)
    return Attachments(encoded, parts)


def _read_file(text: str, number: int, allowed: tuple[Path, ...], limit: int, remaining: int) -> File:
    scheme = text.partition(":")[0].casefold()
    if scheme in {"http", "https"}:
        return _from_url(text)
    return _check_size(
        _from_data_url(text, number) if scheme == "data" else _from_path(text, allowed, remaining), limit, remaining
    )


def _check_size(file: File, limit: int, remaining: int) -> File:
    if not file.content:
        raise InvalidRequest(f"{file.name} is empty.", "AgentOS drops empty files: leave it out.")
    if len(file.content) > remaining:
        raise InvalidRequest(
            f"The files are larger than {format_size(limit)} together.",
            "Attach less, or give URLs that AgentOS can fetch.",
        )
    return file


def _from_url(url: str) -> File:
    """A file that AgentOS fetches itself; its type is in its path, else in the fragment ("#.png")."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise InvalidRequest(f"'{_quote(url)}' is not a valid URL.", "Give a complete http(s) URL.")
    name = unquote(parts.path.rpartition("/")[2])
    if mime := _MIME_OF.get(_extension(name)):
        return File(name, mime, url=url)
    if mime := _MIME_OF.get(_extension(parts.fragment)):
        return File(f"{name or parts.hostname}.{_EXTENSION_OF[mime]}", mime, url=url.partition("#")[0])
    raise InvalidRequest(
        f"The file type of {_quote(url)} cannot be told from the URL.",
        f"End it with its type, like '#.png'. Known types: {_known_extensions()}.",
    )


def _from_data_url(url: str, number: int) -> File:
    head, comma, body = url[len("data:") :].partition(",")
    mime, *options = (part.strip() for part in head.split(";"))
    mime = mime.casefold() or "text/plain"
    mime = _ALIASES.get(mime, mime)
    if not comma or mime not in _CATEGORY_OF:
        raise InvalidRequest(
            f"AgentOS does not accept '{_quote(mime)}' files." if comma else "A data: URL has no comma.",
            f"Write data:<type>;base64,<content>. Known types: {', '.join(_CATEGORY_OF)}.",
        )
    name = next((unquote(option[5:]) for option in options if option.startswith("name=")), "")
    name = name.replace("\\", "/").rpartition("/")[2] or f"file-{number}.{_EXTENSION_OF[mime]}"
    if "base64" not in options:
        return File(name, mime, unquote_to_bytes(body))
    try:
        return File(name, mime, b64decode("".join(unquote(body).split()), validate=True))
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"The base64 of data:{mime} cannot be decoded.", "Send the whole content.") from None


def _from_path(text: str, allowed: tuple[Path, ...], remaining: int, *, any_type: bool = False) -> File:
    folders = tuple(folder.expanduser().resolve() for folder in allowed)
    if not folders:
        raise InvalidRequest(
            "Local files may not be read.",
            "Start agentos-mcp with --allow-files FOLDER, or give a URL or a data: URL instead.",
        )
    path = _allowed_path(text, folders)
    mime = _MIME_OF.get(_extension(path.name), _UNKNOWN_MIME if any_type else "")
    if not mime:
        raise InvalidRequest(
            f"AgentOS does not accept files like '{_quote(path.name)}'.", f"Known types: {_known_extensions()}."
        )
    try:
        return File(path.name, mime, _read_content(path, folders, max(0, remaining)))
    except (FileNotFoundError, NotADirectoryError):
        raise InvalidRequest(f"There is no file '{_quote(text)}'.", f"Allowed: {_folders(folders)}.") from None
    except OSError as error:
        raise InvalidRequest(f"'{_quote(text)}' cannot be read: {error.strerror}.", "Check its permissions.") from None


def _read_content(path: Path, folders: tuple[Path, ...], max_bytes: int) -> bytes:
    """A file's content, one byte more than `max_bytes` of a larger one. The opened file is checked, not its name.

    Raises OSError (for a pipe, a device or a folder, too), and InvalidRequest for a file that may belong elsewhere.
    """
    folder = next(folder for folder in folders if path.is_relative_to(folder))
    descriptor = _open_beneath(folder, path.relative_to(folder))
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise FileNotFoundError(path)
        if state.st_nlink > 1 and _count_names_beneath(folders, state, state.st_nlink) < state.st_nlink:
            raise InvalidRequest(
                f"'{_quote(path.name)}' has another name (a hard link) outside the folders whose files may be read, or "
                "one that was not found in them: what it holds may belong elsewhere.",
                "Copy it into the folder and give the copy.",
            )
        content = bytearray()
        # Files of /proc have no size and any content; a file may grow while it is read.
        size_limit = min(state.st_size, max_bytes + 1)
        while len(content) < size_limit and (chunk := os.read(descriptor, size_limit - len(content))):
            content += chunk
        return bytes(content)
    finally:
        os.close(descriptor)


def _open_beneath(folder: Path, inside: Path) -> int:
    """Open a file for reading, step by step from its folder: no link on the way is followed, no pipe waited for.

    The path has been resolved, so a link in it was put there since.
    """
    if sys.platform == "win32":
        path = folder / inside
        descriptor = open_to_read(path, follow_links=False)
        # Folders cannot be opened there: that no part of the path has become a link is seen afterwards.
        try:
            if path.resolve() != path:
                raise FileNotFoundError(path)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor
    else:  # noqa: RET505 - mypy looks at each branch for its own system
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(folder, flags | os.O_DIRECTORY)
        try:
            for part in inside.parts[:-1]:
                next_descriptor = os.open(part, flags | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = next_descriptor
            return os.open(inside.name, flags | os.O_NOFOLLOW, dir_fd=descriptor)
        finally:
            os.close(descriptor)


def _count_names_beneath(folders: tuple[Path, ...], state: os.stat_result, size_limit: int) -> int:
    """How many of a file's names lie beneath these folders, as far as a bounded look finds them."""
    files: set[str] = set()
    remaining = _MAX_ENTRIES
    waiting = [str(folder) for folder in folders]
    while waiting and remaining > 0 and len(files) < size_limit:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in itertools.islice(entries, remaining):
                    remaining -= 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif entry.inode() == state.st_ino and entry.stat(follow_symlinks=False).st_dev == state.st_dev:
                        files.add(os.path.realpath(entry.path))
        except OSError:
            continue
    return len(files)


def _allowed_path(text: str, folders: tuple[Path, ...]) -> Path:
    """The real path of a file beneath an allowed folder, links and `..` followed; a relative one is looked up there."""
    path = Path(_path_of_url(text) if text.casefold().startswith("file:") else text)
    try:
        path = path.expanduser()
        if _is_on_another_machine(path, folders):
            raise InvalidRequest(f"'{_quote(text)}' is on another machine.", "Give a local path.")
        candidates = [path] if path.is_absolute() else [folder / path for folder in folders]
        real_paths = [candidate.resolve() for candidate in candidates]
    except (OSError, RuntimeError, ValueError):
        raise InvalidRequest(f"'{_quote(text)}' is not a valid path.", f"Allowed: {_folders(folders)}.") from None
    beneath = [real for real in real_paths if any(real.is_relative_to(folder) for folder in folders)]
    if not beneath:
        raise InvalidRequest(
            f"'{_quote(text)}' is not in a folder whose files may be read.",
            f"Allowed: {_folders(folders)}. Another one takes --allow-files FOLDER, or give a data: URL.",
        )
    return next((real for real in beneath if os.path.lexists(real)), beneath[0])


def _is_on_another_machine(path: PurePath, folders: Sequence[PurePath]) -> bool:
    """Whether Windows would connect to a machine, or open a device, that no allowed folder is on.

    Only to look at such a path sends the machine this user's name and a proof of the password.
    """
    drive = path.drive.casefold()
    return drive.startswith("\\\\") and all(drive != folder.drive.casefold() for folder in folders)


def _path_of_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"}:
        raise InvalidRequest(f"'{_quote(url)}' is on another machine.", "Give a local path.")
    return url2pathname(parts.path)


def _media_json(file: File) -> dict[str, str]:
    """A file as AgentOS's media JSON."""
    media = {"mime_type": file.mime, **({"filename": file.name} if file.category == "input_files" else {})}
    if file.url:
        return media | {"url": file.url}
    if not file.mime.startswith("text/"):
        return media | {"content": b64encode(file.content).decode("ascii")}
    try:
        # AgentOS takes the content of text files as it is, not as base64.
        return media | {"content": file.content.decode("utf-8")}
    except UnicodeDecodeError:
        raise InvalidRequest(f"{file.name} is not UTF-8 text.", "Save it as UTF-8: AgentOS accepts no other.") from None


def _check_field_sizes(fields: Mapping[str, str]) -> None:
    for name, value in fields.items():
        if len(quote_plus(value)) > _FIELD_LIMIT:
            what = "files" if name == "input_files" else name
            raise InvalidRequest(
                f"AgentOS takes at most 1 MiB of {what} with a workflow, about 700 KB before they are encoded.",
                "Make them smaller, give URLs, or send them to an agent or a team, which take more.",
            )


def _extension(name: str) -> str:
    return name.rpartition(".")[2].casefold() if "." in name else ""


def _known_extensions() -> str:
    return " ".join(_MIME_OF)


def _folders(folders: tuple[Path, ...]) -> str:
    return ", ".join(f"'{folder}'" for folder in folders)


def _quote(text: str) -> str:
    return one_line(text, max_length=120)
