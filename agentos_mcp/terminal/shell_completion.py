"""The script that completes commands, flags and files in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import shtab

SETUP_LINES = {
    "bash": "agentos-mcp completion bash > ~/.agentos-mcp.bash && echo '. ~/.agentos-mcp.bash' >> ~/.bashrc",
    "zsh": "mkdir -p ~/.zfunc && agentos-mcp completion zsh > ~/.zfunc/_agentos-mcp && "
    "echo 'fpath+=(~/.zfunc); autoload -Uz compinit && compinit' >> ~/.zshrc",
    "fish": "mkdir -p ~/.config/fish/completions && "
    "agentos-mcp completion fish > ~/.config/fish/completions/agentos-mcp.fish",
    "tcsh": "agentos-mcp completion tcsh > ~/.agentos-mcp.tcsh && echo 'source ~/.agentos-mcp.tcsh' >> ~/.tcshrc",
}
"""The line that sets completion up for good, by shell; no file or folder need be there before."""

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
