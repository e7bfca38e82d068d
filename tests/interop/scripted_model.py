"""A model endpoint on loopback that plays a script of tool calls, whichever of four dialects a client speaks."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.interop.model_dialects import DIALECTS, Dialect, OfferedCall, OfferedTool, ToolCall, script_call_id

Script = Callable[[Sequence[str]], ToolCall | str]
"""From the results of the calls made so far to the next call, or to the last words."""
MAX_CALLS = 12
"""Of one conversation: a script that never ends would keep its client for ever."""
_TOOL_SEARCH = "ToolSearch"
"""Claude Code's tool that loads the descriptions of others."""
_SEARCH_ID = "search_"
_STARTING_SEARCHES = 5
"""Searches beyond one a call: the server may not be up when the first ones are made."""


@dataclass
class ScriptedModel:
    """A running endpoint, and what it saw of one conversation."""

    url: str
    offered: set[str] = field(default_factory=set)
    """Names of all tools that requests offered."""
    results: list[str] = field(default_factory=list)
    """What the client's calls brought, in order."""
    is_finished: threading.Event = field(default_factory=threading.Event)
    """Set once the last words were said."""
    problems: list[str] = field(default_factory=list)
    requests: list[Any] = field(default_factory=list)


def find_offered(wanted: str, offered: Sequence[OfferedTool]) -> OfferedTool | None:
    """The offered tool that is this one of our server: clients put the server's name before it."""
    exact = [tool for tool in offered if tool.name == wanted]
    return next(iter(exact), None) or next(
        (tool for tool in offered if tool.name.endswith(f"_{wanted}") and "agentos" in tool.name), None
    )


def _next(model: ScriptedModel, script: Script, dialect: Dialect, body: dict[str, Any]) -> OfferedCall | str:
    offered = dialect.offered(body)
    model.offered |= {tool.name for tool in offered}
    names = [tool.name for tool in offered]
    has_ours = any("agentos" in f"{tool.namespace}{tool.name}" for tool in offered) or _TOOL_SEARCH in names
    if not has_ours:
        return "scripted"  # a request beside the conversation, for a title or a summary
    by_number = dialect.results(body)
    results = [by_number[number] for number in sorted(by_number)]
    if len(results) >= len(model.results):
        model.results[:] = results
    wanted = script(results) if len(results) < MAX_CALLS else "The script is too long."
    if isinstance(wanted, str):
        model.is_finished.set()
        return wanted
    if tool := find_offered(wanted.tool, offered):
        return OfferedCall(tool, wanted.arguments, script_call_id(len(results)))
    searches = json.dumps(body["messages"]).count(f'"id": "{_SEARCH_ID}')
    if _TOOL_SEARCH in names and searches <= len(results) + _STARTING_SEARCHES:
        query = {"query": f"select:mcp__agentos__{wanted.tool}"}
        return OfferedCall(OfferedTool(_TOOL_SEARCH), query, f"{_SEARCH_ID}{searches}")
    model.problems.append(f"{wanted.tool} was not offered among {len(names)} tools: {', '.join(names)[:400]}")
    model.is_finished.set()
    return f"There is no tool {wanted.tool}."


@contextmanager
def scripted_model(script: Script) -> Iterator[ScriptedModel]:
    """Serves until the context is left."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            path = urlsplit(self.path).path
            model.requests.append((path, body))
            dialect = next((dialect for dialect in DIALECTS if dialect.path.search(path)), None)
            if path.endswith("/count_tokens"):
                self._send(json.dumps({"input_tokens": 1}), "application/json")
            elif path.endswith(":countTokens"):
                self._send(json.dumps({"totalTokens": 1}), "application/json")
            elif dialect is None:
                self._send("{}", "application/json", 404)
            else:
                try:
                    what = _next(model, script, dialect, body)
                    answer = dialect.answer(body, what)
                except Exception as error:  # a client's request that the dialect does not know
                    model.problems.append(f"{path}: {error!r}")
                    model.is_finished.set()
                    self._send("{}", "application/json", 500)
                    return
                streamed = answer.startswith(("data:", "event:"))
                self._send(answer, dialect.content_type if streamed else "application/json")

        def do_GET(self) -> None:
            self._send('{"data": [], "models": []}', "application/json")

        def _send(self, body: str, content_type: str, status: int = 200) -> None:
            data = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    model = ScriptedModel(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
