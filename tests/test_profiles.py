"""Profiles: AgentOSes by name, kept in a file that only its owner can open, and whose token goes nowhere else."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agentos_mcp.settings import Settings, SettingsError, load
from agentos_mcp.settings.profiles import (
    MAX_FILE_BYTES,
    MAX_PROFILES,
    Profile,
    ProfileError,
    ProfileFile,
    profiles_path,
)

URL = "http://prod.test:8000"
SECRET = "s3cret-of-prod"
IS_POSIX = hasattr(os, "geteuid")


@pytest.fixture
def file(tmp_path: Path) -> ProfileFile:
    return ProfileFile(tmp_path / "config" / "agentos-mcp" / "agentos.toml")


@pytest.fixture
def prod(file: ProfileFile, tmp_path: Path) -> ProfileFile:
    """A file in which `prod` is the current profile, with a token, and `bare` has none."""
    token_file = tmp_path / "token"
    token_file.write_text(SECRET)
    file.save(Profile("bare", "http://bare.test"))
    file.save(Profile("prod", URL, token_file))
    return file


def write(file: ProfileFile, text: str | bytes) -> None:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    file.path.write_bytes(text.encode() if isinstance(text, str) else text)
    file.path.chmod(0o600)


# The file


def test_profile_file_is_in_the_folder_for_configuration() -> None:
    home = Path("/home/ada")
    assert profiles_path({}, "linux", home) == home / ".config/agentos-mcp/agentos.toml"
    assert profiles_path({"XDG_CONFIG_HOME": "/etc/ada"}, "linux", home) == Path("/etc/ada/agentos-mcp/agentos.toml")
    assert profiles_path({"XDG_CONFIG_HOME": "relative"}, "linux", home) == home / ".config/agentos-mcp/agentos.toml"
    assert profiles_path({}, "darwin", home) == home / "Library/Application Support/agentos-mcp/agentos.toml"
    assert profiles_path({}, "win32", home) == home / "AppData/Local/agentos-mcp/agentos.toml"


def test_user_without_a_home_has_no_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    assert load({}, {}, ProfileFile()).url == Settings.url


def test_profile_file_that_is_missing_has_no_profiles(file: ProfileFile) -> None:
    assert file.read().by_name == {}
    assert load({}, {}, file).url == Settings.url
    assert not file.path.parent.exists()


def test_saved_profile_is_the_current_one_until_another_is(file: ProfileFile) -> None:
    file.save(Profile("one", "http://one.test", token_env="ONE_TOKEN"))
    file.save(Profile("two", "http://two.test"))
    assert file.read().choose() == Profile("two", "http://two.test")
    file.save(file.read().by_name["one"])
    assert file.read().choose() == Profile("one", "http://one.test", token_env="ONE_TOKEN")
    file.forget("one")
    assert file.read().choose() is None
    assert list(file.read().by_name) == ["two"]


def test_profile_file_keeps_what_else_is_in_it(file: ProfileFile) -> None:
    one = '[agentos.one] # the first\nurl = "http://one.test"\nread_only = true\n'
    write(file, f"# mine\ntimeout = 5\n\n{one}\n[other]\nx = 1\n")
    file.save(Profile("one", "http://new.test"))
    file.save(Profile("two", "http://two.test"))
    text = file.path.read_text()
    for line in ("# mine", "timeout = 5", "[agentos.one] # the first", "read_only = true", "[other]", "x = 1"):
        assert line in text.splitlines()
    assert file.read().by_name["one"].read_only
    file.forget("one")
    assert "# mine" in file.path.read_text()
    assert list(file.read().by_name) == ["two"]


@pytest.mark.skipif(not IS_POSIX, reason="Windows has no modes")
def test_profile_file_and_its_folder_are_for_their_owner_alone(file: ProfileFile) -> None:
    file.path.parent.mkdir(parents=True)
    file.path.parent.chmod(0o755)
    file.save(Profile("one", "http://one.test"))
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert file.path.parent.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in file.path.parent.iterdir()] == ["agentos.toml"]


def test_profile_that_points_elsewhere_now_has_no_token_of_the_old_address(prod: ProfileFile) -> None:
    prod.save(Profile("prod", "http://evil.test"))
    assert not prod.read().by_name["prod"].has_token
    assert "token" not in prod.path.read_text()


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("current = 'a'\n[agentos.a\n", 2, ""),
        ("current = 1", 1, "current is not a string"),
        ("agentos = 1", 1, "agentos is not a table"),
        ("[agentos]\na = 'http://a.test'", 0, "agentos.a: it is not a table"),
        ("\n[agentos.a]\nurl = 1", 3, "agentos.a: url is not a string"),
        ("[agentos.a]\n", 1, "agentos.a: url is missing"),
        ("[agentos.a]\nurl = 'ftp://x'", 2, "agentos.a: url cannot be used: give a complete URL"),
        ('[agentos.a]\nurl = "http://a\\u001b[31m.test"', 2, "url has characters that cannot be shown"),
        ("[agentos.b]\nurl = 'http://b'\n[agentos.a]\nurl = 'http://a'\ntoken = 'hunter2'", 5, "token would keep"),
        ("[agentos.a]\nurl = 'http://a'\ntoken_flie = 'x'", 3, "token_flie is not known to this version"),
        ("[agentos.a]\nurl = 'http://a'\ntoken_env = 'hunter2!'", 3, "is the name of an environment variable"),
        ("[agentos.a]\nurl = 'http://a'\ntoken_env = 'A'\ntoken_file = 'b'", 3, "stands beside token_file"),
        ("[agentos.a]\nurl = 'http://a'\ntoken_file = '~no-such-user-here/b'", 3, "the home of ~no-such-user-here"),
        ("[agentos.a]\nurl = 'http://a'\nread_only = 'yes'", 3, "read_only is not true or false"),
        ("[agentos.a]\nurl = 'http://a'\ntoolsets = [1]", 3, "toolsets is not a list of strings"),
        ("[agentos.'../a']\nurl = 'http://a'", 1, "a name has at most 40"),
        ("x = " + "[" * 20_000, 0, "nested too deeply"),
        ("x = " + "9" * 5_000, 0, ""),
        (b"# \n\xff", 2, "not text in UTF-8"),
        ("#" * (MAX_FILE_BYTES + 1), 0, "larger than 64 KiB"),
        ("".join(f"[agentos.a{n}]\nurl='http://a'\n" for n in range(MAX_PROFILES + 1)), 0, "more than 200 profiles"),
    ],
)
def test_profile_file_that_is_wrong_is_an_error_that_says_where(
    file: ProfileFile, text: str | bytes, line: int, problem: str
) -> None:
    write(file, text)
    where = f"{file.path}, line {line}: " if line else f"{file.path}: "
    with pytest.raises(ProfileError) as caught:
        file.read()
    message = str(caught.value)
    assert message.startswith(where)
    assert problem in message
    assert message.endswith(" and run this again.")
    assert len(message) < 700 + len(where)
    assert "hunter2" not in message
    before = file.path.read_bytes()
    with pytest.raises(ProfileError):
        file.save(Profile("new", "http://new.test"))
    assert file.path.read_bytes() == before


@pytest.mark.skipif(not IS_POSIX, reason="Windows has no modes, and links need rights")
def test_profile_file_that_others_may_have_written_is_refused(file: ProfileFile, tmp_path: Path) -> None:
    write(file, "")
    for mode in (0o644, 0o640, 0o602):
        file.path.chmod(mode)
        with pytest.raises(ProfileError, match=r"other users of this machine can open it\. chmod 600"):
            file.read()
    file.path.unlink()
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.touch(mode=0o600)
    file.path.symlink_to(elsewhere)
    for action in (file.read, lambda: file.save(Profile("a", "http://a.test"))):
        with pytest.raises(ProfileError, match="it is a symbolic link"):
            action()
    assert elsewhere.read_bytes() == b""
    file.path.unlink()
    os.mkfifo(file.path, 0o600)
    with pytest.raises(ProfileError, match="not a regular file"):
        file.read()
    file.path.unlink()
    file.path.mkdir()
    with pytest.raises(ProfileError, match="not a regular file"):
        file.read()


def test_profile_file_that_another_program_changes_meanwhile_is_not_overwritten(
    prod: ProfileFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = iter([prod.path.read_text(), "# theirs\n"])
    monkeypatch.setattr(prod, "_text", lambda: next(texts))
    before = prod.path.read_bytes()
    with pytest.raises(ProfileError, match="another program changed it"):
        prod.save(Profile("new", "http://new.test"))
    assert prod.path.read_bytes() == before
    assert [path.name for path in prod.path.parent.iterdir()] == ["agentos.toml"]


# Which AgentOS


@pytest.mark.parametrize(
    ("flags", "environ", "url", "name"),
    [
        ({}, {}, URL, "prod"),
        ({"profile": "bare"}, {}, "http://bare.test", "bare"),
        ({}, {"AGENTOS_PROFILE": "bare"}, "http://bare.test", "bare"),
        ({"profile": "prod"}, {"AGENTOS_PROFILE": "bare"}, URL, "prod"),
        ({}, {"AGENTOS_URL": "http://env.test"}, "http://env.test", ""),
        ({}, {"AGENTOS_URL": "http://env.test", "AGENTOS_PROFILE": "bare"}, "http://env.test", ""),
        ({"profile": "bare"}, {"AGENTOS_URL": "http://env.test"}, "http://bare.test", "bare"),
        ({"url": "http://flag.test"}, {"AGENTOS_URL": "http://env.test"}, "http://flag.test", ""),
        ({"url": "http://flag.test", "profile": "bare"}, {}, "http://flag.test", ""),
        ({"url": "HTTP://PROD.test:8000/"}, {}, URL, "prod"),
    ],
)
def test_address_is_the_flag_then_the_environment_then_the_profile(
    prod: ProfileFile, flags: Mapping[str, str], environ: Mapping[str, str], url: str, name: str
) -> None:
    settings = load(flags, environ, prod)
    assert (settings.url, settings.profile) == (url, name)


def test_unknown_profile_is_an_error_that_names_the_known_ones(prod: ProfileFile) -> None:
    for flags, environ in (({"profile": "prd"}, {}), ({}, {"AGENTOS_PROFILE": "prd"})):
        with pytest.raises(ProfileError, match=r"There is no profile 'prd'; there are: bare, prod\."):
            load(flags, environ, prod)


def test_wrong_profile_file_does_not_stand_in_the_way_of_an_address(file: ProfileFile) -> None:
    write(file, "[[[")
    with pytest.raises(ProfileError):
        load({}, {}, file)
    assert load({"url": "http://flag.test"}, {}, file).url == "http://flag.test"
    assert load({}, {"AGENTOS_URL": "http://env.test"}, file).url == "http://env.test"


# Whose token


@pytest.mark.parametrize(
    "other",
    [
        "http://evil.test",
        "http://prod.test",
        "https://prod.test:8000",
        "http://prod.test.evil.test:8000",
        "http://prod.test:8000/other",
        "http://evil.test\\.prod.test:8000",
        "http://prod.test.:8000",
    ],
)
def test_token_of_a_profile_is_not_sent_to_another_address(prod: ProfileFile, other: str) -> None:
    for flags, environ in (
        ({"url": other}, {}),
        ({"url": other, "profile": "prod"}, {}),
        ({"url": other}, {"AGENTOS_PROFILE": "prod"}),
        ({}, {"AGENTOS_URL": other}),
        ({}, {"AGENTOS_URL": other, "AGENTOS_PROFILE": "prod"}),
        ({"profile": "bare"}, {"AGENTOS_URL": URL}),
    ):
        settings = load(flags, environ, prod)
        assert settings.token() == ""
        assert (settings.url, settings.profile) != (URL, "prod")


@pytest.mark.parametrize(
    "other",
    ["http://prod.test:8000@evil.test", "http://prod.test:8000\\@evil.test", "http://prod.test:8000%2f@evil.test"],
)
def test_address_that_only_looks_like_that_of_a_profile_is_refused(prod: ProfileFile, other: str) -> None:
    for flags, environ in (({"url": other, "profile": "prod"}, {}), ({}, {"AGENTOS_URL": other})):
        with pytest.raises(SettingsError, match="give the credential as AGENTOS_TOKEN, not in the URL"):
            load(flags, environ, prod)


def test_token_of_the_environment_is_not_sent_to_a_profile_that_it_was_not_set_for(prod: ProfileFile) -> None:
    theirs = {"AGENTOS_URL": "http://env.test", "AGENTOS_TOKEN": "of-env"}
    assert load({"profile": "bare"}, theirs, prod).token() == ""
    assert load({"profile": "prod"}, theirs, prod).token() == SECRET
    assert load({}, theirs, prod).token() == "of-env"
    assert load({}, {"AGENTOS_TOKEN": "of-shell"}, prod).token() == SECRET
    assert load({"profile": "bare"}, {"AGENTOS_TOKEN": "of-shell"}, prod).token() == "of-shell"
    assert load({}, {"AGENTOS_URL": URL, "AGENTOS_TOKEN": "of-env"}, prod).token() == "of-env"
    assert load({}, {"AGENTOS_URL": URL}, prod).token() == SECRET


def test_token_flag_wins_over_that_of_a_profile(prod: ProfileFile, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("of-flag")
    assert load({"token": "of-flag"}, {}, prod).token() == "of-flag"
    assert load({"token_file": str(other)}, {"AGENTOS_TOKEN": "x"}, prod).token() == "of-flag"


def test_token_variable_of_a_profile_has_to_be_set(file: ProfileFile) -> None:
    file.save(Profile("prod", URL, token_env="PROD_TOKEN"))
    assert load({}, {"PROD_TOKEN": SECRET, "AGENTOS_TOKEN": "x"}, file).token() == SECRET
    with pytest.raises(ProfileError, match="the variable PROD_TOKEN, which is not set here"):
        load({}, {"AGENTOS_TOKEN": "x"}, file)
    with pytest.raises(ProfileError, match="What PROD_TOKEN holds cannot be used") as caught:
        load({}, {"PROD_TOKEN": f"{SECRET} two"}, file)
    assert SECRET not in str(caught.value)


def test_profile_limits_what_may_be_done_where_nothing_else_does(file: ProfileFile) -> None:
    write(file, f"current = 'prod'\n[agentos.prod]\nurl = '{URL}'\nread_only = true\ntoolsets = ['runs', 'traces']\n")
    settings = load({}, {}, file)
    assert (settings.read_only, settings.toolsets) == (True, ("runs", "traces"))
    assert load({"toolsets": "all"}, {}, file).toolsets == ("all",)
    assert not load({"url": "http://other.test"}, {}, file).read_only
    write(file, f"current = 'prod'\n[agentos.prod]\nurl = '{URL}'\ntoolsets = ['nonsense']\n")
    with pytest.raises(SettingsError, match="toolsets of the profile prod cannot be used: 'nonsense' is not a toolset"):
        load({}, {}, file)


def test_token_file_of_a_profile_is_relative_to_the_file_of_the_profiles(file: ProfileFile) -> None:
    write(file, f"current = 'prod'\n[agentos.prod]\nurl = '{URL}'\ntoken_file = 'prod.token'\n")
    file.path.with_name("prod.token").write_text(SECRET)
    assert load({}, {}, file).token() == SECRET
    file.path.with_name("prod.token").unlink()
    with pytest.raises(SettingsError, match=r"prod\.token cannot be used: there is no such file"):
        load({}, {}, file)


def test_commands_that_save_at_the_same_moment_save_one_after_the_other(tmp_path: Path) -> None:
    path, names = tmp_path / "agentos.toml", [f"p{number}" for number in range(8)]
    together = threading.Barrier(len(names))

    def save(name: str) -> None:
        together.wait()
        ProfileFile(path).save(Profile(name, URL))

    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(save, names))
    assert sorted(ProfileFile(path).read().by_name) == names
