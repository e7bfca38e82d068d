"""The script that completes commands, flags and files in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import shtab

_FILES = {"PATH", "FILE"}
_FOLDERS = {"FOLDERS"}


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for a shell; where it is loaded from is that shell's own business."""
    for action in _actions(parser):
        if action.metavar in _FILES:
            _complete(action, shtab.FILE)
        elif action.metavar in _FOLDERS:
            _complete(action, shtab.DIRECTORY)
    return shtab.complete(parser, shell)


def _complete(action: Any, with_what: Any) -> None:
    # This is how shtab is told; argparse itself has no such thing.
    action.complete = with_what


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
