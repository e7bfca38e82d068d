"""Where a live AgentOS keeps its runs, and its durable queue where the variable QUEUE_VARIABLE wants one."""

from __future__ import annotations

import os

from agno.db.base import BaseDb
from agno.db.postgres import PostgresDb
from agno.db.sqlite import SqliteDb
from agno.job_queue import QueueConfig
from agno.job_queue.store import InMemoryQueueStore

QUEUE_VARIABLE = "LIVE_QUEUE"
"""The URL of a PostgreSQL database; or IN_MEMORY: runs in SQLite, and tickets that a restart forgets."""
IN_MEMORY = "memory"


def storage(db_file: str, id: str, **config: int) -> tuple[BaseDb, QueueConfig | None]:
    """The database, and the queue if there is one. agno's durable queue keeps no tickets in SQLite."""
    wanted = os.environ.get(QUEUE_VARIABLE, "")
    settings: dict[str, int] = {"max_concurrency": 8} | config
    if not wanted:
        return SqliteDb(db_file=db_file, id=id), None
    if wanted == IN_MEMORY:
        return SqliteDb(db_file=db_file, id=id), QueueConfig(durable=True, db=InMemoryQueueStore(), **settings)
    return PostgresDb(db_url=wanted, id=id), QueueConfig(durable=True, **settings)
