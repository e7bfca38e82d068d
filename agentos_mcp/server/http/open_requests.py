"""The requests of clients that are being answered: how many streams are open, and when all answers have been sent."""

from __future__ import annotations

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class OpenRequests:
    """Knows which requests to an application have not been answered."""

    def __init__(self) -> None:
        self.stream_count = 0
        """How many answers are streams of events that have not ended."""
        self._post_count = 0
        self._changed = anyio.Event()

    def watch(self, app: ASGIApp) -> ASGIApp:
        """The application, with its requests counted here."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            is_post, is_stream = scope.get("method") == "POST", False

            async def send_and_count(message: Message) -> None:
                nonlocal is_stream
                if message["type"] == "http.response.start" and not is_stream:
                    is_stream = any(
                        name.lower() == b"content-type" and value.startswith(b"text/event-stream")
                        for name, value in message["headers"]
                    )
                    self.stream_count += is_stream
                await send(message)

            self._post_count += is_post
            try:
                await app(scope, receive, send_and_count)
            finally:
                self.stream_count -= is_stream
                self._post_count -= is_post
                self._changed.set()
                self._changed = anyio.Event()

        return counted

    async def wait_for_answers(self) -> None:
        """Return once all messages of clients are answered. Streams to which clients only listen do not count."""
        while self._post_count:
            await self._changed.wait()
