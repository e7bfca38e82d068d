"""One HTTP client for one AgentOS: credentials, quoting, retries of reads, limits, errors.

Everything above this file names a path template and its values, and nothing more of HTTP.
"""

from __future__ import annotations

import functools
import inspect
import logging
import math
import os
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Self

import anyio
import httpx2

from agentos_mcp.agentos import http_errors, response_body
from agentos_mcp.agentos.agentos_name import NAMING_PATHS, agentos_name
from agentos_mcp.agentos.connection_pools import ConnectionPools
from agentos_mcp.agentos.errors import (
    AgentOSError,
    Forbidden,
    InvalidRequest,
    RateLimited,
    ServerFailure,
    Unreachable,
)
from agentos_mcp.agentos.first_wait import is_watched, waits
from agentos_mcp.agentos.hints import Setting, hint
from agentos_mcp.agentos.json_values import decode, mapping
from agentos_mcp.agentos.log_format import Abridged, Loggable, abridged_error, error_kind
from agentos_mcp.agentos.observation import Observed, ObservedRequest, Observers
from agentos_mcp.agentos.paths import fill_path
from agentos_mcp.agentos.redaction import MIN_SECRET_LENGTH, mask_tokens
from agentos_mcp.agentos.sse import Event, read_events
from agentos_mcp.agentos.token_claims import read_claims
from agentos_mcp.agentos.token_reference import unset_variable

log = logging.getLogger(__name__)

Values = Mapping[str, str]
Query = Mapping[str, str | int | float | bool | list[str]]
MultipartParts = list[tuple[str, tuple[str, bytes, str]]]
"""Files of a form: (field, (file name, content, MIME type))."""

TokenSource = Callable[[], str | Awaitable[str]]
"""The token for one request, '' for none. It may have to be fetched, and may raise an AgentOSError."""

_MAX_MASKED_TOKENS = 4
_SENT_EVENT = "http11.send_request_body.complete"
"""What the HTTP library calls the moment in which all of a request has been sent."""
_READING_POSTS = frozenset({"/knowledge/search", "/traces/search"})


@dataclass(frozen=True)
class Limits:
    """Times are in seconds, sizes in bytes."""

    connect_seconds: float = 5.0
    # Where hundreds of runs are started at once, a process may be late itself to see that it is connected.
    stream_connect_seconds: float = 20.0
    read_seconds: float = 30.0
    # Background streams carry a comment every 15 s: two missed ones mean a dead connection.
    quiet_seconds: float = 45.0
    max_response_bytes: int = 16 * 1024 * 1024
    # What a document may take in memory while it is read: many small things take thirty times their bytes.
    max_parsed_bytes: int = 64 * 1024 * 1024
    max_error_body_bytes: int = 64 * 1024
    read_attempts: int = 3
    max_retry_wait_seconds: float = 10.0

    @property
    def total_seconds(self) -> float:
        """For one request with all its attempts: `read_seconds` alone would let a response drip forever."""
        return 2 * self.read_seconds


