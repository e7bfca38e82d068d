"""The three formats: an entry is added in the style of the file, and removed without a trace."""

from __future__ import annotations

import json
import textwrap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.install.errors import InvalidConfigError, UneditableConfigError
from agentos_mcp.install.jsonc_editor import JsonFormat
from agentos_mcp.install.server_section import ServerSection
from agentos_mcp.install.toml_editor import TomlFormat
from agentos_mcp.install.yaml_editor import YamlFormat

ENTRY = {
    "command": "/opt/ö/agentos-mcp",
    "args": ["serve", "--url", 'C:\\"x"'],
    "env": {"A": "b"},
    "n": 600,
    "on": True,
}
JSON = ServerSection(JsonFormat(), "servers")
STRICT = ServerSection(JsonFormat(strict=True), "servers")
TOML = ServerSection(TomlFormat(), "servers")
YAML = ServerSection(YamlFormat(), "servers")


def put_change_and_drop(section: ServerSection, text: str) -> str:
    """The text with the entry; removing the entry has to restore the text."""
    written = section.put(text, "agentos", ENTRY)
    assert section.entry(written, "agentos") == ENTRY
    changed = section.put(written, "agentos", {**ENTRY, "command": "/longer/than/before"})
    without = section.drop(changed, "agentos")
    assert section.drop(written, "agentos") == without
    if section.entries(text) is None:
        without = section.drop_section(without)
    assert without == text
    return written


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("{}", '{\n  "servers": {\n    "agentos": {'),
        ('{"a":1}', '{"a":1,"servers":{"agentos":{"command":"'),
        ('{"a": 1}', '{"a": 1, "servers": {"agentos": {"command": "'),
        ('{"servers": {}, "z": [1, {}]}', '{"servers": {"agentos": {'),
        ('{"servers": {"x": {},},}', '{"servers": {"x": {}, "agentos": {'),
        ('{\n "servers": {}\n}', '{\n "servers": {\n  "agentos": {\n   "command'),
        ('{\n\t"a": 1 // one\n}', '{\n\t"a": 1, // one\n\t"servers": {\n\t\t"agentos": {'),
        ('{\n  "a": 1, /* x */ // y\n}\n', '{\n  "a": 1, /* x */ // y\n  "servers": {\n    "agentos": {'),
        ('{"servers": {\n  // none\n}}', '{"servers": {\n  // none\n  "agentos": {'),
        (
            '{\r\n    "servers": {\r\n        "x": 1\r\n    }\r\n}',
            '{\r\n    "servers": {\r\n        "x": 1,\r\n        "agent',
        ),
        ('{\n"a": "}//",\n"b": "\\"{"\n}', '{\n"a": "}//",\n"b": "\\"{",\n"servers": {'),
    ],
)
def test_json_editor_keeps_the_style_of_the_text(text: str, begins: str) -> None:
    assert put_change_and_drop(JSON, text).startswith(begins)


def test_json_editor_adds_the_value_below_comments() -> None:
    assert JSON.put("// mine\n", "agentos", {}) == '// mine\n{\n  "servers": {\n    "agentos": {}\n  }\n}\n'


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)
servers = st.dictionaries(st.text(max_size=5).filter(lambda name: name != "agentos"), values, max_size=3)


@given(
    before=st.dictionaries(st.text(max_size=5).filter(lambda name: name != "servers"), values, max_size=3),
    held=st.none() | servers,
    indent=st.sampled_from([None, 1, 2, 4, "\t"]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
def test_json_editor_restores_any_text(
    before: dict[str, Any], held: dict[str, Any] | None, indent: int | str | None, newline: str
) -> None:
    data = before | ({} if held is None else {"servers": held})
    put_change_and_drop(STRICT, json.dumps(data, indent=indent).replace("\n", newline))


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("{", 1, "a key in double quotes is missing at its end"),
        ('{\n"a": 1\n"b": 2}', 3, "a comma is missing"),
        ('{\n"a" 1}', 2, "a colon is missing"),
        ('{"a": }', 1, "a value is missing"),
        ("{'a': 1}", 1, "is not valid JSON"),
        ('{\n\n"a', 3, "a string without a closing quote"),
        ('{"a": NaN}', 1, "this is not a JSON value"),
        ('{"a": yes}', 1, "this is not a JSON value"),
        ("{}\n{}", 2, "unexpected content after its end"),
        ('{\n"a": 1, // x\n}', 2, "a comment"),
        ('{\n"a": 1,\n}', 2, "a trailing comma"),
        ("[" * 5000, 0, "nested too deeply"),
    ],
)
def test_json_parser_reports_the_line_of_an_error(text: str, line: int, problem: str) -> None:
    with pytest.raises(InvalidConfigError) as raised:
        STRICT.entries(text)
    assert problem in raised.value.problem
    assert raised.value.line == line


@pytest.mark.parametrize("text", ['{"servers": {}, "servers": {}}', '{"servers": {"agentos": {}, "agentos": {}}}'])
def test_json_editor_refuses_a_duplicate_key(text: str) -> None:
    with pytest.raises(UneditableConfigError, match=r"it has the key \"\w+\" twice"):
        JSON.put(text, "agentos", ENTRY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        'model = "x"\n',
        "[servers]\n",
        # tomlkit 0.15 adds the entry between `# tail` and [tui], and leaves an empty line there when it is removed.
        '[servers.a]\ncommand = "c"\n\n# tail\n[tui]\ny = 2\n# end\n',
        # tomlkit 0.15 writes the entry with LF.
        '[servers.a]\r\ncommand = "c"\r\n',
        'servers.a.command = "x"\r\n',
        'text = """\n[servers.agentos]\n"""\nlist = [\n  "[servers.agentos]", # ]\n]\n',
        "text = '''\n[servers.agentos]'''\n[[many.\"a ] b\"]] # [x]\nz = {k = \"v\"}\n",
    ],
)
def test_toml_editor_adds_a_table_at_the_end_and_restores_the_text(text: str) -> None:
    written = put_change_and_drop(TOML, text)
    assert written.startswith(text)
    assert "[servers.agentos]" in written[len(text) :]
    assert text.count("\r\n") == 0 or written.count("\n") == written.count("\r\n")


