"""What a model has to read: the tokens of the tool lists, and the bytes and tokens of typical results of the demo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx
from mcp.client.client import Client
from mcp_types import CallToolResult, TextContent

from agentos_mcp.demo.host_process import demo_agentos
from benchmarks import peers
from benchmarks.connections import McpConnection, connect_all
from benchmarks.contenders import AGENTOS_MCP, OPENAPI, OWN_STDIO, REST
from benchmarks.harness import agentos_mcp_server, connect
from benchmarks.results import Comparison, Result
from scripts.surface.tokens import compact, count_tokens

ROUNDS = 1
SECTION = "What a model reads"
_WORKFLOW, _MESSAGE, _QUERY = "content-pipeline", "how to make a good cup of tea", "brewing green tea"
_RUN_TOOLS = {OWN_STDIO.key: "run_workflow", AGENTOS_MCP.key: "run_workflow", OPENAPI.key: "create_workflow_run"}
_FEWER_TOOLS = "it has fewer tools: none for memories, knowledge, traces, approvals, schedules or failed runs"
_LISTS_ALL = "it is one answer with agents, teams and workflows"
_BARE_ANSWER = "it has the answer and its ids alone: no steps, no failures, no facts about the run"

Calls = Mapping[str, tuple[str, Mapping[str, Any]]]


async def measure(rounds: int) -> list[Result]:
    """The same in every round, so there is one."""
    with demo_agentos(build="benchmarks.demo_with_mcp:build", pace=0.1, python=str(peers.agentos_python())) as url:
        lists: dict[str, str] = {}
        documents: dict[str, dict[str, tuple[str, str]]] = {}
        async with connect_all((OWN_STDIO, AGENTOS_MCP, OPENAPI), url) as connections:
            for key, connection in connections.items():
                assert isinstance(connection, McpConnection)
                lists[key] = await _tool_list(connection.client)
                for name, (tool, arguments) in _calls(key).items():
                    result = await connection.client.call_tool(tool, dict(arguments), read_timeout_seconds=120)
                    documents.setdefault(name, {})[key] = _whole(result), _as_read(result)
        async with connect(agentos_mcp_server(url, "--toolsets", "all"), is_quiet=True) as client:
            full = await _tool_list(client)
        async with httpx.AsyncClient(base_url=url, timeout=120) as http:
            for name, text in (await _over_rest(http)).items():
                documents[name][REST.key] = text, text
    return [*_list_rows(lists, full), *_result_rows(documents)]


def _calls(key: str) -> Calls:
    """The calls of a contender, by what they are for."""
    list_tool = {OWN_STDIO.key: "list_agents", AGENTOS_MCP.key: "get_agentos_config", OPENAPI.key: "get_agents"}[key]
    run: dict[str, Any] = {"workflow_id": _WORKFLOW, "message": _MESSAGE}
    if key == OPENAPI.key:
        run["stream"] = False
    calls: dict[str, tuple[str, Mapping[str, Any]]] = {
        "the agents": (list_tool, {}),
        "a workflow's result": (_RUN_TOOLS[key], run),
    }
    if key != AGENTOS_MCP.key:
        calls["a search in knowledge"] = ("search_knowledge", {"query": _QUERY})
    return calls


async def _over_rest(http: httpx.AsyncClient) -> dict[str, str]:
    run = {"message": _MESSAGE, "stream": "false"}
    return {
        "the agents": (await http.get("/agents")).text,
        "a workflow's result": (await http.post(f"/workflows/{_WORKFLOW}/runs", data=run)).text,
        "a search in knowledge": (await http.post("/knowledge/search", json={"query": _QUERY})).text,
    }


async def _tool_list(client: Client) -> str:
    tools = (await client.list_tools()).tools
    return "\n".join(
        compact({"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema})
        for tool in tools
    )


def _whole(result: CallToolResult) -> str:
    return compact(result.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"meta"}))


def _as_read(result: CallToolResult) -> str:
    """What a model gets: Claude Code and Codex give it the structured content alone, where there is one."""
    if result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return "\n".join(block.text for block in result.content if isinstance(block, TextContent))


def _list_rows(lists: Mapping[str, str], full: str) -> list[Result]:
    tokens = dict(zip([*lists, "full"], count_tokens([*lists.values(), full]), strict=True))
    full_tokens = {OWN_STDIO.key: [tokens["full"]]} | (
        {OPENAPI.key: [tokens[OPENAPI.key]]} if OPENAPI.key in lists else {}
    )
    return [
        Comparison(
            SECTION,
            "the tools, as they are by default",
            "tokens",
            {key: [tokens[key]] for key in lists},
            {AGENTOS_MCP.key: _FEWER_TOOLS},
            is_in_chart=True,
        ),
        Comparison(SECTION, "the tools, all that there are", "tokens", full_tokens),
    ]


def _result_rows(documents: Mapping[str, Mapping[str, tuple[str, str]]]) -> list[Result]:
    reasons = {
        "the agents": {AGENTOS_MCP.key: _LISTS_ALL},
        "a workflow's result": {AGENTOS_MCP.key: _BARE_ANSWER},
    }
    rows: list[Result] = []
    for name, by_contender in documents.items():
        tokens = count_tokens([read for _, read in by_contender.values()])
        size = {key: [len(whole.encode())] for key, (whole, _) in by_contender.items()}
        reason = reasons.get(name, {})
        rows += [
            Comparison(
                SECTION, name, "tokens", {key: [count] for key, count in zip(by_contender, tokens, strict=True)}, reason
            ),
            Comparison(SECTION, name, "bytes", size, reason),
        ]
    return rows
