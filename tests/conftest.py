"""Live AgentOSes for the whole session, and ways to connect to them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import httpx
import hypothesis
import pytest

from agentos_mcp.agentos.catalog import Catalog
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.features import Discovery
from agentos_mcp.agentos.runs.engine import Engine
from agentos_mcp.tools import TOOLSETS
from tests._support import process_use, tool_coverage
from tests._support.agentos import pausing as pausing_module
from tests._support.agentos import sample as sample_module
from tests._support.agentos.storage import QUEUE_VARIABLE
from tests._support.agentos_pool import AgentOSPool
from tests._support.mcp_client import Connect, connector
from tests._support.postgres import postgres
from tests._support.running_agentos import running_agentos
from tests._support.stores import PLAIN, QUEUED, STORES, Store, is_queued

# The same words for times everywhere; also in the processes that the tests start.
os.environ["TZ"] = "UTC"
if hasattr(time, "tzset"):
    time.tzset()

# The profiles of whoever runs the tests are not theirs; where nothing is, nobody can have put one.
os.environ["XDG_CONFIG_HOME"] = os.environ["LOCALAPPDATA"] = str(Path(__file__).with_name("no-configuration"))

SAMPLE_AGENTOS = "tests._support.agentos.sample:build"
KEY = "a-secret-key"
ERAS = ("legacy", "auto")
"""The client's modes: `auto` speaks the modern protocol to a server that knows it."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def time_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets this process's time zone for a test."""

    def set_zone(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="session")
def agentoses() -> Iterator[AgentOSPool]:
    """The AgentOSes that modules share."""
    with AgentOSPool() as pool:
        yield pool


@pytest.fixture(scope="session")
def sample_agentos(agentoses: AgentOSPool) -> str:
    """The address of an AgentOS with a component for every behavior."""
    return agentoses.sample()


@pytest.fixture(scope="session")
def locked_agentos() -> Iterator[str]:
    """The same, behind the security key KEY."""
    with running_agentos(build=SAMPLE_AGENTOS, environment={sample_module.KEY_VARIABLE: KEY}) as url:
        yield url


@pytest.fixture(scope="session")
def bare_agentos() -> Iterator[str]:
    """An AgentOS without a database and without a knowledge base."""
    with running_agentos(build="tests._support.agentos.sample:build_bare") as url:
        yield url


@pytest.fixture(scope="session")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the tools and steps of the `pausing` AgentOS really did, a line each."""
    path = tmp_path_factory.mktemp("pausing") / "ledger"
    path.touch()
    return path


@pytest.fixture(scope="session")
def pausing(agentoses: AgentOSPool, ledger: Path) -> str:
    """An AgentOS with a component for every way in which a run waits for a person."""
    return Store(PLAIN, agentoses, ledger).pausing


@pytest.fixture(scope="session")
def queue_database() -> Iterator[str]:
    """A PostgreSQL for the tickets of a durable queue."""
    with postgres() as url:
        yield url


@pytest.fixture(scope="session")
def queued_pausing(ledger: Path, queue_database: str) -> Iterator[str]:
    """The same with its durable queue on: runs and tickets in PostgreSQL."""
    environment = {pausing_module.LEDGER_VARIABLE: str(ledger), QUEUE_VARIABLE: queue_database}
    with running_agentos(build="tests._support.agentos.pausing:build", environment=environment) as url:
        yield url


@pytest.fixture(scope="session")
def queued_pausing_sqlite(agentoses: AgentOSPool, ledger: Path) -> str:
    """The same with its runs in SQLite, where a queued run is called pending or paused until its end."""
    return Store(QUEUED, agentoses, ledger).pausing


@pytest.fixture(scope="session")
def queued_sample_agentos(agentoses: AgentOSPool, ledger: Path) -> str:
    """An AgentOS with a component for every behavior, and a durable queue."""
    return Store(QUEUED, agentoses, ledger).sample_agentos


@pytest.fixture(scope="session")
def media(agentoses: AgentOSPool) -> str:
    """An AgentOS whose components take and give media, follow schemas, and fail in many ways."""
    return agentoses.url("media")


@pytest.fixture(scope="session")
def demo(agentoses: AgentOSPool) -> str:
    """The AgentOS that people are shown, without its pauses."""
    return agentoses.demo()


@pytest.fixture
async def agent_os(sample_agentos: str) -> AsyncIterator[AgentOS]:
    async with AgentOS(sample_agentos) as client:
        yield client


