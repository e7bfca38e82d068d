"""What the tests of the terminal's commands share."""

from __future__ import annotations

import pytest

from agentos_mcp.agentos.runs.run import new_id


@pytest.fixture
def session() -> str:
    """A session that no other test uses."""
    return f"terminal-{new_id()}"
