"""The generated parts of the pages in docs/.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; what is around it is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from agentos_mcp import REPOSITORY_URL
from agentos_mcp.agentos.hints import as_hint
from agentos_mcp.install.client_table import CLIENTS
from agentos_mcp.settings import OPTIONS
from scripts.registry_entry import NAME
from scripts.surface import client_table as clients
from scripts.surface import json_documents, module_table
from scripts.surface import settings_table as configuration
from scripts.surface.client_methods import METHODS
from scripts.surface.markdown_table import table
from scripts.surface.tool_list import Listed, listed, total

DOCS = Path(__file__).parents[2] / "docs"

_PART = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_CHOOSING = ("toolsets", "tools", "exclude_tools", "read_only", "expose", "user_id", "db_id", "knowledge_id")
_SEVERAL = "several"
_NONE = "none, on purpose: [why](tools.md#what-is-deliberately-not-a-tool)"


def written(page: str) -> str:
    """A page as it should be: its words, with every generated part made anew."""

    def made(part: re.Match[str]) -> str:
        return f"{part[1]}{PARTS[part[2]]()}\n{part[4]}"

    return _PART.sub(made, page)


def _totals() -> str:
    rows = [
        (what, *map(str, total(default_only=default)), f"`--toolsets {name}`")
        for what, default, name in (("on by default", True, "default"), ("all of them", False, "all"))
    ]
    return table(("tools", "number", "tokens", "chosen by"), rows)


def _choosing() -> str:
    named = {option.name: option for option in OPTIONS}
    rows = [
        (
            f"`{option.flag}`" if option.switch else f"`{option.flag} {option.metavar}`",
            f"`{option.variables[0]}`",
            option.description,
        )
        for option in (named[name] for name in _CHOOSING)
    ]
    return table(("flag", "variable", "meaning"), rows)


def _tools() -> str:
    return "\n\n".join(_toolset(list(tools)) for _, tools in groupby(listed(), key=lambda tool: tool.toolset.name))


def _toolset(tools: Sequence[Listed]) -> str:
    toolset = tools[0].toolset
    rows = [
        (
            f"`{tool.name}`",
            tool.description,
            tool.hint,
            f"`{tool.declared.endpoint}`" if tool.declared.endpoint else _SEVERAL,
            "on" if tool.declared.default else "",
            str(tool.tokens),
        )
        for tool in tools
    ]
    needs = [f"Needs {toolset.needs}."] if toolset.needs else []
    return "\n".join(
        [
            f"### {toolset.name}",
            "",
            " ".join([str(as_hint(toolset.instructions)), *needs]),
            "",
            table(("tool", "what it does", "hint", "AgentOS", "default", "tokens"), rows),
            "",
            *(f"- `{tool.name}`: {_parameters(tool.schema)}" for tool in tools),
        ]
    )


def _parameters(schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    shown = [_parameter(name, about, name in required) for name, about in schema["properties"].items()]
    return "; ".join(shown) or "no parameters"


def _parameter(name: str, about: Mapping[str, Any], required: bool) -> str:
    what = [_type(about)]
    if "default" in about:
        what.append(f"default {about['default']}")
    if "description" in about:
        what.append(about["description"])
    shown = f"**`{name}`**" if required else f"`{name}`"
    return f"{shown} ({', '.join(what)})"


def _type(about: Mapping[str, Any]) -> str:
    if "enum" in about:
        return " or ".join(f"`{value}`" for value in about["enum"] if value != "")
    kind = str(about["type"])
    if kind == "array":
        kind = f"list of {about['items']['type']}s"
    least, most = about.get("minimum"), about.get("maximum")
    if least is not None and most is not None:
        return f"{kind} from {least} to {most}"
    return kind if least is None else f"{kind} from {least}"


def _methods() -> str:
    return "\n\n".join(
        f"### {part}\n\n"
        + table(
            ("AgentOSClient", "agentos-mcp"),
            [(f"`{method}`", ", ".join(f"`{tool}`" for tool in tools) or _NONE) for method, tools in methods.items()],
        )
        for part, methods in METHODS.items()
    )


def _registry_name() -> str:
    return f"<!-- mcp-name: {NAME} -->"


def clone_commands(repository: str) -> str:
    """The commands that get a clone; '' while nobody knows where from."""
    folder = repository.rstrip("/").rpartition("/")[2]
    return f"\n```sh\ngit clone {repository}\ncd {folder}\n```\n" if repository else ""


PARTS: dict[str, Callable[[], str]] = {
    "registry_name": _registry_name,
    "clone": partial(clone_commands, REPOSITORY_URL),
    "totals": _totals,
    "choosing": _choosing,
    "tools": _tools,
    "methods": _methods,
    "settings": configuration.settings,
    "install_flags": partial(configuration.flags_of, "install"),
    "json_documents": json_documents.documents,
    "modules": module_table.modules,
    "clients": clients.overview,
    **{f"client_{client.key.replace('-', '_')}": partial(clients.of_client, client) for client in CLIENTS},
}
PAGES = (
    DOCS.parent / "README.md",
    *(DOCS / f"{name}.md" for name in ("tools", "coverage", "configuration", "clients", "architecture", "terminal")),
)
