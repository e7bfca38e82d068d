"""Fetches a JSON document from another server than AgentOS, within limits on its time and its size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anyio
import httpx2

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.http_errors import READING_ERRORS
from agentos_mcp.agentos.json_values import decode
from agentos_mcp.agentos.response_body import ACCEPT_ENCODING, read_document

DEADLINE_SECONDS = 5.0
"""For one document."""
MAX_DOCUMENT_BYTES = 256 * 1024


class FetchFailed(AgentOSError):
    """There was no answer, or none that is a document."""


async def fetch_json(
    method: str, url: str, *, form: Mapping[str, str] | None = None, auth: tuple[str, str] | None = None
) -> Any:
    """The JSON document at a URL. Raises FetchFailed where there is none; redirects are not followed.

    An answer of 400 to 499 to a form is a document too: it says what is wrong with the form.
    """
    try:
        with anyio.fail_after(DEADLINE_SECONDS):
            async with (
                httpx2.AsyncClient(timeout=DEADLINE_SECONDS, headers={"Accept-Encoding": ACCEPT_ENCODING}) as client,
                client.stream(
                    method, url, data=dict(form) if form else None, auth=auth, headers={"Accept": "application/json"}
                ) as response,
            ):
                if not (response.is_success or (form and response.is_client_error)):
                    raise FetchFailed(f"{url} answered {response.status_code}.")
                body = await read_document(
                    response, max_bytes=MAX_DOCUMENT_BYTES, max_parsed_bytes=60 * MAX_DOCUMENT_BYTES
                )
        return decode(body)
    except TimeoutError:
        raise FetchFailed(f"{url} did not answer within {DEADLINE_SECONDS:g} s.") from None
    except (httpx2.HTTPError, httpx2.InvalidURL, AgentOSError, *READING_ERRORS) as error:
        raise FetchFailed(f"{url} could not be read ({type(error).__name__}).") from error
