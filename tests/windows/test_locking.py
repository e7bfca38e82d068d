"""The profiles' lock on Windows: of a byte of a file beside them, since a folder cannot be opened there."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agentos_mcp.settings import folder_lock, profiles
from agentos_mcp.settings.profiles import Profile, ProfileError, ProfileFile
from tests._support.windows import Msvcrt, windows

URL = "http://prod.test:8000"


@pytest.fixture
def file(tmp_path: Path) -> ProfileFile:
    return ProfileFile(tmp_path / "agentos-mcp" / "agentos.toml")


def test_lock_keeps_every_profile_that_is_saved_at_the_same_time(file: ProfileFile) -> None:
    names = [f"name-{number}" for number in range(8)]
    with windows(), ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: ProfileFile(file.path).save(Profile(name, URL)), names))
        assert sorted(file.read().by_name) == names
    assert (file.path.parent / folder_lock.LOCK_FILE_NAME).read_bytes() == b""


def test_lock_that_is_held_for_too_long_is_an_error(file: ProfileFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "_LOCK_SECONDS", 0.05)
    with windows():
        with file.locked(), pytest.raises(ProfileError, match="another program has been changing it for too long"):
            ProfileFile(file.path).save(Profile("one", URL))
        ProfileFile(file.path).save(Profile("two", URL))
        assert list(file.read().by_name) == ["two"]


def test_lock_is_given_back_where_the_command_fails(file: ProfileFile) -> None:
    with windows():
        with contextlib.suppress(KeyboardInterrupt), file.locked():
            raise KeyboardInterrupt
        ProfileFile(file.path).save(Profile("one", URL))


def test_lock_of_a_file_system_without_locks_is_not_waited_for(
    file: ProfileFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locking(self: Msvcrt, descriptor: int, mode: int, number_of_bytes: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(Msvcrt, "locking", locking)
    with windows():
        file.save(Profile("one", URL))
        assert list(file.read().by_name) == ["one"]


def test_lock_file_that_cannot_be_opened_is_an_error_of_the_profiles(file: ProfileFile) -> None:
    file.path.parent.mkdir()
    (file.path.parent / folder_lock.LOCK_FILE_NAME).mkdir()
    with windows(), pytest.raises(ProfileError, match=r"it cannot be written \(is a directory\)"):
        file.save(Profile("one", URL))


def test_lock_is_not_inherited_by_programs(file: ProfileFile) -> None:
    file.path.parent.mkdir()
    with windows(), folder_lock.lock_folder(file.path.parent, 1):
        descriptors = [int(name) for name in os.listdir("/dev/fd") if name.isdigit()]  # noqa: PTH208 - of this process
        locks = [
            descriptor
            for descriptor in descriptors
            if (path := Path(f"/dev/fd/{descriptor}")).exists() and path.resolve().name == folder_lock.LOCK_FILE_NAME
        ]
        assert locks
        assert not any(os.get_inheritable(descriptor) for descriptor in locks)
