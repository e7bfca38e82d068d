"""The AgentOS and the token of an entry, as the server that it starts takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos_mcp.doctor.entry_connection import EntryConnection, corrected_url, read_connection
from agentos_mcp.install.client_entry import ResolvedCommand
from agentos_mcp.settings.profiles import Profile, ProfileFile, profiles_path
from tests._support.doctor_checks import host_system

URL = "http://localhost:8123"


def connection(folder: Path, *arguments: str, **variables: str) -> EntryConnection:
    return read_connection(ResolvedCommand("agentos-mcp", ("serve", *arguments), variables), host_system(folder))


def token_file(folder: Path, content: str = "of-a-file") -> Path:
    path = folder / "token"
    path.write_text(content)
    return path


def test_connection_without_anything_is_the_default(tmp_path: Path) -> None:
    assert connection(tmp_path) == EntryConnection("http://localhost:7777")


def test_connection_has_the_token_that_the_server_takes(tmp_path: Path) -> None:
    file = token_file(tmp_path)
    variables = {"AGENTOS_URL": URL, "AGENTOS_TOKEN": "of-a-variable"}
    by_variable = connection(tmp_path, **variables)
    by_file = connection(tmp_path, f"--token-file={file}", **variables)
    by_file_variable = connection(tmp_path, AGENTOS_URL=URL, AGENTOS_TOKEN_FILE=str(file))
    by_flag = connection(tmp_path, "--token", "of-a-flag", "--token-file", str(file), **variables)
    found = [
        (known.url, known.token, known.token_source) for known in (by_variable, by_file, by_file_variable, by_flag)
    ]
    assert found == [
        (URL, "of-a-variable", "its variable AGENTOS_TOKEN"),
        (URL, "of-a-file", str(file)),
        (URL, "of-a-file", str(file)),
        (URL, "of-a-flag", "--token in its arguments"),
    ]
    assert (by_file.token_file, by_flag.token_file) == (file, None)
    assert "of-a" not in repr(by_variable)


def test_connection_by_a_profile_has_its_url_and_token(tmp_path: Path) -> None:
    file = token_file(tmp_path)
    profiles = ProfileFile(profiles_path(host_system(tmp_path).environment, "linux", tmp_path))
    profiles.save(Profile("work", URL, token_file=file))
    for arguments in (("--profile", "work"), ()):
        found = connection(tmp_path, *arguments)
        assert (found.url, found.profile, found.token, found.token_file) == (URL, "work", "of-a-file", file)
    profiles.save(Profile("by-variable", URL, token_env="WORK_TOKEN"))
    assert connection(tmp_path, "--profile", "by-variable", WORK_TOKEN="of-work").token == "of-work"
    elsewhere = connection(tmp_path, "--url", "http://localhost:9")
    assert (elsewhere.url, elsewhere.profile, elsewhere.token) == ("http://localhost:9", "", "")


def test_connection_to_several_has_each_and_no_url(tmp_path: Path) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text(f'[agentos.prod]\nurl = "{URL}"\ntoken_env = "PROD"\n\n[agentos.dev]\nurl = "{URL}/dev"\n')
    urls, tokens = f"prod={URL} dev={URL}/dev", "prod=of-prod dev=of-dev"
    by_file = connection(tmp_path, "--config", str(file), PROD="of-prod")
    by_file_variable = connection(tmp_path, AGENTOS_MCP_CONFIG=str(file), PROD="of-prod")
    by_variable = connection(tmp_path, AGENTOS_URL=urls, AGENTOS_TOKEN=tokens)
    for found in (by_file, by_file_variable, by_variable):
        assert (found.url, found.url_problem, found.token_problem) == ("", "", "")
        assert [one.instance for one in found.instances] == ["prod", "dev"]
    assert [one.token for one in by_file.each] == ["of-prod", ""]
    assert [(one.url, one.token) for one in by_variable.each] == [(URL, "of-prod"), (f"{URL}/dev", "of-dev")]
    assert "of-prod" not in repr(by_variable)
    without_names = connection(tmp_path, AGENTOS_URL=urls, AGENTOS_TOKEN="of-nobody")
    assert (len(without_names.instances), bool(without_names.token_problem)) == (2, True)


def test_connection_by_a_file_of_one_has_its_url_and_token(tmp_path: Path) -> None:
    file = tmp_path / "agentos.toml"
    file.write_text(f'[agentos.prod]\nurl = "{URL}"\ntoken_file = "{token_file(tmp_path)}"\n')
    found = connection(tmp_path, "--config", str(file))
    assert (found.url, found.token, found.token_source, found.instances) == (URL, "of-a-file", str(file), ())
    gone = connection(tmp_path, "--config", "/no/such/file")
    assert (gone.url, "There is no file /no/such/file" in gone.url_problem) == ("", True)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(("--token-file", "/no/such/file"), "there is no such file"), (("--token", "two words"), "a token is one word")],
)
def test_connection_with_a_token_that_cannot_be_used(tmp_path: Path, arguments: tuple[str, ...], problem: str) -> None:
    found = connection(tmp_path, "--url", URL, *arguments)
    assert (found.url, found.token) == (URL, "")
    assert problem in found.token_problem
    assert "two words" not in found.token_problem


def test_connection_with_a_token_file_that_is_endless(tmp_path: Path) -> None:
    found = connection(tmp_path, "--url", URL, "--token-file", str(token_file(tmp_path, "x" * 100_000)))
    assert "it is larger than" in found.token_problem


@pytest.mark.parametrize("url", ["localhost:7777", "ftp://localhost", "http://"])
def test_connection_with_an_invalid_url_has_none(tmp_path: Path, url: str) -> None:
    found = connection(tmp_path, "--url", url)
    assert (found.url, "give a complete URL" in found.url_problem) == ("", True)


@pytest.mark.parametrize(
    ("text", "corrected"),
    [
        ("localhost:7777", "http://localhost:7777"),
        (" '127.0.0.1:8000/' ", "http://127.0.0.1:8000"),
        ("//news.example.com/os", "http://news.example.com/os"),
        ("HTTPS://news.example.com?key=1#x", "https://news.example.com"),
        ("[::1]:7777", "http://[::1]:7777"),
        ("http://ann:pw@localhost:7777", ""),
        ("ftp://localhost", ""),
        ("localhost:port", ""),
        ("a b; rm -rf", ""),
        ("", ""),
        ("http://[", ""),
    ],
)
def test_corrected_url_is_the_same_address(text: str, corrected: str) -> None:
    assert corrected_url(text) == corrected
