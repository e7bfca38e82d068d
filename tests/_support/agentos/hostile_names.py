"""An AgentOS whose ids are what a shell must not evaluate."""

from __future__ import annotations

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS

from tests._support.agentos.sample import echo, model

HOSTILE_IDS = (
    "$(touch pwned)",
    "`touch pwned`",
    "a;touch pwned",
    "it's",
    'say "hi"',
    "two words",
    "line\ntouch pwned",
    "-flag",
    "*",
    "~root",
    "tab\there",
    "back\\slash",
    "\x1b[31mred",
    "a:b",
    "über",
)
"""Each would mean something to a shell, or split into several words."""


def build(db_file: str) -> AgentOS:
    db = SqliteDb(db_file=db_file, id="hostile-db")
    return AgentOS(
        id="hostile",
        db=db,
        agents=[
            Agent(id=agent_id, name="Agent", db=db, model=model(echo)) for agent_id in ("plain-agent", *HOSTILE_IDS)
        ],
    )
