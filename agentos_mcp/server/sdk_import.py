"""Imports the MCP SDK for a server that has to start fast: without what it does not need yet."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, PydanticUserError, TypeAdapter


def import_sdk(*, serves_http: bool) -> None:
    """Import the SDK's server. Its models are built when they are first used, which most of them never are.

    To be called before anything else imports the SDK.
    """
    with deferred_models():
        if not serves_http:
            with without_package("uvicorn"):
                # What streams over HTTP looks for uvicorn, and does without where there is none.
                import sse_starlette  # noqa: F401
        import mcp.server.mcpserver  # noqa: F401


@contextmanager
def deferred_models() -> Iterator[None]:
    """What is defined inside, of pydantic's models and type adapters, is built when it is first used."""
    build_at_once = TypeAdapter.__init__
    BaseModel.model_config["defer_build"] = True
    TypeAdapter.__init__ = _init_deferred(build_at_once)  # type: ignore[method-assign]  # it has no default to set
    try:
        yield
    finally:
        del BaseModel.model_config["defer_build"]
        TypeAdapter.__init__ = build_at_once  # type: ignore[method-assign]  # as it was


def _init_deferred(build_at_once: Callable[..., None]) -> Callable[..., None]:
    def init(
        self: TypeAdapter[Any],
        type: Any,
        *,
        config: ConfigDict | None = None,
        _parent_depth: int = 2,
        module: str | None = None,
    ) -> None:
        # One frame more is between the adapter and the names that its type may use.
        build = partial(build_at_once, self, type, _parent_depth=_parent_depth + 1, module=module)
        try:
            build(config={**(config or {}), "defer_build": True})
        except PydanticUserError:  # a model has its own configuration, and takes none here
            build(config=config)

    return init


@contextmanager
def without_package(package: str) -> Iterator[None]:
    """Inside it, the package cannot be imported, as if it were not installed."""
    if package in sys.modules:  # then it costs nothing
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # None is how Python is told not to import
    try:
        yield
    finally:
        del sys.modules[package]
