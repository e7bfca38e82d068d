"""Turns an HTTP response that is not a success, or none at all, into the AgentOSError that says what to do."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from urllib.parse import urlsplit

import httpx2

from agentos_mcp.agentos.agentos_messages import is_missing_endpoint, is_missing_service, required_scopes
from agentos_mcp.agentos.errors import (
    AgentOSError,
    Forbidden,
    InvalidRequest,
    NotFound,
    RateLimited,
    ServerFailure,
    Unauthorized,
    Unreachable,
    Unsupported,
)
from agentos_mcp.agentos.hints import Hint, Setting, hint
from agentos_mcp.agentos.json_values import decode, text, texts
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.redaction import redact

log = logging.getLogger(__name__)

_MAX_DETAIL_LENGTH = 600
_UNKNOWN_OUTCOME_STATUSES = (0, 502, 504)
"""A response that cannot be read (0), and a proxy's statuses for one that it did not get."""
_MAX_BODY_CHARACTERS = 256 * 1024
_MAX_URL_LENGTH = 300
_MAX_PROBLEMS = 20


def display_url(url: str) -> str:
    """A URL as it may be shown: without a user, a password, a query or a fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an invalid URL"
    host = parts.netloc.rpartition("@")[2]
    return one_line(f"{parts.scheme}://{host}{parts.path}", max_length=_MAX_URL_LENGTH)


def error_detail(body: bytes, tokens: Iterable[str] = ()) -> str:
    """What AgentOS said, in words: `{"detail": "Agent not found"}` -> `Agent not found`.

    A 422's list becomes `message: Field required; stream: ...`. '' where the body says nothing. It is one line, in
    which these tokens, and what looks like a credential, are masked.
    """
    try:
        detail = decode(body)
    except ValueError:
        return ""
    if isinstance(detail, dict):
        detail = detail.get("detail") or detail.get("message") or detail.get("error") or ""
    if isinstance(detail, list):
        detail = "; ".join(_problem(item) for item in detail[:_MAX_PROBLEMS])
    if not isinstance(detail, str):
        detail = json.dumps(detail, ensure_ascii=False)
    # Masked before it is cut: half a token is a secret, too.
    return one_line(
        redact(one_line(detail[:_MAX_BODY_CHARACTERS], max_length=_MAX_BODY_CHARACTERS), tokens),
        max_length=_MAX_DETAIL_LENGTH + 1,
    )


def _problem(item: object) -> str:
    if not isinstance(item, dict):
        return str(item)
    location = ".".join(part for part in texts(item.get("loc")) if part not in {"body", "query", "path"})
    message = text(item.get("msg"))
    return f"{location}: {message}" if location else message


def error_for_response(
    method: str,
    path: str,
    *,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    url: str,
    with_token: bool,
    tokens: Iterable[str] = (),
    unset_variable: str = "",
) -> AgentOSError:
    """The error for a response that is not a success; `tokens` are masked in it."""
    detail = error_detail(body, tokens)
    if status == 401 and unset_variable:
        return Unauthorized(
            f"AgentOS requires a token, and the variable {unset_variable} is not set where the client was started.",
            _set_token(url),
            status=status,
        )
    error = _error_for_status(
        method, path, detail, status=status, headers=headers, url=url, with_token=with_token, tokens=tokens
    )
    error.detail = detail
    return error


def _error_for_status(
    method: str,
    path: str,
    detail: str,
    *,
    status: int,
    headers: Mapping[str, str],
    url: str,
    with_token: bool,
    tokens: Iterable[str],
) -> AgentOSError:
    match status:
        case 401:
            if with_token:
                return Unauthorized(
                    f"AgentOS refuses the token: {detail or 'unauthorized'}.",
                    Hint(("It may have expired, or be for another AgentOS.",)) + _set_token(url),
                    status=status,
                )
            return Unauthorized(
                "AgentOS requires a token, and none is set.",
                _set_token(url),
                status=status,
            )
        case 403:
            return Forbidden(
                f"The token does not allow this: {detail or 'forbidden'}.",
                "Use a token with the scope that is named, or ask the AgentOS's admin.",
                status=status,
                required_scopes=required_scopes(detail),
            )
        case 404 if is_missing_endpoint(detail):
            return Unsupported(
                f"{url} has no {method} {path}.",
                hint("This AgentOS may be too old for that. If yours is elsewhere, {set_url}.", set_url=Setting("url")),
                status=status,
            )
        case 404:
            return NotFound(f"{detail}.".replace("..", "."), "List what there is and use an id from it.", status=status)
        case 429:
            return RateLimited(
                "AgentOS limits the rate of requests.",
                "Wait a moment, then try again.",
                retry_after=_retry_after_seconds(headers.get("retry-after", "")),
            )
        case 400 | 409 | 413 | 422:
            return InvalidRequest(f"AgentOS refused the request: {(detail or str(status)).rstrip('.')}.", status=status)
        case 503 if is_missing_service(detail):
            return Unsupported(f"{detail.rstrip('.')}.", "Set up AgentOS with it, or leave that out.", status=status)
        case _ if 300 <= status < 400:
            target = redact(display_url(headers.get("redirects-to") or headers.get("location", "")), tokens)
            return ServerFailure(
                f"{url} redirects to {target}.",
                hint("If AgentOS is there now, {set_url}.", set_url=Setting("url")),
                status=status,
            )
        case _:
            return ServerFailure(
                f"AgentOS failed on {method} {path} ({status}{': ' + detail if detail else ''}).",
                "Its own log says why.",
                status=status,
            )


def _set_token(url: str) -> Hint:
    return hint("To give it one, {set_token}.", set_token=Setting("token", url))


def _retry_after_seconds(retry_after: str) -> float:
    try:
        seconds = float(retry_after)
    except ValueError:
        return 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def may_have_been_done(error: AgentOSError) -> bool:
    """Whether the request may have been carried out: no response came, or none of AgentOS's own that can be read.

    The connection broke after it was sent, as seen by us or by a proxy before AgentOS (502, 504), or something between
    answered in AgentOS's place (a web page).
    """
    if isinstance(error, Unreachable):
        return error.was_sent
    return (
        isinstance(error, ServerFailure)
        and error.status in _UNKNOWN_OUTCOME_STATUSES
        and not isinstance(error, Unsupported)
    )


def outcome_unknown(error: AgentOSError) -> AgentOSError:
    """The error for a change whose response was lost: sent again, it could be done twice."""
    unknown = error.reworded(
        f"{error.message} It is not known whether it was done.",
        "Look before you do it again, or it may be done twice.",
    )
    unknown.outcome_unknown = True
    return unknown


class TransportErrors:
    """Inside it, httpx2's errors become `Unreachable`, with what was known of the request."""

    def __init__(self, request: str, url: str) -> None:
        self.request = request
        self.url = url

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        match error:
            case httpx2.ConnectTimeout() | httpx2.ConnectError() | httpx2.PoolTimeout():
                raise Unreachable(
                    f"No AgentOS answers at {self.url}.",
                    hint("Start it, or {set_url}.", set_url=Setting("url")),
                    was_sent=False,
                ) from error
            case httpx2.TimeoutException():
                raise Unreachable(f"AgentOS did not answer {self.request} in time.", "Try again.") from error
            case httpx2.DecodingError():
                raise ServerFailure(
                    f"{self.url} answered {self.request} with compressed data that is broken.",
                    "Check AgentOS and the proxies before it.",
                ) from error
            case httpx2.TransportError():
                raise Unreachable(f"The connection to {self.url} broke during {self.request}.", "Try again.") from error
            case httpx2.InvalidURL():
                raise Unreachable(
                    f"{self.url} is not a valid URL.",
                    hint("To correct it, {set_url}.", set_url=Setting("url")),
                    was_sent=False,
                ) from error
            case _:
                return


@contextmanager
def translate_reading_errors(subject: str) -> Iterator[None]:
    """Inside it, a response that cannot be read raises ServerFailure, and the log has the details."""
    try:
        yield
    except READING_ERRORS as error:
        log.exception("AgentOS's answer (%s) could not be read", subject)
        raise reading_failure(error, subject) from error


def reading_failure(error: Exception, subject: str) -> ServerFailure:
    """The error for a response that could not be read."""
    return ServerFailure(
        f"AgentOS's response could not be read ({subject}: {type(error).__name__}).",
        "Is it AgentOS 2.5 or later? This server's log has the details.",
    )


READING_ERRORS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What reading a document of an unexpected shape may raise."""
