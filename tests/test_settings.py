from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentos_mcp.settings import OPTIONS, Settings, SettingsError, Token, load


def test_settings_default_to_the_local_agentos() -> None:
    settings = load({}, {})
    assert settings.url == "http://localhost:7777"
    assert settings.token() == ""
    assert settings == Settings(token=settings.token)


def test_flag_wins_over_the_environment() -> None:
    environ = {"AGENTOS_URL": "http://there:1", "AGENTOS_MCP_READ_ONLY": "true"}
    assert load({}, environ).url == "http://there:1"
    assert load({"url": "http://here:2/"}, environ).url == "http://here:2"
    assert load({"read_only": None}, environ).read_only


def test_token_is_agentos_token_or_the_security_key() -> None:
    assert load({}, {"AGENTOS_TOKEN": "a", "OS_SECURITY_KEY": "b"}).token() == "a"
    assert load({}, {"OS_SECURITY_KEY": "b"}).token() == "b"
    assert load({"token": "c"}, {"AGENTOS_TOKEN": "a"}).token() == "c"


def test_token_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    token = load({"token_file": str(file)}, {"AGENTOS_TOKEN": "other"}).token
    assert token() == "first"
    file.write_text("second-one\n")
    os.utime(file, (1, 1))
    assert token() == "second-one"
    file.unlink()
    assert token() == "second-one"


@pytest.mark.parametrize("url", ["http://ann:pw-secret@host", "http://host/?key=pw-secret"])
def test_secret_in_a_url_is_never_shown(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"url": url}, {})
    assert "pw-secret" not in str(caught.value)
    assert "host" in str(caught.value)


def test_token_is_never_shown() -> None:
    settings = load({"token": "very-secret"}, {})
    assert "very-secret" not in repr(settings)
    assert repr(Token()) == "Token(none)"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"url": "localhost:7777"}, "--url='localhost:7777' cannot be used: give a complete URL"),
        ({"url": "http://h:99999"}, "not a number from 1 to 65535"),
        ({"url": "http://u:p@h"}, "AGENTOS_TOKEN, not in the URL"),
        ({"url": "http://h/?x=1"}, "without '?'"),
        ({"toolsets": "runs,rnus"}, "'rnus' is not a toolset; use default, catalog, runs"),
        ({"toolsets": ","}, "give at least one name"),
        ({"timeout": "soon"}, "use a number from 1 to 3600"),
        ({"timeout": "nan"}, "use a number from 1 to 3600"),
        ({"result_tokens": "1.5"}, "use a number from 200"),
        ({"log_level": "loud"}, "use one of debug, info"),
        ({"token_file": "/no/such/file"}, "no such file"),
        ({"token": "two words"}, "--token=******** cannot be used"),
    ],
)
def test_invalid_value_is_one_line_with_the_fix(flags: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(flags, {})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_invalid_variable_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^AGENTOS_MCP_READ_ONLY='maybe' cannot be used: use true or false$"):
        load({}, {"AGENTOS_MCP_READ_ONLY": "maybe"})


def test_toolset_names_ignore_case() -> None:
    assert load({"toolsets": "Runs, catalog,runs"}, {}).toolsets == ("runs", "catalog")
    assert load({"toolsets": "ALL"}, {}).toolsets == ("all",)


def test_option_always_has_a_flag_and_a_variable() -> None:
    derived = {"caller_is_user", "identity", "instance", "instances"}
    fields = set(Settings.__dataclass_fields__) - derived | {"token_file", "config"}
    assert {option.name for option in OPTIONS} == fields
    assert all(option.flag.startswith("--") and option.variables for option in OPTIONS)
