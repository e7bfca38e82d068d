"""`python -m tests._support.conformance_fixtures URL`: our server plus the fixtures that the conformance suite calls.

They are declared, served and run in the same way as the server's own tools, so the suite drives our
transports, our middleware and our tool wrapper. Where a tool of ours gives what a scenario looks for (text,
progress, an error), the fixture is that tool under another name.
"""

from __future__ import annotations

import base64
import json
import logging
import sys
from typing import Annotated, Any
from unittest.mock import patch

import anyio
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.shared.exceptions import MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    AudioContent,
    CallToolResult,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    EmbeddedResource,
    ImageContent,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel, Field

from agentos_mcp.server.build import build_server
from agentos_mcp.server.http.app import address, open_socket, serve_http
from agentos_mcp.server.mcp_server import AgentOSServer
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.context import Backend, ToolContext
from agentos_mcp.tooling.tool_spec import Toolset, read
from agentos_mcp.tools import TOOLSET_MODULES, ToolsetModule
from agentos_mcp.tools.catalog import get_component, list_agents
from agentos_mcp.tools.runs import run_workflow

TextOrQuestion = Any
"""str | InputRequiredResult"""

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
SILENCE = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="
IMAGE = ImageContent(type="image", data=PIXEL, mime_type="image/png")


def embedded(uri: str, words: str, mime_type: str = "text/plain") -> EmbeddedResource:
    resource = TextResourceContents(uri=uri, mime_type=mime_type, text=words)
    return EmbeddedResource(type="resource", resource=resource)


# Tools that are ours


async def test_simple_text(ctx: ToolContext) -> str:
    """Lists the agents."""
    return (await list_agents(ctx)).text(1000)


async def test_tool_with_progress(ctx: ToolContext) -> CallToolResult | InputRequiredResult:
    """Runs a workflow of three steps."""
    return await run_workflow(ctx, "content-pipeline", "Conformance")


async def test_error_handling(ctx: ToolContext) -> str:
    """Asks AgentOS for what it does not have."""
    return (await get_component(ctx, "there-is-no-such-agent")).words


# Contents


async def test_image_content(ctx: ToolContext) -> CallToolResult:
    """An image."""
    return CallToolResult(content=[IMAGE])


async def test_audio_content(ctx: ToolContext) -> CallToolResult:
    """A sound."""
    return CallToolResult(content=[AudioContent(type="audio", data=SILENCE, mime_type="audio/wav")])


async def test_embedded_resource(ctx: ToolContext) -> CallToolResult:
    """An embedded resource."""
    return CallToolResult(content=[embedded("test://embedded-resource", "Embedded.")])


async def test_multiple_content_types(ctx: ToolContext) -> CallToolResult:
    """Text, an image and an embedded resource."""
    data = embedded("test://mixed-content-resource", '{"test": "data", "value": 123}', "application/json")
    return CallToolResult(content=[TextContent(type="text", text="All sorts:"), IMAGE, data])


async def json_schema_2020_12_tool(ctx: ToolContext) -> str:
    """Has the schema below."""
    return "done"


SCHEMA_2020_12: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {
        "address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }
    },
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}


async def test_x_mcp_header(
    ctx: ToolContext, region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})] = "none"
) -> str:
    """Has an argument that clients repeat in a header."""
    return f"region={region}"


# Notifications


async def test_tool_with_logging(ctx: ToolContext) -> str:
    """Logs to the client."""
    for words in ("started", "working", "ended"):
        await ctx.mcp.info(words)
        await anyio.sleep(0.02)
    return "logged"


async def test_logging_tool(ctx: ToolContext) -> str:
    """Logs to the client."""
    return await test_tool_with_logging(ctx)


async def test_reconnection(ctx: ToolContext) -> str:
    """Closes the stream of its own call."""
    await ctx.mcp.close_sse_stream()
    await anyio.sleep(0.2)
    return "The client came back."


async def test_trigger_tool_change(ctx: ToolContext) -> str:
    """Says that the tools changed."""
    await ctx.mcp.notify_tools_changed()
    return "told"


async def test_trigger_prompt_change(ctx: ToolContext) -> str:
    """Says that the prompts changed."""
    await ctx.mcp.notify_prompts_changed()
    return "told"


# Questions to a client of the legacy era


class Reply(BaseModel):
    response: str = Field(description="What the user says")


class Defaults(BaseModel):
    name: str = Field(default="John Doe")
    age: int = Field(default=30)
    score: float = Field(default=95.5)
    status: str = Field(default="active", json_schema_extra={"enum": ["active", "inactive", "pending"]})
    verified: bool = Field(default=True)


