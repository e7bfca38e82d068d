"""Programs that clients start instead of agentos-mcp, or that print something before it."""

from __future__ import annotations

import atexit
import functools
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agentos_mcp.install.server_probe import AGENTOS_META_KEY
from agentos_mcp.terminal.program_name import PROGRAM

SERVE = "from agentos_mcp.cli import main; sys.exit(main(['serve', *sys.argv[2:]]))"
"""The real server."""

_MCP_SERVER = """
import json
for line in sys.stdin:
    message = json.loads(line)
    if message.get("method") == "initialize":
        result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                  "serverInfo": {"name": NAME, "title": "AgentOS", "version": VERSION}, "_meta": META}
    elif message.get("method") == "tools/list":
        result = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in TOOLS]}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}), flush=True)
"""


def program(code: str) -> list[str]:
    """A command that runs this code, and looks like one that starts agentos-mcp; its own arguments begin at 2."""
    code = f"import os, sys, time\n{code}"
    script = _folder() / hashlib.sha256(code.encode()).hexdigest()[:16] / PROGRAM
    script.parent.mkdir(exist_ok=True)
    script.write_text(code, encoding="utf-8")
    return [sys.executable, str(script), "agentos_mcp"]


@functools.cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="programs-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def mcp_server(
    *tools: str,
    name: str = "agentos-mcp",
    version: str = "1",
    agentos: Mapping[str, Any] | None = None,
    before: str = "",
    after: str = "",
) -> list[str]:
    """A server that only lists its tools; `agentos` is the state that it reports of its AgentOS."""
    meta = {AGENTOS_META_KEY: agentos} if agentos else {}
    constants = f"TOOLS, NAME, VERSION, META = {tools!r}, {name!r}, {version!r}, {meta!r}"
    return program(f"{before}\n{constants}\n{_MCP_SERVER}\n{after}")


def executable(path: Path, interpreter: str = sys.executable, code: str = "") -> Path:
    """An executable script with this interpreter."""
    path.write_text(f"#!{interpreter}\n{code}\n")
    path.chmod(0o755)
    return path
