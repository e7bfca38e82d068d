"""Several AgentOSes in the settings: `NAME=URL` pairs, or a file with a table for each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agentos_mcp.cli import COMMANDS
from agentos_mcp.server.http.settings import HTTP_OPTIONS, HttpSettings, http_settings
from agentos_mcp.settings import Settings, SettingsError, load, load_instances
from agentos_mcp.settings.profiles import IDENTITY_KEYS

TWO = "dev=http://localhost:7777 prod=https://agents.example.com/"


def test_urls_by_name_are_instances_each_with_its_own_token() -> None:
    settings = load_instances({}, {"AGENTOS_URL": TWO, "AGENTOS_TOKEN": "prod=abc123=", "AGENTOS_MCP_TIMEOUT": "7"})
    dev, prod = settings.instances
    assert (dev.instance, dev.url, dev.token()) == ("dev", "http://localhost:7777", "")
    assert (prod.instance, prod.url, prod.token()) == ("prod", "https://agents.example.com", "abc123=")
    assert {own.timeout for own in settings.instances} == {7.0}
    assert settings.token() == ""
    assert settings.known_tokens() == ("abc123=",)


@pytest.mark.parametrize("environ", [{}, {"AGENTOS_URL": "http://localhost:9", "AGENTOS_TOKEN": "abc"}])
def test_one_url_without_a_name_is_what_it_was(environ: dict[str, str]) -> None:
    one, several = load({}, environ), load_instances({}, environ)
    assert several.instances == ()
    assert (several.url, several.token(), several.instance) == (one.url, one.token(), "")


def test_one_url_with_a_name_is_one_agentos_without_it() -> None:
    settings = load_instances({"url": "dev=http://localhost:9"}, {"AGENTOS_TOKEN": "dev=abc"})
    assert (settings.url, settings.token(), settings.instance, settings.instances) == (
        "http://localhost:9",
        "abc",
        "",
        (),
    )


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"AGENTOS_TOKEN": "secret-9d1"}, "its word 1 is not NAME=TOKEN"),
        ({"AGENTOS_TOKEN": "dev=secret-9d1 prod="}, "its word 2 is not NAME=TOKEN"),
        ({"AGENTOS_TOKEN": "lab=secret-9d1"}, "a token for lab, which AGENTOS_URL does not name"),
        ({"OS_SECURITY_KEY": "secret-9d1"}, "say whose it is"),
        ({"AGENTOS_URL": "dev=http://localhost:1 http://localhost:2"}, "its word 2 is not NAME=URL"),
        ({"AGENTOS_URL": "dev=http://localhost:1 dev=http://localhost:2"}, "has the name dev twice"),
        ({"AGENTOS_URL": "dev=http://localhost:1 DEV=http://localhost:2"}, "has the name DEV twice"),
        ({"AGENTOS_URL": "dev=http://localhost:1 agent=http://localhost:2"}, "no AgentOS can be named agent"),
        ({"AGENTOS_URL": "dev=http://localhost:1 p;d=http://localhost:2"}, "its word 2 is not NAME=URL"),
        ({"AGENTOS_URL": f"dev=http://localhost:1 {'x' * 41}=http://localhost:2"}, "its word 2 is not NAME=URL"),
        ({"AGENTOS_URL": "dev=http://localhost:1 prod=http://me:secret-9d1@host"}, "the URL of prod cannot be used"),
        ({"AGENTOS_URL": " ".join(f"n{n}=http://localhost:{n}" for n in range(1, 22))}, "names 21 AgentOSes"),
        ({"AGENTOS_MCP_EXPOSE": "agents"}, "--expose is for one AgentOS"),
    ],
)
def test_instances_that_cannot_be_used_are_refused_without_showing_a_secret(
    environ: dict[str, str], problem: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load_instances({}, {"AGENTOS_URL": TWO} | environ)
    assert problem in str(refused.value)
    assert "secret-9d1" not in str(refused.value)


def test_token_flag_is_refused_where_it_is_not_known_whose_it_is() -> None:
    with pytest.raises(SettingsError, match="--token is for one without a name"):
        load_instances({"url": TWO, "token": "abc"}, {})


def test_terminal_refuses_several_addresses() -> None:
    with pytest.raises(SettingsError, match="it names AgentOSes, which only a server can have"):
        load({}, {"AGENTOS_URL": TWO})


# The file


def config(folder: Path, text: str) -> Path:
    path = folder / "agentos.toml"
    path.write_text(text)
    path.chmod(0o644)
    return path


FILE = """
[agentos.dev]
url = "http://localhost:7777"
toolsets = ["catalog", "runs"]