class AgentOS:
    """A running AgentOS at `url`.

    `token` is called before every request, so that it can change; it may raise an AgentOSError instead.
    `read_only`: what could change anything is refused before it is sent.
    Use it as an async context manager; it is safe for many tasks at once. Raises Unreachable for a
    proxy in the environment that cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        token: TokenSource = lambda: "",
        limits: Limits | None = None,
        read_only: bool = False,
        observers: Observers = (),
        instance: str = "",
    ) -> None:
        """`instance` is its name where there are several: the references of its runs begin with it."""
        self.url = url.rstrip("/")
        self.instance = instance
        self.read_only = read_only
        self._observers = observers
        self.limits = limits or Limits()
        self.on_name: Callable[[str], None] | None = None
        """Called once, with what this AgentOS calls itself: as soon as an answer says so, with '' where it is asked
        for something else before. No request is made for it."""
        self._token = token
        self._has_sent = False
        self._unset_variable = ""
        """The variable that the token was to come from, where it is not set."""
        self._sent_tokens: tuple[str, ...] = ()
        """The tokens that were sent last, to be masked where AgentOS repeats them."""
        # Loading the certificates takes longer than a local request; plain HTTP needs none.
        self._verify: ssl.SSLContext | bool = _scheme(self.url) != "http" and _default_certificates()
        try:
            self._pools = ConnectionPools(self._open)
        except (ImportError, ValueError, httpx2.InvalidURL):
            # Only the names of the variables: a proxy's URL may hold a password.
            raise Unreachable(
                "A proxy that the environment names cannot be used.",
                "Fix or unset HTTP_PROXY, HTTPS_PROXY and ALL_PROXY (SOCKS is not supported).",
                was_sent=False,
            ) from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pools.aclose()

    def _open(self, limits: httpx2.Limits) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            base_url=self.url,
            limits=limits,
            verify=self._verify,
            headers={"User-Agent": "agentos-mcp", "Accept-Encoding": response_body.ACCEPT_ENCODING},
            event_hooks={"response": [_hide_location]},
        )

    @property
    def display_url(self) -> str:
        """The URL as it may be shown: without a user, a password or a query."""
        return http_errors.display_url(self.url)

    async def get(
        self,
        template: str,
        values: Values | None = None,
        query: Query | None = None,
        *,
        retry: bool = True,
        new_connection: bool = False,
    ) -> Any:
        """GET a JSON document; retried where that can help, unless an early response matters more."""
        attempts = self.limits.read_attempts if retry else 1
        return await self.request(
            "GET", template, values, query=query, retry=True, attempts=attempts, new_connection=new_connection
        )

    async def request(
        self,
        method: str,
        template: str,
        values: Values | None = None,
        *,
        query: Query | None = None,
        form: Mapping[str, str] | None = None,
        files: MultipartParts | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        retry: bool = False,
        attempts: int | None = None,
        no_timeout: bool = False,
        new_connection: bool = False,
    ) -> Any:
        """Send one request; the response's JSON, None for an empty one.

        `retry` says that sending it twice does no harm; without it, it is sent again only if it
        provably never reached AgentOS. `no_timeout` waits for the response to begin however long it takes.
        `new_connection`: on one of its own, so that it may reach another of AgentOS's workers than the last one.
        Raises the errors of `errors.py`.
        """
        self._require_permission(method, template)
        max_attempts = attempts or self.limits.read_attempts
        path = fill_path(template, values or {})
        attempt = 1
        try:
            with self._deadline(method, path, math.inf if no_timeout else self._total_seconds(files)) as scope:
                while True:
                    try:
                        observation = self._observation(method, template, values or {}, attempt=attempt)
                        return await self._send_once(
                            observation,
                            path,
                            query=query,
                            form=form,
                            files=files,
                            json=json,
                            headers=headers or {},
                            no_timeout=no_timeout,
                            client=self._pools.used_once if new_connection else self._pools.shared,
                        )
                    except AgentOSError as error:
                        wait = self._wait_before_retry(error, retry, attempt) if attempt < max_attempts else None
                        if wait is None or anyio.current_time() + wait >= scope.deadline:
                            raise
                        log.info(
                            "%s: %s Trying again in %.1f s.",
                            Abridged(f"{method} {path}", f"{method} {template}"),
                            abridged_error(error),
                            wait,
                        )
                    await anyio.sleep(wait)
                    attempt += 1
        except AgentOSError as error:
            if not (retry or _is_read(method, template)) and http_errors.may_have_been_done(error):
                raise http_errors.outcome_unknown(error) from error
            raise
        raise AssertionError("the deadline raises")

    def _wait_before_retry(self, error: AgentOSError, retry: bool, attempt: int) -> float | None:
        """Seconds until the next attempt, None where there should be none."""
        never_sent = isinstance(error, Unreachable) and not error.was_sent
        if not (retry or never_sent):
            return None
        if isinstance(error, RateLimited) and error.retry_after:
            return error.retry_after if error.retry_after <= self.limits.max_retry_wait_seconds else None
        backoff: float = 0.2 * 2 ** (attempt - 1)
        return backoff * random.uniform(0.5, 1.5) if error.is_transient else None  # noqa: S311 - jitter is no secret

    async def _send_once(
        self,
        observation: ObservedRequest,
        path: str,
        *,
        query: Query | None,
        form: Mapping[str, str] | None,
        files: MultipartParts | None,
        json: object,
        headers: Mapping[str, str],
        no_timeout: bool,
        client: httpx2.AsyncClient,
    ) -> Any:
        method = observation.method
        request = self._build_request(
            method,
            path,
            params=query,
            data=dict(form) if form else None,
            files=files,
            json=json,
            headers=await self._headers() | dict(headers),
            timeout=self._timeout(None if no_timeout else self.limits.read_seconds),
        )
        with (
            Observed(self._observers, observation, request.headers),
            self._transport_errors(method, path),
            http_errors.translate_reading_errors(f"{method} {path}"),
        ):
            response = await _send(client, request)
            observation.respond(response.status_code)
            try:
                with self._deadline(method, path, self.limits.total_seconds):
                    body = await self._body(response)
            finally:
                await _close(response)
            if not response.is_success:
                raise self._error_for(method, path, response, body)
            document = self._document(body, response.headers.get("content-type", ""), method, path)
            if path in NAMING_PATHS and (name := agentos_name(mapping(document))):
                self.tell_name(name)
            return document

    @asynccontextmanager
    async def stream(
        self,
        template: str,
        values: Values,
        form: Mapping[str, str],
        *,
        files: MultipartParts | None = None,
        kept_alive: bool,
        idempotency_key: str = "",
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """POST a form and read the response as events. Sent once, never retried.

        `kept_alive` says that the stream is never quiet for long (background and resumed streams),
        so that silence means a dead connection; a foreground stream may be silent for hours.
        Leaving the context drops the connection. Raises Unreachable where the stream breaks.
        An AgentOS that takes the run without streaming it (202) gives one event, `RunAccepted`.
        `idempotency_key`: a durable queue takes the same start with the same key only once.
        """
        self._require_permission("POST", template)
        path = fill_path(template, values)
        quiet_seconds = self.limits.quiet_seconds if kept_alive else None
        key = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        request = self._build_request(
            "POST",
            path,
            data=dict(form),
            files=files,
            # Compression on the way would hold events back.
            headers=await self._headers() | {"Accept": "text/event-stream", "Accept-Encoding": "identity"} | key,
            timeout=self._timeout(quiet_seconds, self.limits.stream_connect_seconds),
        )
        observation = self._observation("POST", template, values, is_stream=True)
        with (
            Observed(self._observers, observation, request.headers),
            self._transport_errors("POST", path),
            self._pools.for_stream() as client,
        ):
            with self._deadline(
                "POST", path, max(quiet_seconds, self._total_seconds(files)) if quiet_seconds else math.inf
            ):
                response = await _send(client, request)
            observation.respond(response.status_code)
            try:
                content_type = response.headers.get("content-type", "")
                if response.is_success and "text/event-stream" in content_type:
                    yield _translate_stream_errors(read_events(response_body.iterate_decoded(response)), path)
                else:
                    with (
                        self._deadline("POST", path, self.limits.total_seconds),
                        http_errors.translate_reading_errors(f"POST {path}"),
                    ):
                        body = await self._body(response)
                        if not response.is_success:
                            raise self._error_for("POST", path, response, body)
                        document = self._document(body, content_type, "POST", path)
                    yield _single_event(document)
            finally:
                await _close(response)

    def _require_permission(self, method: str, template: str) -> None:
        """Raises Forbidden where this client only reads, and the request could do more."""
        if self.read_only and not _is_read(method, template):
            raise Forbidden("This server is read-only: nothing can be run or changed.", "Start it without --read-only.")

    def tell_name(self, name: str = "") -> None:
        """Tell its name to who wants to know it, unless that was told before, or nothing was sent yet."""
        if self.on_name is not None and self._has_sent:
            tell, self.on_name = self.on_name, None
            tell(name)

    def _observation(
        self, method: str, route: str, values: Values, *, attempt: int = 1, is_stream: bool = False
    ) -> ObservedRequest:
        return ObservedRequest(
            method,
            route,
            values,
            is_read=_is_read(method, route),
            url=self.url,
            instance=self.instance,
            attempt=attempt,
            is_stream=is_stream,
        )

    def _timeout(self, read: float | None, connect: float | None = None) -> httpx2.Timeout:
        """With limits of the request's own; `connect` is that of most requests where it is left out."""
        return httpx2.Timeout(self.limits.read_seconds, connect=connect or self.limits.connect_seconds, read=read)

    def mask(self, text: str) -> str:
        """Text of any kind without the tokens that were sent; a short one may be a word that the text needs."""
        return mask_tokens(text, (token for token in self._sent_tokens if len(token) >= MIN_SECRET_LENGTH))

    async def token_user(self) -> str | None:
        """The user that the token names; '' where it does not say, None without a token."""
        token = await self._current_token()
        if not token:
            return None
        claims = read_claims(token)
        return claims.subject if claims is not None else ""

    async def _current_token(self) -> str:
        source = self._token()
        return await source if inspect.isawaitable(source) else source

    async def _headers(self) -> dict[str, str]:
        token = await self._current_token()
        self._has_sent = True
        self._unset_variable = unset_variable(token)
        if self._unset_variable:
            return {}
        if token and self._sent_tokens[:1] != (token,):
            self._sent_tokens = (token, *self._sent_tokens)[:_MAX_MASKED_TOKENS]
        return {"Authorization": f"Bearer {token}"} if token else {}

    async def _read(self, response: httpx2.Response) -> bytes:
        if not response.is_success:
            return await response_body.read_head(response, self.limits.max_error_body_bytes)
        return await response_body.read_document(
            response, max_bytes=self.limits.max_response_bytes, max_parsed_bytes=self.limits.max_parsed_bytes
        )

    async def _body(self, response: httpx2.Response) -> bytes:
        """The body; of a refusal nothing where it cannot be decompressed, since its status says enough."""
        try:
            return await self._read(response)
        except httpx2.DecodingError:
            if response.is_success:
                raise
            return b""

    def _document(self, body: bytes, content_type: str, method: str, path: str) -> Any:
        if not body.strip():
            return None
        try:
            return decode(body)
        except ValueError as error:
            problem = (
                f"JSON that cannot be read ({error})"
                if "json" in content_type
                else f"{_content_type_name(content_type)}, not JSON"
            )
            raise ServerFailure(
                f"{self.display_url} answered {method} {path} with {problem}.",
                hint("Is that really an AgentOS? If yours is elsewhere, {set_url}.", set_url=Setting("url")),
            ) from None

    def _total_seconds(self, files: MultipartParts | None) -> float:
        """Seconds for one request: an upload gets more, as long as it moves."""
        return (
            self.limits.total_seconds
            + sum(len(content) for _, (_, content, _) in files or ()) / _MIN_UPLOAD_BYTES_PER_SECOND
        )

    @contextmanager
    def _deadline(self, method: str, path: str, seconds: float) -> Iterator[anyio.CancelScope]:
        """Raises Unreachable where its body takes longer."""
        try:
            with anyio.fail_after(seconds) as scope:
                yield scope
        except TimeoutError:
            raise Unreachable(
                f"AgentOS did not finish its response to {method} {path} within {seconds:.0f} s.", "Try again."
            ) from None

    def _build_request(self, method: str, path: str, **parts: Any) -> httpx2.Request:
        """Raises InvalidRequest for what cannot be sent: not text, too long for a URL, nested too deeply."""
        if path not in NAMING_PATHS and path != "/openapi.json":
            self.tell_name()
        try:
            return self._pools.shared.build_request(method, path, **parts)
        except (httpx2.InvalidURL, ValueError, TypeError, RecursionError) as error:
            log.info("%s %s could not be built (%s)", Loggable(method), path[:_MAX_PATH_LENGTH], error_kind(error))
            raise InvalidRequest(
                f"{method} {path[:_MAX_PATH_LENGTH]} cannot be sent with these values ({type(error).__name__}).",
                "Give shorter ones, as plain text.",
            ) from None

    def _error_for(self, method: str, path: str, response: httpx2.Response, body: bytes) -> AgentOSError:
        return http_errors.error_for_response(
            method,
            path,
            status=response.status_code,
            headers=response.headers,
            body=body,
            url=self.display_url,
            with_token="Authorization" in response.request.headers,
            unset_variable=self._unset_variable,
            tokens=self._sent_tokens,
        )

    def _transport_errors(self, method: str, path: str) -> http_errors.TransportErrors:
        return http_errors.TransportErrors(f"{method} {path}", self.display_url)


