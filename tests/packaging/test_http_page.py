"""docs/http.md and docs/identity.md: what they say of commands, settings and errors is so."""

from __future__ import annotations

import json
import re
import shlex
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from agentos_mcp.cli import COMMANDS
from agentos_mcp.server.http.settings import (
    HTTP_OPTIONS,
    SECRET_VARIABLES,
    TOKEN_VARIABLE,
    HttpSettings,
    http_settings,
)
from agentos_mcp.settings import OPTIONS, SettingsError
from scripts.project import ROOT
from tests._support.packaging_tools import done

PAGE = (ROOT / "docs" / "http.md").read_text(encoding="utf-8")
IDENTITY_PAGE = (ROOT / "docs" / "identity.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
LINES = [line for kind, block in BLOCKS if kind == "sh" for line in block.splitlines()]
SERVED = [line for line in LINES if line.startswith("agentos-mcp serve")]
VARIABLES = {variable for option in (*OPTIONS, *HTTP_OPTIONS) for variable in option.variables} | {TOKEN_VARIABLE}


def taken(line: str) -> HttpSettings:
    """What the program makes of a command line."""
    _, name, *arguments = shlex.split(line)
    return http_settings(COMMANDS[name].parser(name).parse_args(arguments), environ={})


@pytest.mark.parametrize("line", SERVED)
def test_every_command_is_taken(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (token,) = [line for line in LINES if "secrets.token_urlsafe" in line]
    done("sh", "-euc", f"{token.replace('python ', f'{shlex.quote(sys.executable)} ', 1)}", cwd=tmp_path)
    settings = taken(line)
    assert settings.is_local is ("--host" not in line)
    assert (settings.token is not None) is ("--http-token-file" in line)


def test_it_shows_a_command_for_each_way_to_serve() -> None:
    assert len(SERVED) == 4


def test_its_configurations_are_json_without_a_secret() -> None:
    documents = [json.loads(block) for kind, block in BLOCKS if kind == "json"]
    assert len(documents) == 2
    for document in documents:
        (entry,) = (document.get("mcpServers") or document["servers"]).values()
        assert re.fullmatch(r"Bearer \$\{(env|input):[\w-]+\}", entry["headers"]["Authorization"])


def test_the_tables_have_every_flag_and_variable_once() -> None:
    rows = re.findall(r"^\| (?:`(--[\w-]+)[^|]*`)? ?\|(?: `([A-Z]\w+)`)? \|", PAGE + IDENTITY_PAGE, re.MULTILINE)
    assert sorted(flag for flag, _ in rows if flag) == sorted(option.flag for option in HTTP_OPTIONS)
    variables = [name for one in HTTP_OPTIONS for name in one.variables]
    assert sorted(name for _, name in rows if name) == sorted([*variables, *SECRET_VARIABLES])


def test_its_containers_are_given_settings_that_there_are() -> None:
    (compose,) = [YAML(typ="safe").load(block) for kind, block in BLOCKS if kind == "yaml"]
    named = set(compose["services"]["agentos-mcp"]["environment"])
    for line in LINES:
        words = shlex.split(line)
        if words[:2] == ["docker", "run"]:
            named |= {value.partition("=")[0] for flag, value in pairwise(words) if flag == "-e"}
    assert {"AGENTOS_URL", "AGENTOS_TOKEN", TOKEN_VARIABLE} <= named <= VARIABLES


def test_its_errors_are_the_real_ones() -> None:
    with pytest.raises(SettingsError) as caught:
        taken("agentos-mcp serve --http --host 0.0.0.0")
    assert "--host 0.0.0.0 would let other machines run everything" in str(caught.value)
    http = ROOT / "agentos_mcp" / "server" / "http"
    for module, beginning in (
        ("auth", "This server asks for a token"),
        ("host_check", "This server does not answer to "),
        ("host_check", "Pages of "),
        ("host_check", " may not call this server"),
    ):
        assert beginning in PAGE
        assert beginning in (http / f"{module}.py").read_text(encoding="utf-8")
