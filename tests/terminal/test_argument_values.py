"""The values of a command's arguments, without a command."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.terminal.argument_values import (
    absolute_paths,
    json_object,
    json_value,
    parent_folders,
    read_output_schema,
    read_text,
)


def standard_input(monkeypatch: pytest.MonkeyPatch, data: bytes, encoding: str = "utf-8") -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding=encoding))


def test_text_argument_is_taken_as_it_is() -> None:
    assert read_text("two\nlines é") == "two\nlines é"


def test_dash_reads_standard_input_in_its_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    standard_input(monkeypatch, b"caf\xe9", "latin-1")
    assert read_text("-") == "café"


def test_standard_input_that_is_not_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    standard_input(monkeypatch, b"\xff\xfe")
    with pytest.raises(InvalidRequest, match=r"^Standard input is not valid text\."):
        read_text("-")


def test_argument_with_undecodable_bytes_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"^The argument is not valid text\."):
        read_text("a\udcff")


def test_json_object_is_read_from_the_argument_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "value.json"
    file.write_text('{"city": "Zürich"}', encoding="utf-8")
    assert json_object('{"a": [1, null]}', "--metadata") == {"a": [1, None]}
    assert json_object(f"@{file}", "--metadata") == {"city": "Zürich"}
    assert json_object("", "--metadata") is None


@pytest.mark.parametrize("value", ["{", "nonsense", "{'a': 1}", "[" * 100_000])
def test_value_that_is_not_json_names_its_flag(value: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^--metadata is not valid JSON"):
        json_object(value, "--metadata")


@pytest.mark.parametrize("value", ["[]", "1", '"text"', "null"])
def test_json_of_another_type_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^--metadata is not a JSON object\."):
        json_object(value, "--metadata")


def test_json_value_takes_each_type_it_is_given() -> None:
    assert json_value("[1]", "--filters", (dict, list)) == [1]


def test_file_that_is_missing_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"none\.json cannot be read \(no such file or directory\)"):
        json_object(f"@{tmp_path / 'none.json'}", "--metadata")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidRequest, match="binary is not a text file"):
        json_object(f"@{tmp_path / 'binary'}", "--metadata")


def test_output_schema_is_inline_or_in_a_file_with_or_without_its_mark(tmp_path: Path) -> None:
    file = tmp_path / "schema.json"
    file.write_text('{"type": "object"}', encoding="utf-8")
    for value in (' {"type": "object"}', str(file), f"@{file}"):
        assert read_output_schema(value) == {"type": "object"}
    assert read_output_schema("") is None


def test_attached_files_become_absolute_and_urls_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").touch()
    monkeypatch.chdir(tmp_path)
    urls = ["https://example.test/a.txt", "DATA:text/plain,x"]
    assert absolute_paths(["a.txt", *urls]) == [str((tmp_path / "a.txt").resolve()), *urls]


def test_attached_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    for missing in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(InvalidRequest, match=r"^There is no file "):
            absolute_paths([str(missing)])


def test_parent_folders_are_those_of_local_files_once_each(tmp_path: Path) -> None:
    files = [str(tmp_path / "a"), "https://example.test/b", str(tmp_path / "c"), str(tmp_path / "sub" / "d")]
    assert parent_folders(files) == (tmp_path.resolve(), (tmp_path / "sub").resolve())
