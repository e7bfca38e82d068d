"""Entries as people have them in their clients' files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests._support.client_files import SAMPLES
from tests._support.machines import BY_KEY, Machine


def write(
    machine: Machine, key: str, command: list[str], *, name: str = "agentos", more: Mapping[str, Any] | None = None
) -> Path:
    """An entry that starts a command, and says `more`, in a file that holds other things too."""
    client = BY_KEY[key]
    text = machine.place(key).read_text() if machine.place(key).exists() else SAMPLES[key]
    first, *rest = command
    entry: Mapping[str, Any] = (
        {client.command: first, client.arguments: rest} if client.arguments else {client.command: command}
    )
    return machine.has(key, client.section.put(text, name, {**entry, **(more or {})}))
