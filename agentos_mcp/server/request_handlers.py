"""Handlers of lists in pages, completions and subscriptions, in both protocol eras.

`resources/subscribe` is only in the legacy one (2025-11-25 and earlier), `subscriptions/listen` only in the modern
one (2026-07-28).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import anyio
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import SUBSCRIPTION_ID_META_KEY
from mcp_types import (
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

from agentos_mcp.agentos.errors import InvalidRequest, NotFound
from agentos_mcp.server.caller_state import CallerState
from agentos_mcp.server.callers import bound_caller
from agentos_mcp.server.completions import Candidates, complete_value
from agentos_mcp.server.prompts import Prompts
from agentos_mcp.server.protocol_errors import translate_errors
from agentos_mcp.server.resources import Resources
from agentos_mcp.server.sdk_compat import add_notification_handler, add_request_handler, connection_of
from agentos_mcp.server.subscriptions import SubscriptionHub, require_own_runs
from agentos_mcp.tooling.argument_limits import MAX_PATH_LENGTH, check_argument
from agentos_mcp.tooling.context import ToolContext
from agentos_mcp.tooling.markdown import one_line

PAGE_SIZE = 100
"""How many resources or prompts one answer lists."""
_MAX_CONTEXT_ARGUMENTS = 20
"""Arguments that a completion request may carry besides the one to complete."""

_Request = ServerRequestContext[CallerState, Any]
_Item = TypeVar("_Item")


class RequestHandlers:
    """The handlers of one server."""

    def __init__(self, server: MCPServer[CallerState], resources: Resources, prompts: Prompts) -> None:
        self._server = server
        self._resources = resources
        self._prompts = prompts

    def register(self) -> None:
        """Let the server call them, in place of the SDK's own."""
        server = self._server
        add_request_handler(server, "resources/list", PaginatedRequestParams, self._list_resources)
        add_request_handler(server, "resources/templates/list", PaginatedRequestParams, self._list_templates)
        add_request_handler(server, "prompts/list", PaginatedRequestParams, self._list_prompts)
        add_request_handler(server, "completion/complete", CompleteRequestParams, self._complete)
        add_request_handler(server, "resources/subscribe", SubscribeRequestParams, self._subscribe)
        add_request_handler(server, "resources/unsubscribe", UnsubscribeRequestParams, self._unsubscribe)
        add_request_handler(server, "subscriptions/listen", SubscriptionsListenRequestParams, self._listen)
        add_notification_handler(server, "notifications/initialized", NotificationParams, self._initialized)

    async def _list_resources(self, ctx: _Request, params: PaginatedRequestParams) -> ListResourcesResult:
        context = self._context(ctx)
        prompts = await self._prompts.list_prompts(context)
        resources = [
            *await self._resources.list_resources(context, len(prompts)),
            *await self._server.list_resources(),
        ]
        page, cursor = _page(resources, lambda resource: resource.uri, params.cursor)
        return ListResourcesResult(resources=page, next_cursor=cursor)

    async def _list_templates(self, ctx: _Request, params: PaginatedRequestParams) -> ListResourceTemplatesResult:
        templates = [
            *await self._resources.list_templates(self._context(ctx)),
            *await self._server.list_resource_templates(),
        ]
        page, cursor = _page(templates, lambda template: template.uri_template, params.cursor)
        return ListResourceTemplatesResult(resource_templates=page, next_cursor=cursor)

    async def _list_prompts(self, ctx: _Request, params: PaginatedRequestParams) -> ListPromptsResult:
        prompts = [*await self._prompts.list_prompts(self._context(ctx)), *await self._server.list_prompts()]
        page, cursor = _page(prompts, lambda prompt: prompt.name, params.cursor)
        return ListPromptsResult(prompts=page, next_cursor=cursor)

    async def _complete(self, ctx: _Request, params: CompleteRequestParams) -> CompleteResult:
        argument, arguments = params.argument, (params.context.arguments if params.context else None) or {}
        with translate_errors("Completing"):
            if len(argument.value) > MAX_PATH_LENGTH:
                return CompleteResult(completion=complete_value(Candidates(), ""))
            check_argument("argument.name", argument.name)
            check_argument(
                "ref", params.ref.name if isinstance(params.ref, PromptReference) else params.ref.uri, MAX_PATH_LENGTH
            )
            if len(arguments) > _MAX_CONTEXT_ARGUMENTS:
                raise InvalidRequest(
                    f"context.arguments has {len(arguments):,} entries; at most {_MAX_CONTEXT_ARGUMENTS} are accepted."
                )
            for name, value in arguments.items():
                check_argument("context.arguments", name)
                check_argument("context.arguments", value, MAX_PATH_LENGTH)
            context = self._context(ctx)
            if isinstance(params.ref, PromptReference):
                completer = await self._prompts.completer(context, params.ref.name, argument.name)
            else:
                completer = self._resources.completer(params.ref.uri, argument.name, argument.value)
            candidates = await completer(context, arguments) if completer is not None else Candidates()
        return CompleteResult(completion=complete_value(candidates, argument.value))

    async def _subscribe(self, ctx: _Request, params: SubscribeRequestParams) -> EmptyResult:
        with translate_errors("Subscribing"):
            check_argument("uri", params.uri, MAX_PATH_LENGTH)
            if not self._resources.matches(params.uri) and params.uri not in await self._fixed_uris():
                raise NotFound(
                    f"There is no resource {one_line(params.uri[:300], max_length=200)}.", "List the resources."
                )
            await require_own_runs(ctx.lifespan_context.backend_of_run, [params.uri])
            _subscriptions(ctx).subscribe(connection_of(ctx), params.uri)
        return EmptyResult()

    async def _unsubscribe(self, ctx: _Request, params: UnsubscribeRequestParams) -> EmptyResult:
        with translate_errors("Unsubscribing"):
            check_argument("uri", params.uri, MAX_PATH_LENGTH)
        _subscriptions(ctx).unsubscribe(connection_of(ctx), params.uri)
        return EmptyResult()

    async def _listen(self, ctx: _Request, params: SubscriptionsListenRequestParams) -> SubscriptionsListenResult:
        requested_uris = params.notifications.resource_subscriptions
        if requested_uris:
            # A URI that is missing in the acknowledgement is not listened to.
            fixed_uris = await self._fixed_uris()
            known_uris = [
                uri for uri in dict.fromkeys(requested_uris) if self._resources.matches(uri) or uri in fixed_uris
            ]
            notifications = params.notifications.model_copy(update={"resource_subscriptions": known_uris})
            params = params.model_copy(update={"notifications": notifications})
        with translate_errors("Listening"):
            uris = params.notifications.resource_subscriptions or ()
            for uri in uris:
                check_argument("resourceSubscriptions", uri, MAX_PATH_LENGTH)
            await require_own_runs(ctx.lifespan_context.backend_of_run, uris)
            caller = bound_caller(ctx)
            with anyio.move_on_after(caller.seconds_left if caller is not None else math.inf):
                return await _subscriptions(ctx).listen(ctx, params)
        # The graceful end of a stream: the client listens again with what it has then.
        return SubscriptionsListenResult(_meta={SUBSCRIPTION_ID_META_KEY: ctx.request_id})

    async def _initialized(self, ctx: _Request, params: NotificationParams) -> None:
        _subscriptions(ctx).add_client(connection_of(ctx))

    async def _fixed_uris(self) -> set[str]:
        """The URIs of resources that were added to the server one by one."""
        return {str(resource.uri) for resource in await self._server.list_resources()}

    def _context(self, ctx: _Request) -> ToolContext:
        bus = _subscriptions(ctx).bus
        return ToolContext.of(Context(request_context=ctx, mcp_server=self._server, subscriptions=bus))


def _subscriptions(ctx: _Request) -> SubscriptionHub:
    """Those of the caller of a request."""
    return ctx.lifespan_context.subscriptions


def _page(items: list[_Item], key: Callable[[_Item], str], cursor: str | None) -> tuple[list[_Item], str | None]:
    """The part of a list after the item that the cursor names, and the cursor of the next part."""
    begin = 0
    if cursor is not None:
        begin = next((index + 1 for index, item in enumerate(items) if key(item) == cursor), -1)
        if begin < 0:
            raise MCPError(INVALID_PARAMS, "This cursor is not valid, or no longer is. List from the beginning.")
    end = begin + PAGE_SIZE
    return items[begin:end], key(items[end - 1]) if end < len(items) else None
