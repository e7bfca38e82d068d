"""Files on Windows: text is read as bytes, links are seen without O_NOFOLLOW, other machines are not asked."""

from __future__ import annotations

import os
from pathlib import Path, PurePath, PureWindowsPath
from typing import Any, NoReturn

import pytest

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.inputs import attachments
from agentos_mcp.agentos.inputs.attachments import attach
from agentos_mcp.agentos.open_file import open_to_read
from agentos_mcp.settings import Token
from agentos_mcp.settings.options import OPTIONS
from agentos_mcp.settings.profiles import ProfileError, ProfileFile, profiles_path
from tests._support.windows import windows

pytestmark = pytest.mark.anyio

O_BINARY = 0x8000


@pytest.fixture
def opened_flags(monkeypatch: pytest.MonkeyPatch) -> dict[Path, int]:
    """The flags of each file that is opened, on a system that otherwise translates line ends."""
    flags_of: dict[Path, int] = {}
    real_open = os.open

    def open_recorded(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        flags_of[Path(path)] = flags
        return real_open(path, flags & ~O_BINARY, *arguments, **options)

    monkeypatch.setattr(os, "O_BINARY", O_BINARY, raising=False)
    monkeypatch.setattr(os, "open", open_recorded)
    return flags_of


def test_profiles_are_read_without_translated_line_ends(tmp_path: Path, opened_flags: dict[Path, int]) -> None:
    path = tmp_path / "agentos.toml"
    path.write_bytes(b'[agentos.one]\r\nurl = "http://one.test"\r\n')
    path.chmod(0o600)
    with windows():
        assert list(ProfileFile(path).read().by_name) == ["one"]
    assert opened_flags[path] & O_BINARY


def test_token_file_is_read_without_translated_line_ends(tmp_path: Path, opened_flags: dict[Path, int]) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"a-token\r\n")
    with windows():
        assert Token(file=path)() == "a-token"
    assert opened_flags[path] & O_BINARY


def test_profile_file_that_is_a_link_is_refused_without_o_nofollow(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.toml").write_text('current = "evil"')
    link = tmp_path / "agentos.toml"
    link.symlink_to(tmp_path / "elsewhere.toml")
    with windows(), pytest.raises(ProfileError, match="it is a symbolic link"):
        ProfileFile(link).read()


def test_link_that_is_put_there_while_a_file_is_opened_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_text("mine")
    other.write_text("another's")
    real_open = os.open
    descriptors: list[int] = []

    def replace_and_open(name: Path, flags: int) -> int:
        path.unlink()
        path.symlink_to(other)
        descriptors.append(real_open(name, flags))
        return descriptors[-1]

    with windows():
        monkeypatch.setattr(os, "open", replace_and_open)
        with pytest.raises(OSError, match="symbolic links"):
            open_to_read(path, follow_links=False)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptors[0])


async def test_attachment_is_read_where_folders_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "notes.md").write_text("words")
    with windows():
        attached = await attach(["inside/notes.md"], kind="agent", allowed=[tmp_path])
    assert len(attached.parts) == 1


async def test_attachment_whose_folder_becomes_a_link_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed, secret = tmp_path / "allowed", tmp_path / "secret"
    for folder in (allowed / "inside", secret):
        folder.mkdir(parents=True)
        (folder / "notes.md").write_text("words")

    def replace_and_open(path: Path, *, follow_links: bool = True) -> int:
        (allowed / "inside").rename(tmp_path / "moved")
        (allowed / "inside").symlink_to(secret)
        return open_to_read(path, follow_links=follow_links)

    monkeypatch.setattr(attachments, "open_to_read", replace_and_open)
    with windows(), pytest.raises(InvalidRequest):
        await attach(["inside/notes.md"], kind="agent", allowed=[allowed])


ALLOWED = PureWindowsPath(r"C:\Users\ada\files")
SHARE = PureWindowsPath(r"\\nas\ada\files")


@pytest.mark.parametrize(
    ("path", "is_elsewhere"),
    [
        (r"\\evil.test\share\cat.png", True),
        ("//evil.test/share/cat.png", True),
        (r"\\evil.test@80\share\cat.png", True),
        (r"\\?\UNC\evil.test\share\cat.png", True),
        (r"\\.\pipe\somebody", True),
        (r"\\nas\bob\cat.png", True),
        (r"\\NAS\ada\files\cat.png", False),
        (r"C:\Users\ada\files\cat.png", False),
        (r"D:\cat.png", False),
        ("cat.png", False),
        (r"..\cat.png", False),
    ],
)
def test_path_on_another_machine_is_known_without_looking_at_it(path: str, is_elsewhere: bool) -> None:
    assert attachments._is_on_another_machine(PureWindowsPath(path), (ALLOWED, SHARE)) is is_elsewhere


def test_path_of_posix_is_never_on_another_machine() -> None:
    assert not attachments._is_on_another_machine(PurePath("//evil.test/share"), (PurePath("/home/ada"),))


@pytest.mark.parametrize("name", [r"\\evil.test\share\cat.png", "file:////evil.test/share/cat.png"])
async def test_attachment_on_another_machine_is_refused_before_it_is_looked_at(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Untouched(PureWindowsPath):
        def expanduser(self) -> Untouched:
            return self

        def resolve(self) -> NoReturn:
            raise AssertionError(f"Windows was asked for {self}")

    monkeypatch.setattr(attachments, "Path", Untouched)
    monkeypatch.setattr(attachments, "url2pathname", lambda path: path.replace("/", "\\"))
    with pytest.raises(InvalidRequest, match="is on another machine"):
        attachments._allowed_path(name, (Untouched(ALLOWED),))  # type: ignore[arg-type]  # a stand-in for a path of Windows


def test_settings_folder_is_that_of_windows(tmp_path: Path) -> None:
    assert profiles_path({"LOCALAPPDATA": str(tmp_path)}, "win32", tmp_path).parent == tmp_path / "agentos-mcp"
    assert profiles_path({}, "win32", tmp_path).is_relative_to(tmp_path / "AppData" / "Local")
    assert profiles_path({"LOCALAPPDATA": "relative"}, "win32", tmp_path).is_relative_to(tmp_path / "AppData")


def test_allowed_folders_are_separated_as_the_system_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "pathsep", ";")
    (option,) = (option for option in OPTIONS if option.name == "allow_files")
    assert option.parse(f"{tmp_path};{tmp_path.parent}") == (tmp_path.resolve(), tmp_path.parent.resolve())
