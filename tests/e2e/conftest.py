"""What the tests of whole processes share."""

from __future__ import annotations

import pytest

from agentos_mcp.agentos.runs.run import new_id


@pytest.fixture
def session() -> str:
    """A session that no other test uses."""
    return f"e2e-{new_id()}"
