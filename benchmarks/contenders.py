"""What is compared: agentos-mcp, the other ways to reach an AgentOS over MCP, and the limits that none can pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from agentos_mcp.agentos.runs.run import Kind

Role = Literal["own", "peer", "limit"]
Transport = Literal["stdio", "HTTP", ""]


@dataclass(frozen=True)
class Contender:
    """One column of the tables. A `limit` is what no server in between can be faster than."""

    key: str
    title: str
    role: Role
    transport: Transport
    list_tool: str = ""
    """The tool that lists agents."""
    run_tools: Mapping[Kind, str] = field(default_factory=dict)
    run_arguments: Mapping[str, object] = field(default_factory=dict)
    """What it has to be told so that it waits for the run's end."""
    tells_words: bool = False
    """Whether its progress has the words of a run while they come."""


_OWN_RUNS: Mapping[Kind, str] = {"agent": "run_agent", "workflow": "run_workflow"}
_LIST, _CONFIG = "list_agents", "get_agentos_config"
_PATIENT: Mapping[str, object] = {"wait": 280}

OWN_STDIO = Contender("own_stdio", "agentos-mcp, stdio", "own", "stdio", _LIST, _OWN_RUNS, _PATIENT, tells_words=True)
OWN_HTTP = Contender("own_http", "agentos-mcp, HTTP", "own", "HTTP", _LIST, _OWN_RUNS, _PATIENT, tells_words=True)
AGENTOS_MCP = Contender("agentos_mcp", "AgentOS's /mcp", "peer", "HTTP", _CONFIG, _OWN_RUNS)
MCP_REMOTE = Contender("mcp_remote", "/mcp by mcp-remote", "peer", "stdio", _CONFIG, _OWN_RUNS)
MCP_PROXY = Contender("mcp_proxy", "/mcp by mcp-proxy", "peer", "stdio", _CONFIG, _OWN_RUNS)
OPENAPI = Contender(
    "openapi",
    "FastMCP.from_openapi",
    "peer",
    "stdio",
    "get_agents",
    {"agent": "create_agent_run", "workflow": "create_workflow_run"},
    {"stream": False},
)
REST = Contender("rest", "straight REST", "limit", "")
BARE = Contender("bare", "bare SDK server", "limit", "stdio")

CONTENDERS: Mapping[str, Contender] = {
    contender.key: contender
    for contender in (OWN_STDIO, OWN_HTTP, AGENTOS_MCP, MCP_REMOTE, MCP_PROXY, OPENAPI, REST, BARE)
}
