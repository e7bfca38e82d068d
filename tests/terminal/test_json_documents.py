"""What the commands print with `--json`: every document fits its schema, with times, numbers and booleans as such."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]  # jsonschema ships no types

from agentos_mcp.agentos.runs.run import new_id
from agentos_mcp.terminal.json_schemas import COMMANDS, DOCUMENTS
from tests._support.agentos_pool import AgentOSPool
from tests._support.processes import DOWN
from tests._support.terminal_calls import invoke, invoke_ok, start_command

_FORMATS = FormatChecker(formats=())
_WORDS_FOR_DATA = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d.*|[\d,.]+ (ms|s|min|h|bytes|KiB|MiB|GiB|tokens)( .*)?|yes|no|[\d,]+ in, .*"
)


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return True
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


_FORMATS.checks("date-time")(_is_time)


def problems(document: object, name: str) -> list[str]:
    validator = Draft202012Validator(DOCUMENTS[name], format_checker=_FORMATS)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def values_in(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(document, dict):
        for name, value in document.items():
            yield from values_in(value, f"{path}.{name}")
    elif isinstance(document, list):
        for value in document:
            yield from values_in(value, path)
    else:
        yield path, document


@pytest.fixture(scope="module")
def documents(agentoses: AgentOSPool, demo: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A document of every command, by its name in COMMANDS."""
    home = tmp_path_factory.mktemp("home")
    own_home = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}
    tag = new_id()
    traced = agentoses.url("traces", "build_named")

    def document(url: str, *arguments: str, stdin: str = "") -> Any:
        result = invoke(url, *arguments, "--json", stdin=stdin)
        assert result.exit_code in {0, 1, 3}, result
        return result.json

    session = ("--session-id", "json-documents", "--user-id", "ada")
    workflow = document(demo, "run", "workflow", "content-pipeline", "tea")
    paused = document(demo, "run", "agent", "publisher", "publish it", *session)
    document(demo, "run", "agent", "assistant", "hello", *session)
    document(traced, "run", "agent", "echo", "hello")
    memory = {"memory": "Ada drinks tea.", "topics": ["tea", "habits"], "user_id": "ada"}
    httpx.post(f"{demo}/memories", json=memory).raise_for_status()
    found = {
        "run": workflow,
        "run, paused": paused,
        "inbox": document(demo, "inbox"),
        "continue": document(demo, "continue", paused["run"], "--answers", _approval(paused)),
        "cancel": document(demo, "cancel", workflow["run"]),
        "agents": document(demo, "agents"),
        "agents ID": document(demo, "workflows", "content-pipeline"),
        "agents --config": document(demo, "agents", "--config"),
        "runs": document(demo, "runs"),
        "runs RUN": document(demo, "runs", workflow["run"]),
        "runs RUN --explain": document(demo, "runs", workflow["run"], "--explain"),
        "runs RUN --timeline": document(demo, "runs", workflow["run"], "--timeline"),
        "metrics": document(demo, "metrics"),
        "runs RUN --follow": document(demo, "runs", workflow["run"], "--follow"),
        "compare": document(demo, "compare", paused["run"], workflow["run"]),
        "view": document(demo, "view", workflow["run"], "--output", str(tmp_path_factory.mktemp("view") / "run.html")),
        "sessions": document(demo, "sessions"),
        "sessions ID": document(demo, "sessions", "json-documents", "--user-id", "ada"),
        "knowledge add": document(
            demo, "knowledge", "add", "--text", f"Kettles whistle {tag}.", "--name", f"Kettles {tag}"
        ),
        "knowledge list": document(demo, "knowledge", "list"),
        "knowledge search": document(demo, "knowledge", "search", "tea"),
        "traces": (traces := document(traced, "traces")),
        "traces ID": document(traced, "traces", traces["items"][0]["id"]),
        "traces ID --timeline": document(traced, "traces", traces["items"][0]["id"], "--timeline"),
        "memories": (memories := document(demo, "memories")),
        "memories ID": document(demo, "memories", memories["items"][0]["id"]),
        "chat": document(demo, "chat", "assistant", stdin="hello\n"),
        "runs --watch": _first_line(demo, "runs", "--watch", "--json"),
    }
    found |= {
        "use URL": invoke("", "use", demo, "--name", "demo", "--json", env=own_home).json,
        "use URL, down": invoke("", "use", DOWN, "--name", "down", "--json", env=own_home).json,
        "use": invoke("", "use", "--json", env=own_home).json,
        "use --forget": invoke("", "use", "--forget", "down", "--json", env=own_home).json,
        "install": invoke("", "install", "cursor", "--no-verify", "--url", demo, "--json", env=own_home).json,
        "install, removing": invoke("", "install", "cursor", "--uninstall", "--json", env=own_home).json,
    }
    span = re.findall(r"\[([^\]]+)\]", found["traces ID"]["texts"]["tree"])[0]
    return found | {"traces ID --span-id": document(traced, "traces", traces["items"][0]["id"], "--span-id", span)}


