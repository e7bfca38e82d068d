"""How this program was called, in words that call it again: by its name, its path, `uvx` or `python -m`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from agentos_mcp import DISTRIBUTION

PROGRAM = "agentos-mcp"

_PROGRAMS = frozenset({PROGRAM, DISTRIBUTION})
_MODULE = "agentos_mcp"
_UV_ENVIRONMENTS = frozenset({"archive-v0", "builds-v0", "environments-v1", "environments-v2"})


def program_words(original: Sequence[str] | None = None, search_path: str | None = None) -> tuple[str, ...]:
    """The words before the command. `original` is the command line of the process, as `sys.orig_argv` has it."""
    words = list(sys.orig_argv if original is None else original)
    for index, word in enumerate(words[1:-1], 1):
        if word == "-m" and words[index + 1] == _MODULE:
            return tuple(words[: index + 2])
        if not word.startswith("-"):
            break
    script = next((word for word in words[:2] if _name(word) in _PROGRAMS), "")
    if not script:
        return (PROGRAM,)
    if is_in_uv_cache(Path(script)):
        from agentos_mcp.terminal.package_origin import read_package_origin

        source = read_package_origin().requirement()
        return ("uvx", DISTRIBUTION) if source == DISTRIBUTION else ("uvx", "--from", source, _name(script))
    found = shutil.which(_name(script), path=search_path)
    if found and Path(found).absolute() == Path(script).absolute():
        return (_name(script),)
    return (script,)


def is_in_uv_cache(path: Path) -> bool:
    """Whether this was started by `uvx`, from a cache that may be cleared at any time."""
    return not _UV_ENVIRONMENTS.isdisjoint(path.absolute().parts)


def _name(word: str) -> str:
    name = os.path.basename(word.replace("\\", "/"))  # noqa: PTH119 - also of another system's path
    return name.removesuffix(".exe")