class Enums(BaseModel):
    untitledSingle: str = Field(json_schema_extra={"enum": ["option1", "option2"]})  # noqa: N815 - the suite's name
    titledSingle: str = Field(json_schema_extra={"oneOf": [{"const": "v1", "title": "First"}]})  # noqa: N815 - the suite names it so
    legacyEnum: str = Field(json_schema_extra={"enum": ["opt1"], "enumNames": ["Option One"]})  # noqa: N815 - the suite names it so
    untitledMulti: list[str] = Field(json_schema_extra={"items": {"type": "string", "enum": ["option1"]}})  # noqa: N815 - the suite names it so
    titledMulti: list[str] = Field(  # noqa: N815 - the suite names it so
        json_schema_extra={"items": {"anyOf": [{"const": "v1", "title": "First"}]}}
    )


async def test_sampling(ctx: ToolContext, prompt: str) -> str:
    """Asks the client's model."""
    result = await ctx.mcp.session.create_message(
        messages=[SamplingMessage(role="user", content=TextContent(type="text", text=prompt))],
        max_tokens=100,
        related_request_id=ctx.mcp.request_id,
    )
    return f"The model said: {result.content.text if isinstance(result.content, TextContent) else '?'}"


async def test_elicitation(ctx: ToolContext, message: str) -> str:
    """Asks the user."""
    return await elicited(ctx, message, Reply)


async def test_elicitation_sep1034_defaults(ctx: ToolContext) -> str:
    """Asks the user, with a default for every field."""
    return await elicited(ctx, "Please check", Defaults)


async def test_elicitation_sep1330_enums(ctx: ToolContext) -> str:
    """Asks the user to choose, in every way a form has."""
    return await elicited(ctx, "Please choose", Enums)


async def elicited(ctx: ToolContext, message: str, form: type[BaseModel]) -> str:
    result = await ctx.mcp.elicit(message, form)
    return f"action={result.action}, content={result.data.model_dump_json() if result.action == 'accept' else '{}'}"


# Questions to a client of the modern era: a call is answered with them and then made again with the answers


def form(message: str, field: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sampling(words: str) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=words))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=50))


def answer(context: Context[Backend], key: str) -> Any:
    return (context.input_responses or {}).get(key)


def filled_in(context: Context[Backend], key: str, field: str) -> str | None:
    """A field of the form that was asked as `key`; None while it is not answered."""
    given = answer(context, key)
    return str((given.content or {}).get(field, "?")) if isinstance(given, ElicitResult) else None


def ask(state: str | None = None, **requests: InputRequest) -> InputRequiredResult:
    return InputRequiredResult(input_requests=requests, request_state=state)


async def test_input_required_result_elicitation(ctx: ToolContext) -> TextOrQuestion:
    """Asks for a name."""
    name = filled_in(ctx.mcp, "user_name", "name")
    return f"Hello, {name}!" if name else ask(user_name=form("What is your name?", "name"))


async def test_streaming_elicitation(ctx: ToolContext) -> TextOrQuestion:
    """Asks for a name."""
    return await test_input_required_result_elicitation(ctx)


async def test_input_required_result_sampling(ctx: ToolContext) -> TextOrQuestion:
    """Asks the client's model."""
    given = answer(ctx.mcp, "capital_question")
    if isinstance(given, CreateMessageResult) and isinstance(given.content, TextContent):
        return f"The model said: {given.content.text}"
    return ask(capital_question=sampling("What is the capital of France?"))


async def test_input_required_result_list_roots(ctx: ToolContext) -> TextOrQuestion:
    """Asks for the client's roots."""
    given = answer(ctx.mcp, "client_roots")
    if isinstance(given, ListRootsResult):
        return f"Roots: {', '.join(str(root.uri) for root in given.roots)}"
    return ask(client_roots=ListRootsRequest())


async def test_input_required_result_request_state(ctx: ToolContext) -> TextOrQuestion:
    """Asks for a confirmation and remembers that it did."""
    if answer(ctx.mcp, "confirm") and ctx.mcp.request_state == "asked":
        return "state-ok"
    return ask("asked", confirm=form("Please confirm", "ok", "boolean"))


async def test_input_required_result_tampered_state(ctx: ToolContext) -> TextOrQuestion:
    """Asks for a confirmation and remembers that it did."""
    return await test_input_required_result_request_state(ctx)


async def test_input_required_result_multiple_inputs(ctx: ToolContext) -> TextOrQuestion:
    """Asks three things at once."""
    if {"user_name", "greeting", "client_roots"} <= (ctx.mcp.input_responses or {}).keys():
        return "All answers are here."
    questions: dict[str, InputRequest] = {
        "user_name": form("Name?", "name"),
        "greeting": sampling("Greet"),
        "client_roots": ListRootsRequest(),
    }
    return ask("asked", **questions)