@pytest.fixture
async def catalog(agent_os: AgentOS) -> Catalog:
    return Catalog(agent_os)


@pytest.fixture
async def engine(agent_os: AgentOS, catalog: Catalog) -> Engine:
    return Engine(agent_os, Discovery(agent_os), catalog)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--one-era", action="store_true", help="run each test in one of the two protocol eras")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "process: starts a process of its own; set by what a test's code reaches")
    config.addinivalue_line("markers", "waits: real seconds pass in it")
    config.addinivalue_line("markers", "without_queue(reason): of the two stores it runs on the plain one alone")
    process_use.watch()
    hypothesis.settings.register_profile("check", max_examples=20)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if is_queued(item) and not _runs_on_queue(item)]
    items[:] = [item for item in items if not is_queued(item) or _runs_on_queue(item)]
    config.hook.pytest_deselected(items=left_out)
    for item in items:
        if is_queued(item) or process_use.starts_process(item):
            item.add_marker("process")


def _runs_on_queue(item: pytest.Item) -> bool:
    """Whether a test has a variant on a queue: in one era, and where no mark says otherwise."""
    assert isinstance(item, pytest.Function)
    era = item.callspec.params.get("era")
    return item.get_closest_marker("without_queue") is None and era in {None, _one_era(item.function.__name__)}


def _one_era(test: str) -> str:
    """The only era of a test that has one: both occur in a module."""
    return ERAS[crc32(test.encode()) % 2]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist hands over what its tests recorded."""
    tool_coverage.add(getattr(node, "workeroutput", {}).get("tools", ()))


_GAPS = pytest.StashKey[list[str]]()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A whole run fails where it left a tool untried."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tools"] = [tuple(outcome) for outcome in tool_coverage.recorded()]
    elif _is_whole(session):
        gaps = _gaps()
        if cache := getattr(session.config, "cache", None):
            cache.set("agentos-mcp/tool-gaps", gaps)
        if gaps:
            session.config.stash[_GAPS] = gaps
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say last of all why a run without a failed test fails."""
    for gap in config.stash.get(_GAPS, ()):
        sys.stderr.write(f"FAILED: no test tried all of the tools: {gap}\n")


def _gaps() -> list[str]:
    return tool_coverage.gaps(tool.name for toolset in TOOLSETS for tool in toolset.tools)


def _is_whole(session: pytest.Session) -> bool:
    """Whether all tests were run: nothing was chosen, nothing was cut short."""
    config = session.config
    chosen = any(
        config.getoption(name, None) for name in ("keyword", "markexpr", "deselect", "lf", "collectonly", "one_era")
    )
    everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return everything and not chosen and not session.shouldstop and not session.shouldfail


_STARTED_BEFORE = pytest.StashKey[int]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[_STARTED_BEFORE] = process_use.started_count()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """A test that starts a process though its code does not show it fails: `make check` would run it."""
    yield
    started = process_use.started_since(item.stash[_STARTED_BEFORE])
    if started and item.get_closest_marker("process") is None:
        pytest.fail(f"It starts a process, which its code does not show: mark it with pytest.mark.process. {started}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Both eras for each test, and both stores; with --one-era, and in modules that say ONE_ERA, one era."""
    if "era" in metafunc.fixturenames:
        one_era = metafunc.config.getoption("one_era") or getattr(metafunc.module, "ONE_ERA", False)
        chosen = (_one_era(metafunc.function.__name__),) if one_era else ERAS
        metafunc.parametrize("era", chosen, indirect=True)
    if "store" in metafunc.fixturenames:
        metafunc.parametrize("store", STORES, indirect=True)


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest, agentoses: AgentOSPool, ledger: Path) -> Store:
    """Where the AgentOS of a test keeps its runs: a test that uses it runs on each.

    A module chooses by overriding a fixture: `def sample_agentos(store: Store) -> str: return store.sample_agentos`.
    """
    return Store(request.param, agentoses, ledger)


@pytest.fixture
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connect(era: str) -> Connect:
    """Connect an MCP client, in process and in each protocol era: `async with connect(url) as client`."""
    return connector(era)


@pytest.fixture
async def rest(sample_agentos: str) -> AsyncIterator[httpx.AsyncClient]:
    """The sample AgentOS's own REST API, to see what really happened."""
    async with httpx.AsyncClient(base_url=sample_agentos, timeout=30) as client:
        yield client
