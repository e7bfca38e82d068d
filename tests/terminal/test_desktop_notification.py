"""What a notification hands to the programs that show it: the texts of others as arguments, inert and bounded."""

from __future__ import annotations

import io
import shutil
import sys

import pytest

from agentos_mcp.agentos.runs.history import RunSummary
from agentos_mcp.agentos.runs.run import RunRef
from agentos_mcp.terminal.desktop_notification import MAX_TEXT_LENGTH, MAX_TITLE_LENGTH, notification_command, notify
from agentos_mcp.terminal.inbox_watch import notification

HOSTILE = '"; rm -rf ~; $(touch /tmp/x) `id` <b>bold</b>\\n\\x41\x1b]0;t\x07\u202e\n--help' + "A" * 1_000_000


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(status: str = "PAUSED", *, name: str = HOSTILE, answer: str = "") -> RunSummary:
    return RunSummary(RunRef("agent", "a", "s", "r"), status, name, 1.0, input=HOSTILE, answer=answer)


@pytest.mark.parametrize("status", ["PAUSED", "COMPLETED", "ERROR", "CANCELLED"])
@pytest.mark.parametrize("answer", ["", HOSTILE, "--help"])
def test_notification_begins_with_words_of_ours(status: str, answer: str) -> None:
    title, text = notification(run(status, name="--help", answer=answer), HOSTILE)
    assert title.startswith("AgentOS: --help ")
    assert text.startswith(("It asks: ", "It says: ", "Its input: "))


def test_notification_reaches_osascript_and_powershell_as_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path="": f"/usr/bin/{name}")
    apple = notification_command("darwin", "AgentOS: t", HOSTILE)
    assert apple is not None
    assert apple.words[-3:] == ("--", "AgentOS: t", HOSTILE)
    assert not any("rm -rf" in word for word in apple.words[:-1])
    windows = notification_command("win32", "AgentOS: t", HOSTILE)
    assert windows is not None
    assert not any("rm -rf" in word for word in windows.words)
    assert HOSTILE in windows.variables.values()


def test_notification_for_notify_send_has_no_markup_and_no_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    command = notification_command("linux", "AgentOS: t", r"It says: <b>x</b> & \n")
    assert command is not None
    assert command.words[2:] == ("--", "AgentOS: t", r"It says: &lt;b&gt;x&lt;/b&gt; &amp; \\n")


@pytest.mark.anyio
async def test_notification_without_a_program_rings_the_terminals_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(sys, "platform", "linux")
    await notify("AgentOS: t", f"It says: {HOSTILE}")
    written = screen.getvalue()
    assert written.startswith("\x1b]9;AgentOS: t. It says: ")
    assert written.endswith("\x07\x07")
    inside = written[4:-2]
    assert not set(inside) & {"\x1b", "\x07", "\u202e", "\n"}
    assert len(inside) <= MAX_TITLE_LENGTH + MAX_TEXT_LENGTH


@pytest.mark.anyio
@pytest.mark.process
async def test_notification_whose_program_fails_falls_back_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "platform", "linux")
    for program in ("/bin/false", "/no/such/program"):
        monkeypatch.setattr(shutil, "which", lambda _, found=program: found)
        await notify("AgentOS: t", "It says: x")
    assert screen.getvalue().count("\x1b]9;AgentOS: t. It says: x\x07\x07") == 2
