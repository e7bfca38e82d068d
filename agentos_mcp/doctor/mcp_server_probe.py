"""What is at the URL of an MCP server over HTTP: whether anything answers, takes the token, and can use its AgentOS."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import anyio

from agentos_mcp import __version__
from agentos_mcp.agentos.client import AgentOS
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, Unauthorized, Unreachable
from agentos_mcp.agentos.json_values import mapping
from agentos_mcp.doctor.address_checks import LIMITS, TIMEOUT_SECONDS
from agentos_mcp.install.server_probe import AGENTOS_META_KEY, ReportedAgentOS, read_reported_agentoses
from agentos_mcp.settings import Token

_PROTOCOL = "2026-07-28"
_DISCOVER = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "server/discover",
    "params": {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": _PROTOCOL,
            "io.modelcontextprotocol/clientInfo": {"name": "agentos-mcp-doctor", "version": __version__},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    },
}
_DISCOVER_HEADERS = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": _PROTOCOL,
    "Mcp-Method": "server/discover",
}


@dataclass(frozen=True)
class MCPServerProbe:
    """What an MCP server over HTTP answers to a token, or to there being none."""

    refuses_token: bool = False
    agentoses: tuple[ReportedAgentOS, ...] = ()
    """The AgentOS behind it, or each of several; empty where it does not say."""


async def has_listener(url: str) -> bool:
    """Whether anything answers at a URL, whatever the answer is."""
    parts = urlsplit(url)
    with anyio.move_on_after(TIMEOUT_SECONDS):
        try:
            async with AgentOS(f"{parts.scheme}://{parts.netloc}", limits=LIMITS) as server:
                await server.get("/health", retry=False)
        except Unreachable as error:
            return error.was_sent
        except AgentOSError:
            return True
        except Exception:  # what httpx2 raises for a URL or a proxy that it cannot use
            return False
    return True


async def probe_mcp_server(url: str, token: str) -> MCPServerProbe:
    """Ask an MCP server over HTTP what it is; nothing is known of one that gives no answer to judge by."""
    parts = urlsplit(url)
    path = parts.path.replace("{", "%7B").replace("}", "%7D") or "/"
    with anyio.move_on_after(TIMEOUT_SECONDS):
        try:
            async with AgentOS(f"{parts.scheme}://{parts.netloc}", token=Token(token), limits=LIMITS) as server:
                answer = await server.request("POST", path, json=_DISCOVER, headers=_DISCOVER_HEADERS, attempts=1)
        except (Unauthorized, Forbidden):
            return MCPServerProbe(refuses_token=True)
        except Exception:  # no answer to judge a token by, for whatever reason
            return MCPServerProbe()
        meta = mapping(mapping(mapping(answer).get("result")).get("_meta"))
        return MCPServerProbe(agentoses=read_reported_agentoses(meta.get(AGENTOS_META_KEY)))
    return MCPServerProbe()
