# mypy: ignore-errors
"""`python python_client.py SETTINGS`, in an environment with the official Python client 1, which plays all parts.

SETTINGS and what it prints are as in typescript_client.mjs.
"""

import asyncio
import contextlib
import json
import re
import sys
import time
from datetime import timedelta
from typing import Any

from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

SETTINGS: dict[str, Any] = json.loads(sys.argv[1])
LIMIT = timedelta(seconds=SETTINGS["limitSeconds"])
asked: list[str] = []


async def answer(_: Any, params: Any) -> Any:
    asked.append(params.message)
    return types.ElicitResult(action="accept", content=dict.fromkeys(params.requestedSchema["properties"], True))


async def call(session: Any, tool: str, arguments: Any, limit: timedelta = LIMIT, **options: Any) -> dict[str, Any]:
    started = time.monotonic()
    result = await session.call_tool(tool, arguments, read_timeout_seconds=limit, **options)
    text = "\n".join(getattr(block, "text", "") for block in result.content)
    return {"text": text, "seconds": time.monotonic() - started}


def reference(text: str) -> str:
    found = re.search(r"^run: (\S+)$", text, re.MULTILINE)
    return found[1] if found else ""


async def lists(session: Any) -> dict[str, Any]:
    prompts, resources = await session.list_prompts(), await session.list_resources()
    counts = {"prompts": len(prompts.prompts), "resources": len(resources.resources)}
    return {**await call(session, "list_workflows", {}), **counts}


async def run(session: Any) -> dict[str, Any]:
    progress: list[float] = []

    async def told(value: float, total: float | None, message: str | None) -> None:
        progress.append(value)

    result = await call(session, *SETTINGS["calls"]["run"], progress_callback=told)
    return {**result, "progress": progress}


async def long_run(session: Any) -> dict[str, Any]:
    calls = [await call(session, *SETTINGS["calls"]["longRun"])]
    while "Still running" in calls[-1]["text"] and len(calls) < 12:
        calls.append(await call(session, "get_run", {"run": reference(calls[-1]["text"])}))
    return {"calls": calls}


async def question(session: Any) -> dict[str, Any]:
    result = await call(session, *SETTINGS["calls"]["question"])
    if not asked and (paused := reference(result["text"])):
        result = await call(session, "continue_run", {"run": paused, "answers": {"approve": True}})
    return {**result, "asked": asked}


async def cancel(session: Any) -> dict[str, Any]:
    begun = asyncio.Event()

    async def told(value: float, total: float | None, message: str | None) -> None:
        begun.set()

    long_limit = timedelta(seconds=30)
    calling = asyncio.create_task(call(session, *SETTINGS["calls"]["cancel"], limit=long_limit, progress_callback=told))
    await asyncio.wait_for(begun.wait(), 20)
    calling.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await calling
    return {"isAborted": True}


async def attempt(part: Any) -> Any:
    try:
        return await part
    except Exception as error:
        return {"error": repr(error)}


async def main() -> None:
    async with contextlib.AsyncExitStack() as stack:
        if SETTINGS.get("url"):
            streams = await stack.enter_async_context(streamable_http_client(SETTINGS["url"]))
        else:
            first, *rest = SETTINGS["command"]
            parameters = StdioServerParameters(command=first, args=rest, env=SETTINGS["environment"])
            streams = await stack.enter_async_context(stdio_client(parameters))
        session = await stack.enter_async_context(ClientSession(streams[0], streams[1], elicitation_callback=answer))
        initialized = await session.initialize()
        tools = [tool.name for tool in (await session.list_tools()).tools]
        parts = {
            "list": await attempt(lists(session)),
            "run": await attempt(run(session)),
            "longRun": await attempt(long_run(session)),
            "question": await attempt(question(session)),
            "cancel": await attempt(cancel(session)),
        }
        print(json.dumps({"protocol": initialized.protocolVersion, "tools": tools, "parts": parts}), flush=True)
        await asyncio.sleep(1.5)  # what was cancelled has to be heard before the connection goes


asyncio.run(main())
