"""One HTTP client for one AgentOS: credentials, quoting, retries of reads, limits, errors.

Everything above this file names a path template and its values, and nothing more of HTTP.
"""

from __future__ import annotations

import json as jsonlib
import logging
import random
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import anyio
import httpx
from httpx_sse import EventSource

from agentos_mcp.agentos import answers
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, RateLimited, ServerFailure, Unreachable
from agentos_mcp.agentos.events import Event, read_events
from agentos_mcp.agentos.paths import fill

log = logging.getLogger(__name__)

Values = Mapping[str, str]
Query = Mapping[str, str | int | float | bool | list[str]]
Parts = list[tuple[str, tuple[str, bytes, str]]]
"""Files of a form: (field, (file name, content, MIME type))."""

_READING_POSTS = frozenset({"/knowledge/search", "/traces/search"})


@dataclass(frozen=True)
class Limits:
    """Times are in seconds, sizes in bytes."""

    connect: float = 5.0
    read: float = 30.0
    # Background streams carry a comment every 15 s: two missed ones mean a dead connection.
    quiet: float = 45.0
    response: int = 32 * 1024 * 1024
    read_attempts: int = 3
    longest_retry_wait: float = 10.0


class AgentOS:
    """A running AgentOS at `url`. `token` is asked before every request, so that it can change.

    `read_only`: what could change anything is refused before it is sent.
    Use it as an async context manager; it is safe for many tasks at once. Raises Unreachable for a
    proxy in the environment that cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Callable[[], str] = lambda: "",
        limits: Limits | None = None,
        read_only: bool = False,
    ) -> None:
        self.url = url.rstrip("/")
        self.read_only = read_only
        self.limits = limits or Limits()
        self._token = token
        try:
            self._http = httpx.AsyncClient(
                base_url=self.url,
                # uvicorn drops idle connections after 5 s, httpx's default too: a request sent on one
                # that is just being dropped has an unknown fate. So ours go first.
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=2.0),
                # Loading the certificates takes longer than a local request; plain HTTP needs none.
                verify=ssl.create_default_context() if self.url.startswith("https:") else False,
                headers={"User-Agent": "agentos-mcp"},
            )
        except (ImportError, ValueError, httpx.InvalidURL):
            # Of the variables only their names are said: a proxy's URL may hold a password.
            raise Unreachable(
                "A proxy that the environment names cannot be used.",
                "Correct or unset HTTP_PROXY, HTTPS_PROXY and ALL_PROXY (SOCKS is not supported).",
                sent=False,
            ) from None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    @property
    def place(self) -> str:
        """The URL as it may be shown: without a user, a password or a query."""
        return answers.shown_url(self.url)

    async def get(
        self, template: str, values: Values | None = None, query: Query | None = None, *, patient: bool = True
    ) -> Any:
        """GET a JSON document; retried where that can help, unless an early answer matters more."""
        attempts = self.limits.read_attempts if patient else 1
        return await self.request("GET", template, values, query=query, retry=True, attempts=attempts)

    async def request(
        self,
        method: str,
        template: str,
        values: Values | None = None,
        *,
        query: Query | None = None,
        form: Mapping[str, str] | None = None,
        files: Parts | None = None,
        json: object = None,
        retry: bool = False,
        attempts: int | None = None,
        endless: bool = False,
    ) -> Any:
        """Send one request; the answer's JSON, None for an empty answer.

        `retry` says that sending it twice does no harm; without it, it is sent again only if it
        provably never reached AgentOS. `endless` waits for the answer however long it takes.
        Raises the errors of `errors.py`.
        """
        self._permit(method, template)
        most = attempts or self.limits.read_attempts
        path = fill(template, values or {})
        attempt = 1
        while True:
            try:
                return await self._once(method, path, query=query, form=form, files=files, json=json, endless=endless)
            except AgentOSError as error:
                wait = self._wait_before_retry(error, retry, attempt) if attempt < most else None
                if wait is None:
                    raise
                log.info("%s %s: %s Trying again in %.1f s.", method, path, error.message, wait)
            await anyio.sleep(wait)
            attempt += 1

    def _wait_before_retry(self, error: AgentOSError, retry: bool, attempt: int) -> float | None:
        """Seconds until the next attempt, None where there should be none."""
        never_sent = isinstance(error, Unreachable) and not error.sent
        if not (retry or never_sent):
            return None
        if isinstance(error, RateLimited) and error.retry_after:
            return error.retry_after if error.retry_after <= self.limits.longest_retry_wait else None
        backoff: float = 0.2 * 2 ** (attempt - 1)
        return backoff * random.uniform(0.5, 1.5) if error.passing else None  # noqa: S311 - jitter is no secret

    async def _once(
        self,
        method: str,
        path: str,
        *,
        query: Query | None,
        form: Mapping[str, str] | None,
        files: Parts | None,
        json: object,
        endless: bool,
    ) -> Any:
        request = self._http.build_request(
            method,
            path,
            params=query,
            data=dict(form) if form else None,
            files=files,
            json=json,
            headers=self._headers(),
            timeout=self._timeout(None if endless else self.limits.read),
        )
        with self._transport_errors(method, path):
            response = await self._http.send(request, stream=True)
            try:
                body = await self._read(response)
            finally:
                await response.aclose()
        if not response.is_success:
            raise self._refusal(method, path, response, body)
        return self._document(body, response.headers.get("content-type", ""), method, path)

    @asynccontextmanager
    async def stream(
        self,
        template: str,
        values: Values,
        form: Mapping[str, str],
        *,
        files: Parts | None = None,
        kept_alive: bool,
        idempotency_key: str = "",
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """POST a form and read the answer as events. Sent once, never again.

        `kept_alive` says that the stream is never quiet for long (background and resumed streams),
        so that silence means a dead connection; a foreground stream may be silent for hours.
        Leaving the context drops the connection. Raises Unreachable where the stream breaks.
        An AgentOS that takes the run without streaming it (202) gives one event, `RunAccepted`.
        `idempotency_key`: a durable queue takes the same start with the same key only once.
        """
        self._permit("POST", template)
        path = fill(template, values)
        quiet = self.limits.quiet if kept_alive else None
        key = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        request = self._http.build_request(
            "POST",
            path,
            data=dict(form),
            files=files,
            # Compression on the way would hold events back.
            headers=self._headers() | {"Accept": "text/event-stream", "Accept-Encoding": "identity"} | key,
            timeout=self._timeout(quiet),
        )
        with self._transport_errors("POST", path):
            response = await self._http.send(request, stream=True)
            try:
                if not response.is_success:
                    raise self._refusal("POST", path, response, await self._read(response))
                kind = response.headers.get("content-type", "")
                if "text/event-stream" in kind:
                    yield read_events(EventSource(response))
                else:
                    yield _one(self._document(await self._read(response), kind, "POST", path))
            finally:
                with anyio.CancelScope(shield=True):
                    await response.aclose()

    def _permit(self, method: str, template: str) -> None:
        """Raises Forbidden where this client only reads, and the request could do more."""
        reads = method == "GET" or template in _READING_POSTS or template.endswith("/resume")
        if self.read_only and not reads:
            raise Forbidden("This server is read-only: nothing can be run or changed.", "Start it without --read-only.")

    def _timeout(self, read: float | None) -> httpx.Timeout:
        return httpx.Timeout(self.limits.read, connect=self.limits.connect, read=read)

    def _headers(self) -> dict[str, str]:
        token = self._token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    async def _read(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self.limits.response:
                raise ServerFailure(
                    f"The answer is larger than {self.limits.response // 1024 // 1024} MiB.",
                    "Ask for less: a smaller page, one run instead of a session.",
                )
        return bytes(body)

    def _document(self, body: bytes, kind: str, method: str, path: str) -> Any:
        if not body.strip():
            return None
        try:
            return jsonlib.loads(body)
        except ValueError:
            raise ServerFailure(
                f"{self.place} answered {method} {path} with {kind.partition(';')[0] or 'no content type'}, not JSON.",
                "Is that really an AgentOS? Check AGENTOS_URL.",
            ) from None

    def _refusal(self, method: str, path: str, response: httpx.Response, body: bytes) -> AgentOSError:
        return answers.refusal(
            method,
            path,
            status=response.status_code,
            headers=response.headers,
            body=body,
            place=self.place,
            with_token=bool(self._token()),
        )

    def _transport_errors(self, method: str, path: str) -> answers.TransportErrors:
        return answers.TransportErrors(f"{method} {path}", self.place)


async def _one(document: object) -> AsyncIterator[Event]:
    yield Event("RunAccepted", document if isinstance(document, Mapping) else {})
