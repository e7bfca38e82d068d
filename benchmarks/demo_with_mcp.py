"""The demo's AgentOS with its own /mcp: something to list, to run and to search."""

from agno.os import AgentOS

from agentos_mcp.demo.components import build_agent_os


def build(db_file: str) -> AgentOS:
    agent_os = build_agent_os(db_file)
    agent_os.mcp = True
    return agent_os