def test_toml_editor_replaces_a_table_in_place_with_its_subtables() -> None:
    text = textwrap.dedent("""\
        [servers.a]
        x = 1

        [servers.agentos]
        command = "c"

        [servers.agentos.tools.run_agent]
        approval_mode = "approve"

        # about b
        [servers.b]
        x = 2
        """)
    entry = TOML.entry(text, "agentos")
    assert entry is not None
    written = TOML.put(text, "agentos", {**entry, "command": "d"})
    assert TOML.entry(written, "agentos") == {"command": "d", "tools": {"run_agent": {"approval_mode": "approve"}}}
    assert written.endswith("\n\n# about b\n[servers.b]\nx = 2\n")
    # tomlkit 0.15 removes `# about b` along with the entry.
    assert TOML.drop(text, "agentos") == "[servers.a]\nx = 1\n\n# about b\n[servers.b]\nx = 2\n"


@pytest.mark.parametrize("text", ["servers = {}\n", 'servers = {agentos = {command = "x"}}\n'])
def test_toml_editor_refuses_an_inline_section(text: str) -> None:
    with pytest.raises(UneditableConfigError):
        TOML.put(text, "agentos", ENTRY)


def test_toml_editor_reports_the_line_of_an_error() -> None:
    with pytest.raises(InvalidConfigError) as raised:
        TOML.entries("a = 1\nb = = 2\n")
    assert (raised.value.line, raised.value.problem) == (2, "invalid value")


def test_toml_editor_reports_a_number_that_is_too_long() -> None:
    with pytest.raises(InvalidConfigError, match="a number that is too long"):
        TOML.entries(f"a = {'9' * 5_000}\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# mine\n",
        "a: 1\n",
        "servers: {} # none yet\nb: 2\n",
        "servers:\n  # first\n  a:\n    x: |\n      one\n\n      two\n    # below\n\n  b:\n  - 1\nz: 'y'   # end",
        "---\r\nservers:\r\n      a: {x: [1, 2]}\r\n",
        '{"servers": {"x": {"a": [1,2]}}}\n',
        "{a: 1}\n",
    ],
)
def test_yaml_editor_restores_the_text(text: str) -> None:
    put_change_and_drop(YAML, text)


def test_yaml_editor_fills_a_section_without_a_value() -> None:
    written = YAML.put("servers: # none\nb: 1\n", "agentos", {"cmd": "x"})
    assert written == 'servers: # none\n  agentos:\n    cmd: "x"\nb: 1\n'
    assert YAML.drop(written, "agentos") == "servers: {} # none\nb: 1\n"


def test_yaml_editor_replaces_an_entry_in_place() -> None:
    text = "servers:\n  a: {}\n  agentos:\n    cmd: x\n    args:\n    - y\n    text: |\n      z\n  # about b\n  b: {}\n"
    assert YAML.put(text, "agentos", {"cmd": "w"}) == (
        'servers:\n  a: {}\n  agentos:\n    cmd: "w"\n  # about b\n  b: {}\n'
    )
    assert YAML.drop(text, "agentos") == "servers:\n  a: {}\n  # about b\n  b: {}\n"


@pytest.mark.parametrize("text", ["x: &e\n  a: {}\nservers: *e\n", "a: 1\n...\n"])
def test_yaml_editor_refuses_an_alias_or_a_closed_document(text: str) -> None:
    with pytest.raises(UneditableConfigError):
        YAML.put(text, "agentos", ENTRY)


@pytest.mark.parametrize("text", ["!!int", "!!float ''", "!!bool x", "extensions: !!int"])
def test_yaml_editor_refuses_a_value_that_is_not_what_its_tag_says(text: str) -> None:
    with pytest.raises(InvalidConfigError, match="a value is not what its tag says"):
        YamlFormat().read(text)


@pytest.mark.parametrize(
    ("text", "line"), [("a: 1\nb: [\n", 3), ("a: 1\n\tb: 2\n", 2), ("a: 1\na: 2\n", 2), ("a: 1\n---\nb: 1\n", 2)]
)
def test_yaml_editor_reports_the_line_of_an_error(text: str, line: int) -> None:
    with pytest.raises(InvalidConfigError) as raised:
        YAML.entries(text)
    assert raised.value.line == line
    assert "\n" not in raised.value.problem


@pytest.mark.parametrize("section", [JSON, TOML, YAML], ids=["json", "toml", "yaml"])
@pytest.mark.parametrize("wrong", [["x"], "x", 1, True])
def test_server_section_refuses_a_value_of_another_type(section: ServerSection, wrong: Any) -> None:
    text = {JSON: '{{"servers": {0}}}', TOML: "servers = {0}\n", YAML: "servers: {0}\n"}[section]
    with pytest.raises(InvalidConfigError, match="where servers by name are expected"):
        section.entries(text.format(json.dumps(wrong)))


@pytest.mark.parametrize("section", [JSON, YAML], ids=["json", "yaml"])
@pytest.mark.parametrize("text", ["[1]", '"x"', "7"])
def test_server_section_refuses_a_root_of_another_type(section: ServerSection, text: str) -> None:
    with pytest.raises(InvalidConfigError, match="where settings by name are expected"):
        section.put(text, "agentos", ENTRY)
