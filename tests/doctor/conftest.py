"""Machines and AgentOSes for the doctor to check."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests._support.agentos.stored_components import JWT_KEY_VARIABLE
from tests._support.agentos_pool import AgentOSPool
from tests._support.doctor_checks import SHELL_PATH
from tests._support.machines import Machine
from tests._support.running_agentos import running_agentos

JWT_KEY = "a key that is long enough for HS256"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine of this system, without any client, whose shell finds agentos-mcp."""
    return Machine(tmp_path, sys.platform, {"PATH": SHELL_PATH})


@pytest.fixture(scope="session")
def authorized_agentos() -> Iterator[str]:
    """An AgentOS with authorization, and two databases."""
    with running_agentos(
        build="tests._support.agentos.stored_components:build", environment={JWT_KEY_VARIABLE: JWT_KEY}
    ) as url:
        yield url


@pytest.fixture(scope="session")
def agentos_with_two_databases(agentoses: AgentOSPool) -> str:
    return agentoses.url("several_databases")


@pytest.fixture(scope="session")
def agentos_with_broken_database() -> Iterator[str]:
    """An AgentOS whose database file was overwritten."""
    with running_agentos(build="tests._support.agentos.unusable:build_with_broken_database") as url:
        yield url


@pytest.fixture(scope="session")
def agentos_without_components() -> Iterator[str]:
    """An AgentOS without agents, teams and workflows."""
    with running_agentos(build="tests._support.agentos.unusable:build_without_components") as url:
        yield url
