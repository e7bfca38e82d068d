"""The commands. What a command needs is imported when it runs: `serve` has to start fast."""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace

from agentos_mcp import __version__
from agentos_mcp.settings import OPTIONS, Settings, SettingsError, load

DEFAULT_PORT = 7800
_COMMANDS = ("serve", "demo")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code (2 for a setting or an argument that cannot be used)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or (given[0] not in _COMMANDS and given[0] not in {"-h", "--help", "--version"}):
        given.insert(0, "serve")
    options = _parser().parse_args(given)
    try:
        if options.command == "demo":
            return _demo(options)
        return _serve(options)
    except SettingsError as error:
        print(f"agentos-mcp: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agentos-mcp",
        description="Run the agents, teams and workflows of any AgentOS from an MCP client.",
    )
    parser.add_argument("--version", action="version", version=f"agentos-mcp {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    serve = commands.add_parser(
        "serve", help="serve MCP (the default command)", description="Serve MCP over stdio or HTTP."
    )
    for option in OPTIONS:
        description = f"{option.description} [{', '.join(option.variables)}]"
        if option.switch:
            serve.add_argument(option.flag, dest=option.name, action="store_true", default=None, help=description)
        else:
            serve.add_argument(option.flag, dest=option.name, metavar=option.metavar, help=description)
    serve.add_argument("--http", action="store_true", help="serve streamable HTTP at /mcp instead of stdio")
    serve.add_argument("--host", default="127.0.0.1", help="loopback address for --http (default: 127.0.0.1)")
    serve.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help=f"port for --http, 0 for a free one (default: {DEFAULT_PORT})",
    )
    serve.add_argument("--demo", action="store_true", help="serve the embedded demo AgentOS")

    demo = commands.add_parser(
        "demo",
        help="start a demo AgentOS and run its content pipeline through MCP",
        description="Start an AgentOS that needs no key, run its content pipeline, show how to register the server.",
    )
    demo.add_argument("topic", nargs="?", default="", help="what the pipeline should write about")
    demo.add_argument("--keep", action="store_true", help="leave the AgentOS running to try things out")
    demo.add_argument("--pace", type=float, default=1.0, help="multiplies its pauses; 0 for none (default: 1)")
    return parser


def _serve(options: argparse.Namespace) -> int:
    # Nothing made while starting is ever garbage: not looking for any saves a tenth of the time.
    gc.disable()
    settings = load({option.name: getattr(options, option.name) for option in OPTIONS})
    logging.basicConfig(
        stream=sys.stderr, level=settings.log_level.upper(), format="%(levelname)s %(name)s: %(message)s"
    )
    with contextlib.ExitStack() as stack:
        if options.demo:
            from agentos_mcp.demo.host import DemoError, demo_agentos

            try:
                settings = replace(settings, url=stack.enter_context(demo_agentos()))
            except DemoError as error:
                raise SettingsError(str(error)) from None
        return _serve_over(options, settings)


def _serve_over(options: argparse.Namespace, settings: Settings) -> int:
    import anyio

    from agentos_mcp.server.build import build_server

    server = build_server(settings)
    gc.freeze()
    gc.enable()
    if options.http:
        from agentos_mcp.server.http import address, open_socket, serve_http

        listener = open_socket(options.host, options.port)
        print(f"Serving MCP at {address(listener)}", file=sys.stderr, flush=True)
        anyio.run(serve_http, server, listener)
        return 0

    from agentos_mcp.server.stdio import serve_stdio

    return anyio.run(serve_stdio, server)


def _demo(options: argparse.Namespace) -> int:
    from agentos_mcp.demo.show import show

    return show(options.topic, keep=options.keep, pace=options.pace)
