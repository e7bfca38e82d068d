"""Machines to install on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests._support.machines import PLATFORMS, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture(params=PLATFORMS)
def any_machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    """A machine of each platform."""
    return Machine(tmp_path, str(request.param))
