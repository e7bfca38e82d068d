"""The house keeps its order: imports go down, each library stays in its room."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

import agentos_mcp
from scripts.surface.module_table import FLOORS
from tests._support.sdk_touches import sdk_touches

PACKAGE = Path(agentos_mcp.__file__).parent
MODULES = sorted(path for path in PACKAGE.rglob("*.py"))


def floor_of(module: str) -> str:
    """`agentos_mcp.agentos.client` -> `agentos`."""
    parts = module.split(".")
    if len(parts) < 2 or parts[1] in {"__main__", "__init__"}:
        return "cli"
    return parts[1]


def name_of(path: Path) -> str:
    parts = ("agentos_mcp", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(part for part in parts if part != "__init__")


@cache
def imports_of(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(found)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
class TestModule:
    def test_its_imports_go_down(self, path: Path) -> None:
        here = FLOORS.index(floor_of(name_of(path)))
        for imported in imports_of(path):
            if imported.startswith("agentos_mcp.") and floor_of(imported) in FLOORS:
                assert FLOORS.index(floor_of(imported)) >= here, f"{name_of(path)} imports {imported}"

    def test_libraries_stay_in_their_rooms(self, path: Path) -> None:
        floor = floor_of(name_of(path))
        for imported in imports_of(path):
            library = imported.partition(".")[0]
            if library in {"mcp", "mcp_types"}:
                assert floor in {"tooling", "runs", "server", "tools", "demo", "install", "doctor"}, (
                    f"{name_of(path)} imports {imported}"
                )
            if library in {"httpx", "httpx2"}:
                assert floor == "agentos", f"{name_of(path)} imports {imported}"
            if library in {"agno", "rich"}:
                assert floor == "demo", f"{name_of(path)} imports {imported}"


def test_toolsets_do_not_know_each_other() -> None:
    folder = PACKAGE / "tools"
    toolsets = {path.stem if path.parent == folder else path.parent.name for path in folder.rglob("*.py")}
    toolsets -= {"__init__", "tools"}
    for path in folder.rglob("*.py"):
        own = path.stem if path.parent == folder else path.parent.name
        if path != folder / "__init__.py":
            others = {f"agentos_mcp.tools.{name}" for name in toolsets - {own}}
            assert not imports_of(path) & others, path


def test_every_name_says_what_is_inside() -> None:
    assert not {path.stem for path in MODULES} & {"utils", "helpers", "manager", "misc", "common"}


SDK_COMPAT = PACKAGE / "server" / "sdk_compat.py"
SDK_TOUCHES = """
from mcp.server.mcpserver import Context, MCPServer
from mcp.server._otel import OpenTelemetryMiddleware
from mcp.shared.context import _helper
import mcp.client._memory

class Server(MCPServer[object]):
    def __init__(self):
        super().__init__("x")
        self._tool_manager = None
        self._lowlevel_server.middleware.insert(0, None)
        self.list_tools = None
        self._own = 1

    def _handle_list_tools(self): ...

    def end(self, ctx, context: Context):
        ctx.session._request_outbound.cancel_requested
        getattr(context, "_subscriptions")
        low = self.low
        low.create_initialization_options = None
"""
NO_SDK_TOUCHES = """
import argparse
import os
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError

class Own:
    def __init__(self, server):
        self._tool_manager = self._session = server
        self.tools = []
        self.list_tools = None

class Server(MCPServer[object]):
    def __init__(self):
        self._tool_table = {}
        self.resources = self.__class__

def run(own, parser):
    own.tools = parser._actions
    os._exit(0)
"""


@pytest.mark.parametrize("path", [path for path in MODULES if path != SDK_COMPAT], ids=name_of)
def test_module_uses_only_what_the_sdk_exports(path: Path) -> None:
    assert not sdk_touches(path.read_text(encoding="utf-8")), f"this belongs to {SDK_COMPAT.name}"


def test_sdk_compat_has_every_private_use_of_the_sdk() -> None:
    assert sdk_touches(SDK_COMPAT.read_text(encoding="utf-8"))


def test_sdk_touches_finds_what_the_sdk_does_not_export() -> None:
    assert sdk_touches(SDK_TOUCHES) == [
        "3: import of mcp.server._otel.OpenTelemetryMiddleware",
        "4: import of mcp.shared.context._helper",
        "5: import of mcp.client._memory",
        "10: self._tool_manager of an SDK class",
        "11: self._lowlevel_server of an SDK class",
        "12: assignment over the method list_tools",
        "15: override of the SDK's _handle_list_tools",
        "18: ctx.session._request_outbound",
        "19: getattr of _subscriptions",
        "21: assignment over the method create_initialization_options",
    ]


def test_sdk_touches_does_not_find_what_is_not_the_sdks() -> None:
    assert sdk_touches(NO_SDK_TOUCHES) == []


TESTS = Path(__file__).parent
TEST_MODULES = sorted(path for path in TESTS.rglob("*.py"))
NO_SINGLE_ROOM = {
    "benchmarks",
    "cluster",
    "conformance",
    "contract",
    "docs",
    "e2e",
    "evals",
    "faults",
    "fuzz",
    "interop",
    "packaging",
    "security",
    "soak",
    "surface",
    "windows",
}
"""Folders of tests that are about more than one room of the package."""


NOT_SHIPPED = {"benchmarks", "evals", "scripts", "tests"}


def test_package_imports_nothing_that_is_not_shipped() -> None:
    for path in MODULES:
        outside = {name for name in imports_of(path) if name.partition(".")[0] in NOT_SHIPPED}
        assert not outside, path


def test_test_modules_share_only_support() -> None:
    for path in TEST_MODULES:
        borrowed = {name for name in imports_of(path) if ".test_" in name and name.startswith("tests.")}
        assert not borrowed, f"{path} imports {borrowed}: what they share belongs in tests/_support"


def test_test_folders_mirror_the_package() -> None:
    folders = {path.parent.relative_to(TESTS) for path in TEST_MODULES if path.name.startswith("test_")}
    rooms = {folder for folder in folders if folder.parts and folder.parts[0] not in NO_SINGLE_ROOM}
    assert rooms
    assert not {str(folder) for folder in rooms if not (PACKAGE / folder).is_dir()}
