"""The profiles' lock on Windows: of a byte of a file beside them, since a folder cannot be opened there."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agentos_mcp.install import config_file
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


@pytest.fixture
def open_elsewhere(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of files that another program has open: each is closed by being tried once more."""
    names: list[str] = []
    real_replace = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if Path(target).name in names:
            names.remove(Path(target).name)
            raise PermissionError(13, "Permission denied")
        return real_replace(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    return names


def test_file_that_another_program_has_open_is_replaced_once_it_is_closed(
    file: ProfileFile, tmp_path: Path, open_elsewhere: list[str]
) -> None:
    config = tmp_path / "mcp.json"
    config.write_bytes(b"{}")
    with windows():
        open_elsewhere += ["agentos.toml", "agentos.toml", "mcp.json"]
        file.save(Profile("one", URL))
        config_file.write(config_file.read(config), b'{"mcpServers": {}}')
        assert list(file.read().by_name) == ["one"]
    assert config.read_bytes() == b'{"mcpServers": {}}'
    assert open_elsewhere == []


def test_file_that_stays_open_elsewhere_is_an_error(
    file: ProfileFile, open_elsewhere: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentos_mcp.agentos.replace_file._SECONDS", 0.05)
    open_elsewhere += ["agentos.toml"] * 1000
    with windows(), pytest.raises(ProfileError, match=r"it cannot be written \(permission denied\)"):
        file.save(Profile("one", URL))
    assert [path.name for path in file.path.parent.iterdir()] == [folder_lock.LOCK_FILE_NAME]


def test_file_is_not_waited_for_on_other_systems(file: ProfileFile, open_elsewhere: list[str]) -> None:
    open_elsewhere += ["agentos.toml", "agentos.toml"]
    with pytest.raises(ProfileError, match="permission denied"):
        file.save(Profile("one", URL))
    assert open_elsewhere == ["agentos.toml"]


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
