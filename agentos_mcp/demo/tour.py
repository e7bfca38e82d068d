"""`agentos-mcp demo`: the whole way from an MCP client to a running pipeline, shown in the terminal."""

import contextlib
import json
import signal
import socket
import sys
import threading

import anyio
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent

from agentos_mcp.demo.host_process import DemoError, demo_agentos
from agentos_mcp.demo.progress_display import progress_display
from agentos_mcp.install.launch_command import server_command

TOPIC = "how to make a good cup of tea"
USUAL_PORT = 7777
"""AgentOS's own default; where it is free, a kept demo is found without any setting."""


def show(topic: str = "", *, keep: bool = False, pace: float = 1.0) -> int:
    """Run the demo; the exit code. Plain lines where there is no terminal."""
    try:
        with demo_agentos(pace=pace, port=_usual_port() if keep else 0) as url:
            _say(f"An AgentOS is running at {url} (real agno, SQLite, a scripted model: no key, no network).")
            anyio.run(_tour, url, topic or TOPIC)
            _say(_registration(url if keep else ""))
            if keep:
                _say(f"\nThe AgentOS stays at {url} until you press Ctrl-C.")
                _wait_for_interrupt()
    except DemoError as error:
        print(f"agentos-mcp: {error}", file=sys.stderr)
        return 1
    return 0


async def _tour(url: str, topic: str) -> None:
    command, *arguments = server_command()
    parameters = StdioServerParameters(command=command, args=[*arguments, "serve", "--url", url])
    async with Client(stdio_client(parameters)) as client:
        version = client.server_info.version if client.server_info else ""
        _say(f"agentos-mcp {version} is connected to it over stdio (MCP {client.protocol_version}).\n")
        for tool in ("list_workflows", "list_agents", "list_teams"):
            _say(f"» {tool}()")
            _say(_text(await client.call_tool(tool, {})) + "\n")
        arguments_shown = {"workflow_id": "my content pipeline", "message": topic}
        _say(f"» run_workflow({', '.join(f'{name}={value!r}' for name, value in arguments_shown.items())})")
        with progress_display() as display:
            result = await client.call_tool("run_workflow", arguments_shown, progress_callback=display)
        _say("\n" + _text(result))
    if result.is_error:
        raise DemoError("The content pipeline failed; its own words are above.")


def _registration(url: str) -> str:
    """The words that end the demo: what a client's configuration needs."""
    command, *arguments = server_command()
    target = ["--url", url] if url else ["--demo"]
    entry = {"mcpServers": {"agentos": {"command": command, "args": [*arguments, "serve", *target]}}}
    return (
        "\nTo have this in Claude Desktop, Cursor or another MCP client, add to its configuration:\n\n"
        f"{json.dumps(entry, indent=2, ensure_ascii=False)}\n\n"
        f'For your own AgentOS put its address there: "args": {json.dumps([*arguments, "serve", "--url"])[:-1]}, '
        f'"http://localhost:{USUAL_PORT}"], and its token, if it wants one, as "env": {{"AGENTOS_TOKEN": "..."}}.'
    )


def _usual_port() -> int:
    """AgentOS's usual port, or 0 for a free one where something has it already."""
    with contextlib.closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", USUAL_PORT))
        except OSError:
            return 0
    return USUAL_PORT


def _wait_for_interrupt() -> None:
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    while not over.wait(1.0):  # in slices: on Windows a wait without an end cannot be interrupted
        pass


def _text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def _say(words: str) -> None:
    print(words, flush=True)
