"""Which tests start a process of their own, seen in what their code and their fixtures' code reaches.

`pytest_collection_modifyitems` in tests/conftest.py marks them with `process`; `make check` runs the others.
"""

from __future__ import annotations

import importlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest

STARTERS = frozenset(
    {
        "anyio.open_process",
        "agentos_mcp.demo.host_process.demo_agentos",
        "agentos_mcp.install.server_probe",
        "mcp.client.stdio.stdio_client",
        "multiprocessing",
        "os.fork",
        "pty.fork",
        "subprocess",
    }
)
"""Modules, functions and classes whose use starts a process; of a module, all that is in it."""
FOLLOWED = ("tests.", "evals.", "scripts.", "agentos_mcp.doctor.")
"""Whose code is looked at: what is not shipped, and the room of the package that starts other people's programs."""
SHARED_FIXTURES = frozenset({"sample_agentos", "store"})
"""Fixtures whose process all tests of a run share: using them is no process of a test's own."""

_EVENTS = frozenset({"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "subprocess.Popen"})
_started: list[str] = []


def watch() -> None:
    """Keep a list of all processes that this one starts from now on."""
    sys.addaudithook(lambda event, arguments: _note(event, arguments) if event in _EVENTS else None)


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    command = arguments[1] if event == "subprocess.Popen" else event
    if "-P" not in command:  # the server's own, which checks a schema for it
        _started.append(str(command))


@contextmanager
def shared() -> Iterator[None]:
    """What starts in here is shared by all tests of the run."""
    before = len(_started)
    yield
    del _started[before:]


def started_since(count: int) -> list[str]:
    """The processes that were started after the first `count`."""
    return _started[count:]


def started_count() -> int:
    """How many processes were started, those shared by all tests aside."""
    return len(_started)


def starts_process(item: pytest.Item) -> bool:
    """Whether a test, or a fixture that it uses, reaches something that starts a process."""
    if not isinstance(item, pytest.Function):
        return False
    return any(reaches_starter(function) for function in (item.function, *_fixtures(item)))


def _fixtures(item: pytest.Function) -> Iterator[Callable[..., Any]]:
    """The fixtures that a test uses, and those that they use or override; not what only SHARED_FIXTURES use."""
    definitions = item.session._fixturemanager  # pytest has no public way to a test's fixtures
    todo = list(item._fixtureinfo.initialnames)
    seen = set(SHARED_FIXTURES)
    while todo:
        if (name := todo.pop()) in seen:
            continue
        seen.add(name)
        for definition in definitions.getfixturedefs(name, item) or ():
            yield definition.func
            todo.extend(definition.argnames)


@cache
def reaches_starter(function: Callable[..., Any]) -> bool:
    """Whether the names in a function's code, and in the followed code that they stand for, lead to a starter.

    A function that takes fixtures by names which are not in its signature counts as one that does.
    """
    seen: set[int] = set()
    todo: list[Any] = [function]
    while todo:
        thing = inspect.unwrap(top) if callable(top := todo.pop()) else top
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if _qualified(thing) & STARTERS:
            return True
        if isinstance(thing, types.FunctionType) and "getfixturevalue" in thing.__code__.co_names:
            return True
        todo.extend(_reached(thing))
    return False


def _qualified(thing: Any) -> frozenset[str]:
    """The names by which STARTERS may call it: its own, and its module's."""
    if isinstance(thing, types.ModuleType):
        return frozenset({thing.__name__})
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str):
        return frozenset()
    return frozenset({module, f"{module}.{name}"})


def _reached(thing: Any) -> Iterator[Any]:
    """What a function's code names, or a class and its bases define."""
    if not str(getattr(thing, "__module__", "")).startswith(FOLLOWED):
        return
    if isinstance(thing, type):
        yield from thing.__bases__
        for value in vars(thing).values():
            yield next((getattr(value, name) for name in ("fget", "__func__") if hasattr(value, name)), value)
    elif isinstance(thing, types.MethodType):
        yield thing.__func__
    elif isinstance(thing, types.FunctionType):
        yield from thing.__kwdefaults__.values() if thing.__kwdefaults__ else ()
        yield from thing.__defaults__ or ()
        for name, others in _names(thing.__code__):
            value = thing.__globals__[name] if name in thing.__globals__ else _imported(name)
            yield value
            if isinstance(value, types.ModuleType):
                yield from (getattr(value, other) for other in others if hasattr(value, other))


def _imported(name: str) -> types.ModuleType | None:
    """The module that an import inside a function names; None for one that this system does not have."""
    try:
        return importlib.import_module(name) if name.startswith(FOLLOWED) else sys.modules.get(name)
    except ImportError:
        return None


@cache
def _names(code: types.CodeType) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each name of a function's code, its inner functions' too, with all of its names: any may be an attribute."""
    inner = [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    here = tuple((name, code.co_names) for name in code.co_names)
    return (*here, *(pair for constant in inner for pair in _names(constant)))
