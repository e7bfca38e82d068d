"""Starts what a client would start, the way a desktop client does, and asks it what there is."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.install.client_entry import Start
from agentos_mcp.install.host_system import System

SECONDS = 8.0
"""For one start with all its questions; ending it may take two more."""
_COUNTED = (("list_agents", "agent"), ("list_teams", "team"), ("list_workflows", "workflow"))
_STRUCTURED = {"AGENTOS_MCP_STRUCTURED_OUTPUT": "true"}
"""Results as data, so that counting does not depend on how they are worded."""
_ANYWHERE = Path.cwd().anchor
"""Desktop clients start their servers in no folder of a person's."""
_UNUSABLE = "AgentOS cannot be used at the moment: "


@dataclass(frozen=True)
class Verdict:
    """Whether it works; what there is, or what is wrong with the next move."""

    works: bool
    words: str


def try_out(starts: Iterable[Start], system: System, seconds: float = SECONDS) -> dict[tuple[object, ...], Verdict]:
    """The verdict on each, by its key. Equal ones are started once, different ones at the same time."""
    return anyio.run(_try_all, {start.key: start for start in starts}, system, seconds)


async def _try_all(
    starts: Mapping[tuple[object, ...], Start], system: System, seconds: float
) -> dict[tuple[object, ...], Verdict]:
    verdicts = await gather(partial(_verdict, start, system, seconds) for start in starts.values())
    return dict(zip(starts, verdicts, strict=True))


async def _verdict(start: Start, system: System, seconds: float) -> Verdict:
    if start.missing:
        names = " and ".join(start.missing)
        return Verdict(False, f"{names} is not set here, so it could not be tried. Set it where the client is started.")
    problem = f"it did not answer within {seconds:g} s"
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        with anyio.move_on_after(seconds):
            try:
                return await _ask(start, system, said)
            except FileNotFoundError:
                return Verdict(False, f"{start.command} cannot be started: there is no such program. Install again.")
            except Exception:  # whatever the SDK raises for a process that ends, or speaks no MCP
                problem = "it does not start as an MCP server"
        said.seek(0)
        last = [line.strip() for line in said.read().splitlines() if line.strip()][-1:]
    if last:
        return Verdict(False, f"{problem}. It says: {last[0].removeprefix('agentos-mcp: ')[:400]}")
    return Verdict(False, f"{problem}. Run it in a terminal to see why: {' '.join([start.command, *start.arguments])}")


async def _ask(start: Start, system: System, said: Any) -> Verdict:
    environment = {"PATH": system.minimal_path, **start.environment, **_STRUCTURED}
    parameters = StdioServerParameters(
        command=start.command, args=list(start.arguments), env=environment, cwd=_ANYWHERE
    )
    async with Client(stdio_client(parameters, errlog=said)) as client:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        found = [_amount(len(tools), "tool")]
        if _UNUSABLE in (instructions := client.instructions or ""):
            return Verdict(False, instructions.rpartition(_UNUSABLE)[2].strip())
        for tool, noun in _COUNTED:
            if tool not in tools:
                continue
            result = await client.call_tool(tool, {})
            if result.is_error:
                return Verdict(False, _words(result.content))
            number = len((result.structured_content or {}).get("items", ()))
            if number or noun != "team":
                found.append(_amount(number, noun))
    return Verdict(True, ", ".join(found))


def _amount(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _words(content: Sequence[Any]) -> str:
    return " ".join(str(getattr(block, "text", "")) for block in content).strip()
