"""An AgentOS with a past: runs on several days, by several people, for its figures."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS

from tests._support.agentos.sample import echo, model

VISITS = ((0, "anna"), (1, "anna"), (1, "bob"), (40, "anna"))
"""Who said three words how many days ago."""


def build(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="measured-db")
    speaker = Agent(id="echo", name="Echo", db=db, model=model(echo))
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for days, user in VISITS:
        speaker.run("three short words", session_id=f"{user}-{days}", user_id=user)
    with sqlite3.connect(db_file) as raw:
        for days, user in VISITS:
            moment = int((midnight - timedelta(days=days)).timestamp())
            raw.execute(
                f"UPDATE {db.session_table_name} SET created_at = ?, updated_at = ? WHERE session_id = ?",  # noqa: S608 - our own table
                (moment, moment, f"{user}-{days}"),
            )
    raw.close()
    return AgentOS(id="measured", db=db, agents=[speaker], telemetry=False)
