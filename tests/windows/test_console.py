"""The console of Windows: keys that wait are dropped, escape sequences are switched on, or not used."""

from __future__ import annotations

import errno
import io
import json
import os

import pytest

from agentos_mcp import cli
from agentos_mcp.agentos.broken_pipe import is_broken_pipe
from agentos_mcp.terminal import question_prompts
from agentos_mcp.terminal.exit_codes import BROKEN_PIPE
from agentos_mcp.terminal.output import print_json
from agentos_mcp.terminal.terminal_features import can_encode, can_redraw, colorize, escape_unencodable
from tests._support.windows import Console, windows

PROCESSED_OUTPUT = 0x0001
VIRTUAL_TERMINAL_PROCESSING = 0x0004


class ConsoleStream(io.TextIOWrapper):
    """A stream of a console, with the code page that it has in Western Europe."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="cp1252", write_through=True)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1

    def written(self) -> str:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode("cp1252")


@pytest.fixture(autouse=True)
def ordinary_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_keys_that_were_pressed_before_a_question_are_dropped() -> None:
    with windows(keys="yes\r") as msvcrt:
        question_prompts._discard_typed_keys()
        assert msvcrt.keys == []


def test_console_is_told_to_obey_escape_sequences() -> None:
    console = Console(PROCESSED_OUTPUT)
    with windows(console=console):
        assert can_redraw(ConsoleStream())
        assert colorize("done", "green", ConsoleStream()) == "\x1b[32mdone\x1b[0m"
    assert console.mode == PROCESSED_OUTPUT | VIRTUAL_TERMINAL_PROCESSING


def test_console_that_obeys_escape_sequences_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(PROCESSED_OUTPUT | VIRTUAL_TERMINAL_PROCESSING)
    monkeypatch.delattr(Console, "SetConsoleMode")
    with windows(console=console):
        assert can_redraw(ConsoleStream())


@pytest.mark.parametrize("console", [Console(PROCESSED_OUTPUT, knows_escape_sequences=False), Console(None)])
def test_console_without_escape_sequences_gets_plain_text(console: Console) -> None:
    with windows(console=console):
        assert not can_redraw(ConsoleStream())
        assert colorize("done", "green", ConsoleStream()) == "done"


def test_stream_without_descriptor_gets_plain_text() -> None:
    class Window(ConsoleStream):
        def fileno(self) -> int:
            raise io.UnsupportedOperation("fileno")

    with windows(console=Console(PROCESSED_OUTPUT)):
        assert not can_redraw(Window())


def test_characters_that_the_code_page_lacks_are_escaped() -> None:
    stream = ConsoleStream()
    assert can_encode("Grüße", stream)
    assert not can_encode("✔", stream)
    escape_unencodable(stream)
    stream.write("✔ Grüße")
    assert stream.written() == "\\u2714 Grüße"


class ClosedPipe(io.StringIO):
    """A pipe whose reader has ended, as Windows tells of it."""

    def write(self, text: str) -> int:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def flush(self) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))


@pytest.mark.parametrize("words", [["--version"], ["help"]])
def test_command_whose_reader_has_ended_ends_without_a_traceback(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    discarded: list[bool] = []
    monkeypatch.setattr("sys.stdout", ClosedPipe())
    monkeypatch.setattr(cli, "_discard_output", lambda: discarded.append(True))
    with windows():
        assert cli.main(words) == BROKEN_PIPE
    assert discarded
    with pytest.raises(OSError, match="Invalid argument"):
        cli.main(words)


def test_other_invalid_arguments_are_no_closed_pipe() -> None:
    error = OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    with windows():
        assert not is_broken_pipe(error, ConsoleStream())
        assert not is_broken_pipe(error, None)
        assert not is_broken_pipe(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), ClosedPipe())
        assert is_broken_pipe(error, ClosedPipe())
        assert is_broken_pipe(BrokenPipeError(), ConsoleStream())
    assert not is_broken_pipe(error, ClosedPipe())


def test_json_in_a_pipe_is_ascii_whatever_the_code_page(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = ConsoleStream()
    monkeypatch.setattr("sys.stdout", stream)
    with windows():
        print_json({"answer": "✔ Grüße"})
    written = stream.written()
    assert written.isascii()
    assert json.loads(written) == {"answer": "✔ Grüße"}
