"""`install` with an address of one's own: the terminal can know it afterwards, and entries name no profile."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agentos_mcp.settings.profiles import Profile, ProfileFile
from tests._support.processes import DOWN
from tests._support.terminal_calls import CommandResult, invoke
from tests.conftest import KEY

Install = Callable[..., CommandResult]


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The variables of a user of their own."""
    (tmp_path / "my token").write_text(KEY)
    return {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.fixture
def profiles(tmp_path: Path) -> ProfileFile:
    return ProfileFile(tmp_path / "config" / "agentos-mcp" / "agentos.toml")


@pytest.fixture
def install(home: dict[str, str]) -> Install:
    """Install for Cursor; nothing is started."""

    def run(*arguments: str, **variables: str) -> CommandResult:
        return invoke("", "install", "cursor", "--no-verify", *arguments, env={**home, **variables})

    return run


def entry_arguments(home: dict[str, str]) -> list[str]:
    document = json.loads((Path(home["HOME"]) / ".cursor" / "mcp.json").read_text())
    arguments: list[str] = document["mcpServers"]["agentos"]["args"]
    return arguments


def test_install_without_a_terminal_remembers_nothing_and_says_how(
    install: Install, home: dict[str, str], profiles: ProfileFile, locked_agentos: str
) -> None:
    token_file = f"{home['HOME']}/my token"
    result = install("--url", locked_agentos, "--token-file", token_file)
    line = f"agentos-mcp use {locked_agentos} --token-file '{token_file}'"
    assert result.exit_code == 0, result
    assert f"Next: {line}\n" in result.stdout
    assert result.agentos == locked_agentos
    assert not profiles.path.exists()
    as_json = install("--url", locked_agentos, "--token-file", token_file, "--json").json
    assert (as_json["next"], as_json["remembered"]) == (line, None)
    assert as_json["agentos"] == {"profile": None, "url": locked_agentos}
    assert "Next:" not in install("--url", locked_agentos, "--no-remember").stdout
    assert "Next:" not in install().stdout
    assert not profiles.path.exists()


def test_install_remembers_where_it_is_told_to(
    install: Install, home: dict[str, str], profiles: ProfileFile, locked_agentos: str
) -> None:
    arguments = ("--url", locked_agentos, "--token-file", f"{home['HOME']}/my token", "--remember")
    assert "accepts the token" in install(*arguments).stdout
    assert invoke("", "teams", env=home).agentos == f"sample at {locked_agentos}"
    # It is known now: there is nothing to ask or to say.
    again = install("--url", locked_agentos, "--json").json
    assert (again["remembered"], again["next"]) == ("sample", "")
    assert KEY not in profiles.path.read_text()


def test_install_that_cannot_remember_is_done_all_the_same(
    install: Install, profiles: ProfileFile, locked_agentos: str
) -> None:
    result = install("--url", locked_agentos, "--remember")
    assert result.exit_code == 0
    assert "Not remembered: AgentOS requires a token" in result.stderr
    profiles.path.parent.mkdir(parents=True)
    profiles.path.write_text("[[[")
    profiles.path.chmod(0o600)
    result = install("--url", locked_agentos, "--remember")
    assert result.exit_code == 0
    assert f"Not remembered: {profiles.path}, line 1" in result.stderr


def test_entry_has_the_address_and_the_token_of_the_profile_but_not_its_name(
    install: Install, home: dict[str, str], profiles: ProfileFile
) -> None:
    token_file = Path(home["HOME"]) / "my token"
    profiles.save(Profile("prod", DOWN, token_file))
    profiles.save(Profile("other", "http://other.test"))
    assert install("--profile", "prod").agentos == f"prod at {DOWN}"
    assert entry_arguments(home) == ["serve", "--url", DOWN, "--token-file", str(token_file)]
    assert install().agentos == "other at http://other.test"
    assert entry_arguments(home) == ["serve", "--url", "http://other.test"]
    install("--url", "http://third.test", "--profile", "prod")
    assert entry_arguments(home) == ["serve", "--url", "http://third.test"]
    install(AGENTOS_URL="http://env.test")
    assert entry_arguments(home) == ["serve", "--url", "http://env.test"]


def test_serve_with_an_address_of_its_own_reads_no_profiles(home: dict[str, str], profiles: ProfileFile) -> None:
    profiles.path.parent.mkdir(parents=True)
    profiles.path.write_text("[[[")
    profiles.path.chmod(0o600)
    assert invoke("", "serve", "--url", DOWN, env=home).exit_code == 0
    assert invoke("", "serve", "--url", DOWN, env={**home, "AGENTOS_PROFILE": "prod"}).exit_code == 0
    assert invoke(DOWN, "serve", env=home).exit_code == 0
    broken = invoke("", "serve", env=home)
    assert broken.exit_code == 2
    assert f"{profiles.path}, line 1" in broken.stderr
    assert invoke("", "serve", "--url", DOWN, "--profile", "prod", env=home).exit_code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals as POSIX has them")
@pytest.mark.parametrize(("answer", "is_remembered"), [("", True), ("n", False), ("\x04", False)])
def test_install_asks_a_person_whether_to_remember(
    home: dict[str, str], profiles: ProfileFile, sample_agentos: str, answer: str, is_remembered: bool
) -> None:
    from tests._support.pseudo_terminal import Terminal

    arguments = ("install", "cursor", "--no-verify", "--url", sample_agentos)
    with Terminal(*arguments, env={**home, "AGENTOS_URL": ""}) as terminal:
        terminal.wait_for(f"Use {sample_agentos} for the commands of this terminal, too? [Y/n] ")
        terminal.type(answer if answer == "\x04" else f"{answer}\r")
        assert terminal.exit_code() == 0
        assert ("The terminal uses sample now" in terminal.screen) == is_remembered
    assert profiles.path.exists() == is_remembered
