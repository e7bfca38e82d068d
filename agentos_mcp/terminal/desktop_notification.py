"""Notifications on the desktop: notify-send, osascript or PowerShell, else the terminal's own (OSC 9, and its bell).

Titles and texts are others': they reach each program as arguments or variables, never as a part of a script, without
control characters, on one line, and bounded. Both begin with words of ours, so that neither passes for an option.
"""

from __future__ import annotations

import html
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.terminal.terminal_features import can_redraw

MAX_TITLE_LENGTH = 80
MAX_TEXT_LENGTH = 240
_TIMEOUT_SECONDS = 5.0
_TITLE_VARIABLE, _TEXT_VARIABLE = "AGENTOS_MCP_NOTIFICATION_TITLE", "AGENTOS_MCP_NOTIFICATION_TEXT"

_APPLE_SCRIPT = (
    "on run argv",
    "display notification (item 2 of argv) with title (item 1 of argv)",
    "end run",
)
_POWERSHELL_SCRIPT = f"""
$ErrorActionPreference = 'Stop'
[void][Windows.UI.Notifications.ToastNotificationManager, Windows.UI.Notifications, ContentType = WindowsRuntime]
$toast = [Windows.UI.Notifications.ToastNotificationManager]::GetTemplateContent('ToastText02')
$lines = $toast.GetElementsByTagName('text')
[void]$lines.Item(0).AppendChild($toast.CreateTextNode($env:{_TITLE_VARIABLE}))
[void]$lines.Item(1).AppendChild($toast.CreateTextNode($env:{_TEXT_VARIABLE}))
$sender = '{{1AC14E77-02E7-4E5D-B744-2EB1AE5198B7}}\\WindowsPowerShell\\v1.0\\powershell.exe'
$shown = [Windows.UI.Notifications.ToastNotification]::new($toast)
[Windows.UI.Notifications.ToastNotificationManager]::CreateToastNotifier($sender).Show($shown)
"""


@dataclass(frozen=True)
class NotificationCommand:
    """A program that shows a notification: its words, and variables that it needs beside this process's."""

    words: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)


async def notify(title: str, text: str) -> None:
    """Show a notification; where no program can, the terminal behind standard error is told. Nothing is raised."""
    title, text = one_line(title, max_length=MAX_TITLE_LENGTH), one_line(text, max_length=MAX_TEXT_LENGTH)
    command = notification_command(sys.platform, title, text)
    if command is None or not await _run(command):
        notify_terminal(f"{title}. {text}")


def notification_command(platform: str, title: str, text: str) -> NotificationCommand | None:
    """The command that shows it on such a system; None where there is no program for it."""
    match platform:
        case "darwin":
            program = shutil.which("osascript", path="/usr/bin")
            script = [word for line in _APPLE_SCRIPT for word in ("-e", line)]
            return NotificationCommand((program, *script, "--", title, text)) if program else None
        case "win32":
            folder = os.environ.get("SYSTEMROOT", r"C:\Windows")
            program = rf"{folder}\System32\WindowsPowerShell\v1.0\powershell.exe"
            words = (program, "-NoProfile", "-NonInteractive", "-Command", _POWERSHELL_SCRIPT)
            return NotificationCommand(words, {_TITLE_VARIABLE: title, _TEXT_VARIABLE: text})
    program = shutil.which("notify-send")
    if not program:
        return None
    # Its text is markup, with escape sequences of C.
    shown = html.escape(text, quote=False).replace("\\", "\\\\")
    return NotificationCommand((program, "--app-name=agentos-mcp", "--", title, shown))


async def _run(command: NotificationCommand) -> bool:
    """Whether the program has shown it."""
    with anyio.move_on_after(_TIMEOUT_SECONDS):
        try:
            done = await anyio.run_process(
                _words(command.words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
                env={**os.environ, **command.variables},
            )
        except (OSError, ValueError):
            return False
        return done.returncode == 0
    return False


def _words(words: Sequence[str]) -> list[str]:
    """What a system's encoding may not have is replaced."""
    encoding = sys.getfilesystemencoding()
    return [word.encode(encoding, "replace").decode(encoding, "replace") for word in words]


def notify_terminal(text: str) -> None:
    """The terminal's own notification (OSC 9) and its bell; nothing where standard error is no terminal."""
    if can_redraw(sys.stderr):
        sys.stderr.write(f"\x1b]9;{one_line(text, max_length=MAX_TITLE_LENGTH + MAX_TEXT_LENGTH)}\x07\x07")
        sys.stderr.flush()