async def test_input_required_result_multi_round(ctx: ToolContext) -> TextOrQuestion:
    """Asks for a name, then for a color."""
    state = json.loads(ctx.mcp.request_state or "{}")
    name = filled_in(ctx.mcp, "step1", "name") or state.get("name")
    if not name:
        return ask(json.dumps({"round": 1}), step1=form("What is your name?", "name"))
    if color := filled_in(ctx.mcp, "step2", "color"):
        return f"{name} likes {color}."
    return ask(json.dumps({"round": 2, "name": name}), step2=form("Which color do you like?", "color"))


async def test_input_required_result_capabilities(ctx: ToolContext) -> TextOrQuestion:
    """Asks only what the client says it can be asked."""
    can = ctx.mcp.client_capabilities
    questions: dict[str, InputRequest] = {}
    if can and can.sampling is not None:
        questions["sample"] = sampling("Say hello")
    if can and can.elicitation is not None:
        questions["ask"] = form("What is your name?", "name")
    return ask("asked", **questions)


async def test_missing_capability(ctx: ToolContext) -> str:
    """Works only for clients that have a model."""
    if not (can := ctx.mcp.client_capabilities) or can.sampling is None:
        raise MCPError(
            MISSING_REQUIRED_CLIENT_CAPABILITY, "This needs sampling", {"requiredCapabilities": {"sampling": {}}}
        )
    return "The client has a model."


TOOLS = Toolset(
    "fixtures",
    "Fixtures of the conformance suite.",
    read(test_simple_text),
    read(test_tool_with_progress),
    read(test_error_handling),
    read(test_image_content),
    read(test_audio_content),
    read(test_embedded_resource),
    read(test_multiple_content_types),
    read(json_schema_2020_12_tool),
    read(test_x_mcp_header),
    read(test_tool_with_logging),
    read(test_logging_tool),
    read(test_reconnection),
    read(test_trigger_tool_change),
    read(test_trigger_prompt_change),
    read(test_sampling),
    read(test_elicitation),
    read(test_elicitation_sep1034_defaults),
    read(test_elicitation_sep1330_enums),
    read(test_input_required_result_elicitation),
    read(test_streaming_elicitation),
    read(test_input_required_result_sampling),
    read(test_input_required_result_list_roots),
    read(test_input_required_result_request_state),
    read(test_input_required_result_tampered_state),
    read(test_input_required_result_multiple_inputs),
    read(test_input_required_result_multi_round),
    read(test_input_required_result_capabilities),
    read(test_missing_capability),
)


def add_resources(server: AgentOSServer) -> None:
    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        return "Words."

    @server.resource("test://watched-resource", mime_type="text/plain")
    def watched_resource() -> str:
        return "Words that may change."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        return base64.b64decode(PIXEL)

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def template(id: str) -> str:
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


def add_prompts(server: AgentOSServer) -> None:
    def said(*contents: TextContent | ImageContent | EmbeddedResource) -> list[UserMessage]:
        return [UserMessage(content=content) for content in contents]

    @server.prompt()
    def test_simple_prompt() -> list[UserMessage]:
        """A simple prompt."""
        return said(TextContent(type="text", text="A simple prompt."))

    @server.prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> list[UserMessage]:
        """A prompt with arguments."""
        return said(TextContent(type="text", text=f"arg1='{arg1}', arg2='{arg2}'"))

    @server.prompt()
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803 - the suite's name
        """A prompt with an embedded resource."""
        return said(embedded(resourceUri, "Embedded."), TextContent(type="text", text="Read it."))

    @server.prompt()
    def test_prompt_with_image() -> list[UserMessage]:
        """A prompt with an image."""
        return said(IMAGE, TextContent(type="text", text="Look at it."))

    @server.prompt()
    def test_input_required_result_prompt(ctx: Context[Backend]) -> list[UserMessage] | InputRequiredResult:
        """A prompt that asks back."""
        context = filled_in(ctx, "user_context", "context")
        if context is None:
            return ask(user_context=form("What is it about?", "context"))
        return said(TextContent(type="text", text=f"It is about {context}."))


class _FixturesModule(ToolsetModule):
    def load(self) -> Toolset:
        return TOOLS


def server_with_fixtures(url: str) -> AgentOSServer:
    modules = (*TOOLSET_MODULES, _FixturesModule(TOOLS.name, tuple(tool.name for tool in TOOLS.tools)))
    with patch("agentos_mcp.server.tool_selection.TOOLSET_MODULES", modules):
        server = build_server(Settings(url=url, toolsets=tuple(module.name for module in modules)))
    tool = server._tool_manager.get_tool(json_schema_2020_12_tool.__name__)
    assert tool is not None
    tool.parameters = SCHEMA_2020_12
    add_resources(server)
    add_prompts(server)
    return server


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    listener = open_socket("127.0.0.1", 0)
    sys.stderr.write(f"Serving MCP at {address(listener)}\n")
    sys.stderr.flush()
    anyio.run(serve_http, server_with_fixtures(sys.argv[1]), listener)
