"""Which tools the tests call on a live AgentOS, seen in their code: which must succeed, and which must fail."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tools"

SUCCEEDING = frozenset({"text", "call", "watch", "listen"})
"""Methods of Peer whose calls are about what a tool does."""
FAILING = frozenset({"error"})

_KINDS = ("agent", "team", "workflow")
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def tools_called(methods: frozenset[str]) -> set[str]:
    """Every string that the tests may give to one of these methods as a tool's name.

    A name that is not written in the call itself is any string of the function around it, its
    parameters' table, or what the function's callers give it.
    """
    called: set[str] = set()
    for file in TESTS.glob("test_*.py"):
        called |= _called(ast.parse(file.read_text(encoding="utf-8")), methods)
    return called


def _called(module: ast.Module, methods: frozenset[str]) -> set[str]:
    functions = [node for node in ast.walk(module) if isinstance(node, _Function)]
    called: set[str] = set()
    relays: set[str] = set()
    for function in functions:
        for call in _calls(function):
            if isinstance(call.func, ast.Attribute) and call.func.attr in methods:
                names = set(_names(call, function))
                called |= names
                if not names:
                    relays.add(function.name)
                    called |= _strings(function)
    for function in functions:
        if any(isinstance(call.func, ast.Name) and call.func.id in relays for call in _calls(function)):
            called |= _strings(function)
    return called


def _calls(function: _Function) -> Iterator[ast.Call]:
    return (node for node in ast.walk(function) if isinstance(node, ast.Call))


def _names(call: ast.Call, function: _Function) -> Iterator[str]:
    """The names among a call's first two arguments (`listen` takes the tool second)."""
    for argument in call.args[:2]:
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
            yield argument.value
        elif isinstance(argument, ast.JoinedStr):
            yield from _spelled(argument, {*_strings(function), *_KINDS})


def _spelled(words: ast.JoinedStr, fillings: Iterable[str]) -> Iterator[str]:
    """f"run_{kind}" -> run_agent, run_team, ..."""
    parts = [(str(part.value),) if isinstance(part, ast.Constant) else tuple(fillings) for part in words.values]
    return ("".join(spelling) for spelling in product(*parts))


def _strings(function: _Function) -> set[str]:
    """Every string in a function and in its decorators (the tables of its parameters)."""
    return {node.value for node in ast.walk(function) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
