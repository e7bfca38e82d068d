"""`agentos-mcp demo`: an MCP client connects, lists the components and runs the content pipeline, step by step."""

import contextlib
import signal
import socket
import threading

import anyio
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp_types import CallToolResult, TextContent

from agentos_mcp.demo.articles import EXAMPLE_TOPIC
from agentos_mcp.demo.host_process import DemoError, demo_agentos
from agentos_mcp.demo.progress_display import progress_display
from agentos_mcp.install.client_table import ALL, CLIENTS
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.launch_command import server_command
from agentos_mcp.terminal.error_output import print_error
from agentos_mcp.terminal.program_name import program_words

AGENTOS_PORT = 7777
"""AgentOS's default port; if it is free, a demo that is kept running is found without any setting."""
_KEPT_URL = f"http://localhost:{AGENTOS_PORT}"


def run_tour(topic: str = "", *, keep: bool = False, pace: float = 1.0) -> int:
    """Run the demo and print what happens, in plain lines where there is no terminal; the exit code."""
    try:
        with demo_agentos(pace=pace, port=_agentos_port() if keep else 0) as url:
            _print(f"An AgentOS is running at {url} (real agno, SQLite, a scripted model: no key, no network).")
            anyio.run(_tour, url, topic or EXAMPLE_TOPIC)
            _print(next_steps(url if keep else ""))
            if keep:
                _print(f"\nThe AgentOS keeps running at {url} until you press Ctrl-C.")
                _wait_for_interrupt()
    except DemoError as error:
        print_error(str(error), as_json=False)
        return 1
    return 0


async def _tour(url: str, topic: str) -> None:
    command, *arguments = server_command()
    parameters = StdioServerParameters(command=command, args=[*arguments, "serve", "--url", url])
    async with Client(stdio_client(parameters)) as client:
        version = client.server_info.version if client.server_info else ""
        _print(f"agentos-mcp {version} is connected to it over stdio (MCP {client.protocol_version}).\n")
        for tool in ("list_workflows", "list_agents", "list_teams"):
            _print(f"» {tool}()")
            _print(_text(await client.call_tool(tool, {})) + "\n")
        run_arguments = {"workflow_id": "my content pipeline", "message": topic}
        _print(f"» run_workflow({', '.join(f'{name}={value!r}' for name, value in run_arguments.items())})")
        with progress_display() as display:
            result = await client.call_tool("run_workflow", run_arguments, progress_callback=display)
            await display.wait_until_complete()
        _print("\n" + _text(result))
    if result.is_error:
        raise DemoError("The content pipeline failed; its error is above.")


def next_steps(url: str) -> str:
    """The lines that put an AgentOS into MCP clients; `url` is empty where the demo's ends now."""
    system = HostSystem.current()
    is_any_found = any(client.is_installed(system) for client in CLIENTS if not client.is_shared)
    clients = ALL if is_any_found else "claude-desktop"
    introduction = (
        "\nTo use this in the MCP clients on this machine (or your own AgentOS: by its address, with --token-file PATH "
        "where it requires a token):\n"
    )
    lines = [introduction]
    if not url:
        lines += [f"  {_command_line('demo', '--keep')}", "\nkeeps an AgentOS running; then, in another terminal:\n"]
    return "\n".join([*lines, f"  {_command_line('install', clients, '--url', url or _KEPT_URL)}"])


def _command_line(*words: str) -> str:
    return HostSystem.current().shell_line([*program_words(), *words])


def _agentos_port() -> int:
    """AgentOS's default port, or 0 (any free one) where it is in use."""
    with contextlib.closing(socket.socket()) as probe:
        try:
            probe.bind(("127.0.0.1", AGENTOS_PORT))
        except OSError:
            return 0
    return AGENTOS_PORT


def _wait_for_interrupt() -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(1.0):  # on Windows a wait without a timeout cannot be interrupted
        pass


def _text(result: CallToolResult) -> str:
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def _print(text: str) -> None:
    print(text, flush=True)
