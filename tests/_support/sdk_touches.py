"""Finds, in Python source, uses of the MCP SDK's internals: what the SDK does not export or does not expect."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache
from importlib import import_module, util
from pathlib import Path

import agentos_mcp

SDK = ("mcp", "mcp_types")


def sdk_touches(source: str) -> list[str]:
    """ "LINE: what", in the order of the lines.

    Found are imports of private modules and names of the SDK; attributes with the name of a private one of the SDK,
    except those of `self` in a class that does not derive from it; and assignments over methods of the SDK.
    """
    tree = ast.parse(source)
    touches = [*_private_imports(tree), *_private_attributes(tree)]
    if any(_is_sdk(name) for node in ast.walk(tree) for name in _imported_names(node)):
        touches += _replaced_methods(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            touches += _inherited_touches(tree, node)
    return [f"{line}: {what}" for line, what in sorted(set(touches))]


def _private_imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        for name in _imported_names(node):
            if _is_sdk(name) and any(_is_private(part) for part in name.split(".")):
                yield getattr(node, "lineno", 0), f"import of {name}"


def _private_attributes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The syntax does not tell whose attribute it is: a name that the SDK has too is taken for the SDK's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _sdk_names().private and not _is_own(node.value):
            yield node.lineno, f"{ast.unparse(node.value)}.{node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"getattr", "setattr"}:
            name = node.args[1] if len(node.args) > 1 else None
            if isinstance(name, ast.Constant) and name.value in _sdk_names().private:
                yield node.lineno, f"{node.func.id} of {name.value}"


def _replaced_methods(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """A name that this package has for an attribute of its own is taken for that."""
    for target in _assigned_attributes(tree):
        if target.attr in _sdk_names().methods - _own_attributes() and not _is_own(target.value):
            yield target.lineno, f"assignment over the method {target.attr}"


def _inherited_touches(tree: ast.Module, class_node: ast.ClassDef) -> Iterator[tuple[int, str]]:
    """Of `self`, in a class that derives from the SDK's."""
    names = _Names(set(), set())
    for base in class_node.bases:
        name = base.value if isinstance(base, ast.Subscript) else base
        if isinstance(name, ast.Name) and (sdk_class := _imported_sdk_class(tree, name.id)) is not None:
            for ancestor in sdk_class.__mro__:
                if _is_sdk(ancestor.__module__):
                    names.add(ast.parse(inspect.getsource(ancestor)))
    for node in ast.walk(class_node):
        if isinstance(node, ast.Attribute) and _is_own(node.value) and node.attr in names.private:
            yield node.lineno, f"{ast.unparse(node.value)}.{node.attr} of an SDK class"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in names.private:
            yield node.lineno, f"override of the SDK's {node.name}"
    for target in _assigned_attributes(class_node):
        if _is_own(target.value) and target.attr in names.methods:
            yield target.lineno, f"assignment over the method {target.attr}"


class _Names:
    """What classes define: their private attributes and methods, and their public methods (properties are not)."""

    def __init__(self, private: set[str], methods: set[str]) -> None:
        self.private = private
        self.methods = methods

    def add(self, tree: ast.AST) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and _is_own(node.value) and _is_private(node.attr):
                self.private.add(node.attr)
            elif isinstance(node, ast.ClassDef):
                for method in node.body:
                    if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and not method.name.startswith("__"):
                        is_public = not _is_private(method.name) and not method.decorator_list
                        (self.methods if is_public else self.private).add(method.name)
        self.private = {name for name in self.private if _is_private(name)}


@cache
def _sdk_names() -> _Names:
    names = _Names(set(), set())
    for package in SDK:
        spec = util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        for path in Path(spec.origin).parent.rglob("*.py"):
            names.add(ast.parse(path.read_text(encoding="utf-8")))
    return names


@cache
def _own_attributes() -> frozenset[str]:
    """The attributes that classes of this package declare or assign to `self`."""
    names: set[str] = set()
    for path in Path(agentos_mcp.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names |= {target.attr for target in _assigned_attributes(tree) if _is_own(target.value)}
        for node in ast.walk(tree):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names.add(node.target.id)
    return frozenset(names)


def _imported_names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and not node.level:
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _assigned_attributes(tree: ast.AST) -> Iterator[ast.Attribute]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node


def _imported_sdk_class(tree: ast.Module, name: str) -> type | None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and _is_sdk(node.module):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    imported = getattr(import_module(node.module), alias.name)
                    return imported if isinstance(imported, type) else None
    return None


def _is_sdk(module: str) -> bool:
    return module.partition(".")[0] in SDK


def _is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__"))


def _is_own(value: ast.expr) -> bool:
    """`self`, `cls` or `super()`."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id == "super"
    return isinstance(value, ast.Name) and value.id in {"self", "cls"}
