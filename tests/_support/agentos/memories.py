"""An AgentOS with memories and sessions in two databases, and with a script where OpenAI's models would be."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import ModuleType

from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.os import AgentOS

from agentos_mcp.demo.scripted_model import ModelOutput, ProviderFailure, Script, ScriptedModel, Turn
from tests._support.agentos.sample import echo, model


def fold(turn: Turn) -> Iterable[ModelOutput]:
    """Folds memories to a few words; at length, or not at all, where one of them says so."""
    if "unfoldable" in turn.user_message:
        yield ProviderFailure("the provider is out of tokens")
    yield "Likes many drinks." + " So it is said, over and over again." * (40 if "wordy" in turn.user_message else 0)


@dataclass
class OpenAIChat(ScriptedModel):
    """Takes the place of agno's model of this name, whose library is not installed."""

    id: str = "gpt-4o"
    script: Script = field(default=fold)


def build(db_file: str) -> AgentOS:
    openai = ModuleType("agno.models.openai")
    openai.OpenAIChat = OpenAIChat  # type: ignore[attr-defined]  # a script stands in for a provider
    sys.modules["agno.models.openai"] = openai
    first = SqliteDb(db_file=db_file, id="first-db")
    second = SqliteDb(db_file=f"{db_file}-second", id="second-db")
    return AgentOS(
        id="remembering",
        agents=[
            Agent(id="one", name="One", db=first, model=model(echo), update_memory_on_run=True),
            Agent(id="two", name="Two", db=second, model=model(echo), update_memory_on_run=True),
        ],
        telemetry=False,
    )
