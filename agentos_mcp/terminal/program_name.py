"""How this program was called, in words that call it again: by its name, its path, `uvx` or `python -m`."""

from __future__ import annotations

import os
import shlex
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
    if not _UV_ENVIRONMENTS.isdisjoint(Path(script).absolute().parts):
        source = _source()
        return ("uvx", "--from", source, _name(script)) if source else ("uvx", DISTRIBUTION)
    found = shutil.which(_name(script), path=search_path)
    if found and Path(found).absolute() == Path(script).absolute():
        return (_name(script),)
    return (script,)


def program_line() -> str:
    """The same as it is written in a shell."""
    return shlex.join(program_words())


def _name(word: str) -> str:
    name = os.path.basename(word.replace("\\", "/"))  # noqa: PTH119 - also of another system's path
    return name.removesuffix(".exe")


def _source() -> str:
    """Where uv installed this program from; '' for a package that it found by its name."""
    import json
    from importlib import metadata
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    for name in sorted(_PROGRAMS, reverse=True):
        try:
            document = json.loads(metadata.distribution(name).read_text("direct_url.json") or "{}")
            url, version_control = document.get("url", ""), document.get("vcs_info", {}).get("vcs", "")
        except (metadata.PackageNotFoundError, ValueError, AttributeError):
            continue
        if url.startswith("file://"):
            return url2pathname(urlsplit(url).path)
        return f"{version_control}+{url}" if version_control else str(url)
    return ""