def _first_line(url: str, *arguments: str) -> Any:
    """The first document of a command that goes on until it is stopped."""
    process = start_command(url, *arguments)
    assert process.stdout is not None
    try:
        return json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def _approval(document: Any) -> str:
    (question,) = document["questions"]
    return f'{{"{question["key"]}": true}}'


def _schema_name(command: str) -> str:
    return COMMANDS.get(command) or COMMANDS[command.partition(",")[0].partition(" --")[0]]


def test_every_command_prints_what_its_schema_says(documents: dict[str, Any]) -> None:
    assert {command: problems(document, _schema_name(command)) for command, document in documents.items()} == {
        command: [] for command in documents
    }
    assert set(COMMANDS) <= set(documents)


def test_lists_have_items_for_their_schema_to_hold(documents: dict[str, Any]) -> None:
    lists = {name: document["items"] for name, document in documents.items() if "items" in document}
    assert len(lists) >= 7
    assert all(lists.values()), lists


def test_no_document_has_words_where_data_is_meant(documents: dict[str, Any]) -> None:
    ours = {name: document for name, document in documents.items() if name not in {"agents ID", "agents --config"}}
    words = {
        (name, path): value
        for name, document in ours.items()
        for path, value in values_in(document)
        if isinstance(value, str) and _WORDS_FOR_DATA.fullmatch(value)
    }
    assert words == {}


def test_documents_have_times_numbers_and_lists(documents: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    started = datetime.fromisoformat(documents["runs"]["items"][0]["started"])
    assert abs((now - started).total_seconds()) < 600
    assert 0 < documents["run"]["duration"] < 600
    assert documents["run"]["tokens"] > 0
    assert documents["run"]["session"] == documents["run"]["run"].split("/")[2]
    assert documents["traces"]["items"][0]["duration"] > 0
    assert documents["knowledge list"]["items"][0]["size"] > 0
    assert isinstance(documents["memories ID"]["facts"]["topics"], list)


def test_error_fits_its_schema(demo: str) -> None:
    for arguments in (["runs", "nobody", "--json"], ["agents", "--jsno", "--json"], ["agents", "nobody", "--json"]):
        result = invoke(demo, *arguments)
        assert result.exit_code in {1, 2}
        assert problems(result.json, "error") == []


def test_schema_refuses_words_where_data_is_meant(demo: str) -> None:
    document = invoke_ok(demo, "knowledge", "list", "--json").json
    assert problems(document, "contents") == []
    for name, value in (("updated", "2026-11-21 05:48 UTC"), ("size", "27 bytes"), ("more", 1)):
        changed = {"items": [document["items"][0] | {name: value}]}
        assert problems(changed, "contents"), name


@pytest.mark.parametrize("name", DOCUMENTS)
def test_schema_is_valid(name: str) -> None:
    Draft202012Validator.check_schema(DOCUMENTS[name])
