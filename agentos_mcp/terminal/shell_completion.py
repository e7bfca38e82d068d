"""The script that completes commands, flags, files and the names that AgentOS knows in a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import shtab

from agentos_mcp.terminal.value_completion import COMMAND

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
_SOURCES = {
    "words": "run_words",
    "run": "runs",
    "run_a": "runs",
    "run_b": "runs",
    "session_id": "sessions",
    "status": "statuses",
    "profile": "profiles",
}
"""Where the values of an argument come from, by its name: a source of `value_completion`."""
_SOURCES_OF_ID = {"agents": "components", "teams": "components", "workflows": "components", "sessions": "sessions"}
"""Where the values of a command's ID come from."""
_ALL_SOURCES = tuple(dict.fromkeys([*_SOURCES.values(), *_SOURCES_OF_ID.values()]))

# What is printed is never evaluated: each value is one line, and one candidate.
_BASH = f"""
_agentos_mcp_values() {{
  local value
  while IFS= read -r value; do
    [[ "$value" == "$2"* ]] && printf '%s\\n' "$value"
  done < <(agentos-mcp {COMMAND} "$1" "${{COMP_WORDS[@]:1:COMP_CWORD-1}}" 2>/dev/null </dev/null)
}}
"""
_ZSH = f"""
_agentos_mcp_values() {{
  local -a found
  found=("${{(@f)$(agentos-mcp {COMMAND} $1 "${{(@)words[1,CURRENT-1]}}" 2>/dev/null </dev/null)}}")
  found=(${{found:#}})
  (( $#found )) && compadd -a found
}}
"""
_FISH = f"""
function _agentos_mcp_values
  set -l words (commandline -opc)
  agentos-mcp {COMMAND} $argv[1] $words[2..-1] 2>/dev/null </dev/null
end
"""


def completion_script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The completion script of a shell, for the commands of this parser."""
    for command, action in _actions(parser):
        if action.metavar in _FILE_METAVARS:
            _set_completion(action, shtab.FILE)
        elif action.metavar in _FOLDER_METAVARS:
            _set_completion(action, shtab.DIRECTORY)
        elif source := _source_of(command, action):
            _set_completion(
                action,
                {
                    "bash": f"_agentos_mcp_{source}",
                    "zsh": f"_agentos_mcp_{source}",
                    "fish": f"(_agentos_mcp_values {source})",
                },
            )
    bash = "".join(f'_agentos_mcp_{source}() {{ _agentos_mcp_values {source} "$1"; }}\n' for source in _ALL_SOURCES)
    zsh = "".join(f"_agentos_mcp_{source}() {{ _agentos_mcp_values {source}; }}\n" for source in _ALL_SOURCES)
    preambles = {"bash": f"{_BASH}{bash}", "zsh": f"{_ZSH}{zsh}", "fish": _FISH}
    return shtab.complete(parser, shell, preamble=preambles.get(shell, ""))


def _source_of(command: str, action: argparse.Action) -> str:
    if command == "use" and action.dest in {"target", "forget"}:
        return "profiles"
    if action.dest == "id" and not action.option_strings:
        return _SOURCES_OF_ID.get(command, "")
    return "" if action.choices else _SOURCES.get(action.dest, "")


def _set_completion(action: Any, completion: Any) -> None:
    # shtab reads this attribute, which argparse does not declare.
    action.complete = completion


def _actions(parser: argparse.ArgumentParser, command: str = "") -> Iterator[tuple[str, argparse.Action]]:
    """The arguments of all commands, each with its command's name."""
    for action in parser._actions:
        yield command, action
        if isinstance(action, argparse._SubParsersAction):
            for name, subparser in action.choices.items():
                yield from _actions(subparser, command or name)
