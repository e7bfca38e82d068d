"""All that a client is told of a server before it calls anything: what directories and scanners look at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcp.client.client import Client
from mcp_types import Implementation, Prompt, Resource, ResourceTemplate, Tool

from agentos_mcp.server.build import build_server
from agentos_mcp.settings import Settings

_INTRODUCTION_SECONDS = 10.0


@dataclass(frozen=True)
class ServerListing:
    """A server's tools, prompts, resources and words about itself."""

    tools: tuple[Tool, ...]
    prompts: tuple[Prompt, ...] = ()
    resources: tuple[Resource, ...] = ()
    templates: tuple[ResourceTemplate, ...] = ()
    instructions: str = ""
    server: Implementation | None = None

    def texts(self) -> Iterator[tuple[str, str]]:
        """Each entity's name and everything that is said of it: words as they are, schemas as JSON."""
        for tool in self.tools:
            yield f"tool {tool.name}", "\n".join((tool.title or "", tool.description or "", _json(tool.input_schema)))
        for prompt in self.prompts:
            arguments = [f"{each.name}: {each.description or ''}" for each in prompt.arguments or ()]
            yield f"prompt {prompt.name}", "\n".join((prompt.title or "", prompt.description or "", *arguments))
        for resource in self.resources:
            yield f"resource {resource.uri}", "\n".join((resource.title or "", resource.description or ""))
        for template in self.templates:
            yield f"template {template.uri_template}", "\n".join((template.title or "", template.description or ""))
        yield "instructions", self.instructions


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


async def list_server(url: str, **settings: Any) -> ServerListing:
    """What clients are told of our server with these settings, in front of the AgentOS at a URL."""
    server = build_server(Settings(url=url, **settings), introduction_seconds=_INTRODUCTION_SECONDS)
    async with Client(server) as client:
        return await _read(client)


async def _read(client: Client) -> ServerListing:
    """What a connected client is told: all pages of all lists."""
    tools: list[Tool] = []
    prompts: list[Prompt] = []
    resources: list[Resource] = []
    templates: list[ResourceTemplate] = []
    cursor: str | None = None
    while True:
        tool_page = await client.list_tools(cursor=cursor)
        tools += tool_page.tools
        if (cursor := tool_page.next_cursor) is None:
            break
    while True:
        prompt_page = await client.list_prompts(cursor=cursor)
        prompts += prompt_page.prompts
        if (cursor := prompt_page.next_cursor) is None:
            break
    while True:
        resource_page = await client.list_resources(cursor=cursor)
        resources += resource_page.resources
        if (cursor := resource_page.next_cursor) is None:
            break
    while True:
        template_page = await client.list_resource_templates(cursor=cursor)
        templates += template_page.resource_templates
        if (cursor := template_page.next_cursor) is None:
            break
    return ServerListing(
        tuple(tools), tuple(prompts), tuple(resources), tuple(templates), client.instructions or "", client.server_info
    )
