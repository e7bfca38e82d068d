"""The script that completes commands, flags and files in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import shtab

_FILE_METAVARS = {"PATH", "FILE"}
_FOLDER_METAVARS = {"FOLDERS"}


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The completion script of a shell, for the commands of this parser."""
    for action in _actions(parser):
        if action.metavar in _FILE_METAVARS:
            _set_completion(action, shtab.FILE)
        elif action.metavar in _FOLDER_METAVARS:
            _set_completion(action, shtab.DIRECTORY)
    return shtab.complete(parser, shell)


def _set_completion(action: Any, completion: Any) -> None:
    # shtab reads this attribute, which argparse does not declare.
    action.complete = completion


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for subparser in action.choices.values():
                yield from _actions(subparser)
