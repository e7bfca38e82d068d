"""Programs that clients start in agentos-mcp's place, or with something before it."""

from __future__ import annotations

import sys
from pathlib import Path

SERVE = "from agentos_mcp.cli import main; sys.exit(main(['serve', *sys.argv[2:]]))"
"""The real server."""

_ANSWERING = """
import json
for line in sys.stdin:
    message = json.loads(line)
    if message.get("method") == "initialize":
        result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                  "serverInfo": {"name": NAME, "title": "AgentOS", "version": VERSION}, "instructions": INSTRUCTIONS}
    elif message.get("method") == "tools/list":
        result = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


def program(code: str) -> list[str]:
    """A command that runs this code, and passes for one that starts agentos-mcp."""
    return [sys.executable, "-c", f"import os, sys, time\n{code}", "agentos_mcp"]


def answering(
    *tools: str,
    name: str = "agentos-mcp",
    version: str = "1",
    instructions: str = "",
    before: str = "",
    after: str = "",
) -> list[str]:
    """A server that names its tools and knows no more."""
    known = f"TOOLS, NAME, VERSION, INSTRUCTIONS = {tools!r}, {name!r}, {version!r}, {instructions!r}"
    return program(f"{before}\n{known}\n{_ANSWERING}\n{after}")


def executable(place: Path, interpreter: str = sys.executable, code: str = "") -> Path:
    """A script that the system starts by itself."""
    place.write_text(f"#!{interpreter}\n{code}\n")
    place.chmod(0o755)
    return place
