"""Requests that the SDK's server leaves to its low-level one: lists in pages, completions, subscriptions.

The same handlers serve both protocol eras; `resources/subscribe` is only in the legacy one and
`subscriptions/listen` only in the modern one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import NotificationOptions
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.models import InitializationOptions
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CompleteRequestParams,
    CompleteResult,
    EmptyResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    NotificationParams,
    PaginatedRequestParams,
    PromptReference,
    SubscribeRequestParams,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
    UnsubscribeRequestParams,
)

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound
from agentos_mcp.agentos.plain_text import strip_control_chars, strip_data
from agentos_mcp.server.completions import Candidates, completion
from agentos_mcp.server.prompts import Prompts
from agentos_mcp.server.resources import Resources
from agentos_mcp.server.subscriptions import SubscriptionHub, require_own_uris
from agentos_mcp.tooling.argument_limits import PATH, check_argument
from agentos_mcp.tooling.context import Backend, ToolContext
from agentos_mcp.tooling.markdown import one_line

log = logging.getLogger(__name__)

PAGE = 100
"""How many resources or prompts one answer lists."""
_MOST_GIVEN = 20
"""Other arguments that a completion may be told of."""

_Request = ServerRequestContext[Any, Any]
_Listed = TypeVar("_Listed")


def handle_lists_and_changes(
    server: MCPServer[Backend], resources: Resources, prompts: Prompts, changes: SubscriptionHub
) -> None:
    """Register the handlers, and let clients know that lists change."""
    low = server._lowlevel_server
    plain_options = low.create_initialization_options

    def options(*_: object) -> InitializationOptions:
        return plain_options(NotificationOptions(tools_changed=True, prompts_changed=True, resources_changed=True))

    def ours(ctx: _Request) -> ToolContext:
        return ToolContext.of(Context(request_context=ctx, mcp_server=server, subscriptions=changes.bus))

    async def list_resources(ctx: _Request, params: PaginatedRequestParams) -> ListResourcesResult:
        found = [*await resources.listed(ours(ctx)), *await server.list_resources()]
        page, following = _page(found, lambda one: one.uri, params.cursor)
        return ListResourcesResult(resources=page, next_cursor=following)

    async def list_templates(ctx: _Request, params: PaginatedRequestParams) -> ListResourceTemplatesResult:
        found = [*await resources.templates(ours(ctx)), *await server.list_resource_templates()]
        page, following = _page(found, lambda one: one.uri_template, params.cursor)
        return ListResourceTemplatesResult(resource_templates=page, next_cursor=following)

    async def list_prompts(ctx: _Request, params: PaginatedRequestParams) -> ListPromptsResult:
        found = [*await prompts.listed(ours(ctx)), *await server.list_prompts()]
        page, following = _page(found, lambda one: one.name, params.cursor)
        return ListPromptsResult(prompts=page, next_cursor=following)

    async def complete(ctx: _Request, params: CompleteRequestParams) -> CompleteResult:
        argument, given = params.argument, (params.context.arguments if params.context else None) or {}
        with translate_errors("Completing"):
            if len(argument.value) > PATH:
                return CompleteResult(completion=completion(Candidates(), ""))
            check_argument("argument.name", argument.name)
            check_argument("ref", params.ref.name if isinstance(params.ref, PromptReference) else params.ref.uri, PATH)
            if len(given) > _MOST_GIVEN:
                raise InvalidRequest(f"context.arguments has {len(given):,} entries, and {_MOST_GIVEN} may be given.")
            for name, value in given.items():
                check_argument("context.arguments", name)
                check_argument("context.arguments", value, PATH)
            if isinstance(params.ref, PromptReference):
                completer = await prompts.completer(ours(ctx), params.ref.name, argument.name)
            else:
                completer = resources.completer(params.ref.uri, argument.name)
            candidates = await completer(ours(ctx), given) if completer is not None else Candidates()
        return CompleteResult(completion=completion(candidates, argument.value))

    async def own_resources() -> set[str]:
        return {str(one.uri) for one in await server.list_resources()}

    async def subscribe(ctx: _Request, params: SubscribeRequestParams) -> EmptyResult:
        with translate_errors("Subscribing"):
            check_argument("uri", params.uri, PATH)
            if not resources.is_one(params.uri) and params.uri not in await own_resources():
                raise NotFound(f"There is no resource {one_line(params.uri[:300], most=200)}.", "List the resources.")
            await require_own_uris(ours(ctx), [params.uri])
            changes.subscribe(ctx.session._connection, params.uri)
        return EmptyResult()

    async def unsubscribe(ctx: _Request, params: UnsubscribeRequestParams) -> EmptyResult:
        with translate_errors("Unsubscribing"):
            check_argument("uri", params.uri, PATH)
        changes.unsubscribe(ctx.session._connection, params.uri)
        return EmptyResult()

    async def listen(ctx: _Request, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        asked = params.notifications.resource_subscriptions
        if asked:
            # What is left out of the acknowledgement is not listened to.
            own = await own_resources()
            known = [uri for uri in dict.fromkeys(asked) if resources.is_one(uri) or uri in own]
            notifications = params.notifications.model_copy(update={"resource_subscriptions": known})
            params = params.model_copy(update={"notifications": notifications})
        with translate_errors("Listening"):
            for uri in params.notifications.resource_subscriptions or ():
                check_argument("resourceSubscriptions", uri, PATH)
            await require_own_uris(ours(ctx), params.notifications.resource_subscriptions or ())
            return await changes.listen(ctx, params)

    async def joined(ctx: _Request, params: NotificationParams) -> None:
        changes.joined(ctx.session._connection)

    # The SDK's own transports ask for the options without saying that lists change.
    low.create_initialization_options = options  # type: ignore[assignment,method-assign]
    low.add_request_handler("resources/list", PaginatedRequestParams, list_resources)
    low.add_request_handler("resources/templates/list", PaginatedRequestParams, list_templates)
    low.add_request_handler("prompts/list", PaginatedRequestParams, list_prompts)
    low.add_request_handler("completion/complete", CompleteRequestParams, complete)
    low.add_request_handler("resources/subscribe", SubscribeRequestParams, subscribe)
    low.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, unsubscribe)
    low.add_request_handler("subscriptions/listen", SubscriptionsListenRequestParams, listen)
    low.add_notification_handler("notifications/initialized", NotificationParams, joined)


@contextmanager
def translate_errors(what: str, data: Mapping[str, str] | None = None) -> Iterator[None]:
    """Errors within as errors of the protocol, in our words; of a fault of ours no more than its kind."""
    try:
        yield
    except AgentOSError as error:
        code = INVALID_PARAMS if isinstance(error, NotFound | InvalidRequest) else INTERNAL_ERROR
        raise MCPError(code=code, message=strip_control_chars(str(error)), data=strip_data(data)) from error
    except MCPError:
        raise
    except Exception as error:
        log.exception("%s failed", what)
        words = f"{what} failed ({type(error).__name__}). The server's log says more."
        raise MCPError(code=INTERNAL_ERROR, message=words, data=data) from None


def _page(found: list[_Listed], key: Callable[[_Listed], str], cursor: str | None) -> tuple[list[_Listed], str | None]:
    """The part of a list after the entry that the cursor names, and the cursor of the next part."""
    begin = 0
    if cursor is not None:
        begin = next((at + 1 for at, one in enumerate(found) if key(one) == cursor), -1)
        if begin < 0:
            raise MCPError(INVALID_PARAMS, "This cursor leads nowhere (any more). List from the beginning.")
    end = begin + PAGE
    return found[begin:end], key(found[end - 1]) if end < len(found) else None