[agentos.prod]
url = "https://agents.example.com"
token_env = "PROD_TOKEN"
read_only = true
"""


def test_file_names_instances_with_what_holds_for_each(tmp_path: Path) -> None:
    path = config(tmp_path, FILE)
    environ = {"PROD_TOKEN": "abc", "AGENTOS_TOKEN": "for-the-terminal", "AGENTOS_URL": "http://localhost:9"}
    for flags, variables in (({"config": str(path)}, {}), ({}, {"AGENTOS_MCP_CONFIG": str(path)})):
        dev, prod = load_instances(flags, environ | variables).instances
        assert (dev.url, dev.token(), dev.read_only, dev.toolsets) == (
            "http://localhost:7777",
            "",
            False,
            ("catalog", "runs"),
        )
        assert (prod.token(), prod.read_only, prod.toolsets) == ("abc", True, ())


def test_read_only_for_all_is_read_only_for_each(tmp_path: Path) -> None:
    settings = load_instances({"config": str(config(tmp_path, FILE)), "read_only": True}, {"PROD_TOKEN": "abc"})
    assert settings.read_only
    assert all(own.read_only for own in settings.instances)


def test_url_flag_wins_over_the_variable_of_the_file(tmp_path: Path) -> None:
    environ = {"AGENTOS_MCP_CONFIG": str(config(tmp_path, FILE))}
    settings = load_instances({"url": "http://localhost:5"}, environ)
    assert (settings.url, settings.instances) == ("http://localhost:5", ())


def test_file_with_one_table_is_one_agentos(tmp_path: Path) -> None:
    path = config(tmp_path, '[agentos.dev]\nurl = "http://localhost:5"\n')
    settings = load_instances({"config": str(path)}, {})
    assert (settings.url, settings.instance, settings.instances) == ("http://localhost:5", "", ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "names no AgentOS"),
        ('[agentos.dev]\nurl = "x"\n', "line 2: agentos.dev: url cannot be used"),
        ('[agentos.dev]\nurl = "http://localhost:1"\ntoken = "secret-9d1"\n', "would keep a secret here"),
        ('[agentos.dev]\nurl = "http://localhost:1"\ntoken_env = "NOT_SET"\n', "NOT_SET, which is not set here"),
    ],
)
def test_file_that_cannot_be_used_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_instances({"config": str(config(tmp_path, text))}, {})
    assert problem in str(refused.value)
    assert "secret-9d1" not in str(refused.value)


def test_file_that_is_missing_or_that_all_can_write_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="There is no file"):
        load_instances({"config": str(tmp_path / "none.toml")}, {})
    path = config(tmp_path, FILE)
    path.chmod(0o666)
    if os.name == "posix":
        with pytest.raises(SettingsError, match="every user of this machine can change it"):
            load_instances({"config": str(path)}, {})


def test_file_and_address_together_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Give one of the two"):
        load_instances({"config": str(config(tmp_path, FILE)), "url": "http://localhost:1"}, {})


# Identities


IDENTITIES = """
[agentos.dev]
url = "http://localhost:7777"

[agentos.prod]
url = "https://agents.example.com"
identity = "mint"
mint_key_file = "keys/prod.pem"
mint_audience = "production"
exchange_client_secret_file = "keys/secret"
"""


def http(folder: Path, text: str, *flags: str) -> tuple[Settings, HttpSettings]:
    settings = load_instances({"config": str(config(folder, text))}, {})
    options = COMMANDS["serve"].parser("serve").parse_args(["--http", *flags])
    return settings, http_settings(options, {}, settings)


def test_table_says_how_the_callers_of_its_agentos_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    for name in ("prod.pem", "secret"):
        (tmp_path / "keys" / name).write_text(f"of-{name}")
    issuer = ("--oauth-issuer", "https://login.example.com", "--user-claim", "oid")
    settings, served = http(tmp_path, IDENTITIES, *issuer)
    dev, prod = served.of_instances["dev"], served.of_instances["prod"]
    assert served.tells_callers_apart
    assert (dev.identity, prod.identity, prod.mint_audience) == ("shared", "mint", "production")
    assert prod.mint_key_file == tmp_path / "keys" / "prod.pem"
    assert prod.exchange_client_secret is not None
    assert prod.exchange_client_secret() == "of-secret"
    assert {own.user_claim for own in (dev, prod)} == {"oid"}, "what a table leaves out is what the flags say"
    assert (dev.identity_header, prod.identity_header) == ("X-AgentOS-Token-dev", "X-AgentOS-Token-prod")
    assert "of-secret" not in repr((settings, served))


def test_file_with_one_table_is_one_agentos_with_its_identity(tmp_path: Path) -> None:
    text = '[agentos.dev]\nurl = "http://localhost:5"\nidentity = "header"\nidentity_header = "X-Mine"\n'
    _, served = http(tmp_path, text)
    assert (served.identity, served.identity_header, served.of_instances) == ("header", "X-Mine", {})


def test_keys_of_an_identity_are_settings_of_http() -> None:
    of_callers = {option.name for option in HTTP_OPTIONS if option.name.startswith(("identity", "mint_", "exchange_"))}
    assert set(IDENTITY_KEYS) == of_callers | {"user_claim", "scope_map"}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("identity = 1", "agentos.dev: identity is not a string"),
        ('oauth_issuer = "https://login.example.com"', "agentos.dev: oauth_issuer is not known to this version"),
        ('identity = "mint"', "--identity mint needs --oauth-issuer"),
        ('identity = "header"\nidentity_header = "a b"', "identity_header='a b' cannot be used"),
        ('mint_key_file = "none.pem"', "cannot be used: there is no such file"),
    ],
)
def test_identity_that_cannot_be_used_is_refused(line: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        http(tmp_path, f'[agentos.dev]\nurl = "http://localhost:1"\n{line}\n')
    assert problem in str(refused.value)


def test_names_that_a_header_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    tables = "".join(f'[agentos."{name}"]\nurl = "http://localhost:1"\n' for name in ("a.b", "a_b"))
    with pytest.raises(SettingsError, match=r"a\.b and a_b would be shown credentials"):
        http(tmp_path, tables, "--identity", "header")


def test_settings_of_one_show_no_instances() -> None:
    assert (Settings().instance, Settings().instances) == ("", ())
