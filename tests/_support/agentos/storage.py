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


GRACE_VARIABLE = "LIVE_QUEUE_GRACE"
"""Seconds after which a queue takes up what a process that died was at."""


def storage(db_file: str, id: str) -> tuple[BaseDb, QueueConfig | None]:
    """The database, and the queue if there is one. agno's durable queue keeps no tickets in SQLite."""
    wanted = os.environ.get(QUEUE_VARIABLE, "")
    if not wanted:
        return SqliteDb(db_file=db_file, id=id), None
    kept = wanted != IN_MEMORY
    queue = QueueConfig(
        durable=True,
        db=None if kept else InMemoryQueueStore(),
        max_concurrency=8,
        lock_grace_seconds=int(os.environ.get(GRACE_VARIABLE, "60")),
    )
    return PostgresDb(db_url=wanted, id=id) if kept else SqliteDb(db_file=db_file, id=id), queue