def _default_certificates() -> ssl.SSLContext:
    """The same for all clients of a process: they take megabytes."""
    return _certificates(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.cache
def _certificates(*_sources: str | None) -> ssl.SSLContext:
    """The variables name the sources; OpenSSL reads them itself."""
    return ssl.create_default_context()


def _is_read(method: str, template: str) -> bool:
    return method == "GET" or template in _READING_POSTS or template.endswith("/resume")


def _scheme(url: str) -> str:
    """ "HTTPS://host" -> "https"."""
    return url.partition(":")[0].strip().lower()


_MAX_PATH_LENGTH = 200
_MIN_UPLOAD_BYTES_PER_SECOND = 64 * 1024
"""Bytes a second."""


async def _send(client: httpx2.AsyncClient, request: httpx2.Request) -> httpx2.Response:
    if is_watched():
        request.extensions["trace"] = _note_sent
    return await client.send(request, stream=True)


async def _note_sent(event: str, _: object) -> None:
    if event == _SENT_EVENT:
        waits()


async def _hide_location(response: httpx2.Response) -> None:
    """httpx2 reads where a redirect leads, though it is not followed, and fails on an invalid URL."""
    if "location" in response.headers:
        response.headers["redirects-to"] = response.headers.pop("location")


async def _translate_stream_errors(events: AsyncIterator[Event], path: str) -> AsyncIterator[Event]:
    """The events. Raises Unreachable where they cannot be read, as if the connection had broken."""
    try:
        async for event in events:
            yield event
    except (AgentOSError, httpx2.TransportError):
        raise
    except Exception as error:
        log.warning("The events of POST %s cannot be read", path, exc_info=True)
        raise Unreachable(
            f"AgentOS answered POST {path} with events that cannot be read ({type(error).__name__}).", "Try again."
        ) from error


async def _close(response: httpx2.Response) -> None:
    with anyio.CancelScope(shield=True):
        await response.aclose()


def _content_type_name(content_type: str) -> str:
    return "".join(char for char in content_type.partition(";")[0] if char.isprintable())[:80] or "no content type"


async def _single_event(document: object) -> AsyncIterator[Event]:
    yield Event("RunAccepted", mapping(document))
