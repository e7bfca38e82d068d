"""An AgentOS of some version of agno, with what it declares."""

from __future__ import annotations

from dataclasses import dataclass

from tests._support.openapi import Declaration


@dataclass(frozen=True)
class Served:
    """A running AgentOS of one version of agno, what it declares, and a web server that it can fetch from."""

    version: str
    url: str
    pages: str
    declaration: Declaration
