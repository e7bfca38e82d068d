"""Sentences name tools and parameters by references that exist, so that each surface can word them for its readers."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import agentos_mcp
from agentos_mcp.agentos.runs.run import KINDS
from agentos_mcp.tooling.instance_calls import INSTANCE
from agentos_mcp.tools import TOOLSETS

PACKAGE = Path(agentos_mcp.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = ("agentos", "tooling", "runs", "tools")
"""Their sentences are read by models and at terminals alike."""

TOOLS = {tool.name: tool for toolset in TOOLSETS for tool in toolset.tools}
PARAMETERS = {name for tool in TOOLS.values() for name in inspect.signature(tool.fn).parameters} - {"ctx"} | {INSTANCE}
TOOL_NAME = re.compile(rf"\b({'|'.join(TOOLS)})\b")
PARAMETER_NAME = re.compile(rf"(?<!{{)\b({'|'.join(name for name in PARAMETERS if '_' in name)})\b(?!}})")
ENDPOINT = re.compile(r"[A-Z]+ /")


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def module_id(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def called(call: ast.Call) -> str:
    """ "Action.of", "hint"."""
    return ast.unparse(call.func)


def values_of(node: ast.expr) -> set[str]:
    """The strings that an expression may be: `f"run_{kind}"` is one of each kind; none where it cannot be told."""
    match node:
        case ast.Constant(value=str(value)):
            return {value}
        case ast.JoinedStr():
            return {
                "".join(str(part.value) if isinstance(part, ast.Constant) else kind for part in node.values)
                for kind in KINDS
            }
        case ast.IfExp():
            return values_of(node.body) | values_of(node.orelse)
        case _:
            return set()


def references(path: Path, *kinds: str) -> Iterator[str]:
    """The names that a module gives to its actions, or to its parameters."""
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Call) and called(node) in kinds and node.args:
            yield from values_of(node.args[0])


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """The strings of a module that readers of results may see, with their lines."""
    tree = parse(path)
    unread: set[ast.AST] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant()):  # a docstring
                unread.add(node.value)
            case ast.Call() if called(node) in {"Action.of", "Action", "Parameter"}:
                unread |= set(node.args[:1])
            case ast.Call() if called(node) == "Field":  # shown only with its parameter
                unread |= {keyword.value for keyword in node.keywords if keyword.arg == "description"}
            case ast.Call() if called(node) == "ToolsetModule":  # names of tools, never shown
                unread |= set(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in unread:
            yield node.lineno, node.value


def is_prose(text: str) -> bool:
    """Whether a string is read by people: no field's name, no endpoint."""
    return " " in text and ENDPOINT.match(text) is None


@pytest.mark.parametrize("path", MODULES, ids=module_id)
class TestReferences:
    def test_action_is_a_tool(self, path: Path) -> None:
        assert set(references(path, "Action.of", "Action")) <= TOOLS.keys()

    def test_action_takes_its_arguments(self, path: Path) -> None:
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Call) and called(node) == "Action.of":
                names = {value for argument in node.args[1:] for value in values_of(argument)}
                names |= {keyword.arg for keyword in node.keywords if keyword.arg}
                for tool in values_of(node.args[0]) & TOOLS.keys():
                    assert names <= set(inspect.signature(TOOLS[tool].fn).parameters), ast.unparse(node)

    def test_parameter_is_one_of_a_tool(self, path: Path) -> None:
        assert set(references(path, "Parameter")) <= PARAMETERS


@pytest.mark.parametrize("path", [path for path in MODULES if module_id(path).split("/")[0] in ROOMS], ids=module_id)
class TestSentences:
    def test_sentence_names_no_tool(self, path: Path) -> None:
        assert not [f"{line}: {text}" for line, text in sentences(path) if TOOL_NAME.search(text)]


@pytest.mark.parametrize("path", sorted((PACKAGE / "tools").rglob("*.py")), ids=module_id)
class TestToolSentences:
    def test_sentence_names_no_parameter(self, path: Path) -> None:
        result = [f"{line}: {text}" for line, text in sentences(path) if is_prose(text) and PARAMETER_NAME.search(text)]
        assert not result
