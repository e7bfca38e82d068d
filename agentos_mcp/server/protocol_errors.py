"""Errors of AgentOS as errors of MCP, for requests whose results cannot carry an error as a tool's result can."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS

from agentos_mcp.agentos.errors import AgentOSError, InvalidRequest, NotFound
from agentos_mcp.agentos.plain_text import strip_control_chars, strip_data

log = logging.getLogger(__name__)


@contextmanager
def translate_errors(action: str, data: Mapping[str, str] | None = None) -> Iterator[None]:
    """Raise an AgentOSError as an MCPError with the same message; of an unexpected exception pass on only the type."""
    try:
        yield
    except AgentOSError as error:
        code = INVALID_PARAMS if isinstance(error, NotFound | InvalidRequest) else INTERNAL_ERROR
        raise MCPError(code=code, message=strip_control_chars(str(error)), data=strip_data(data)) from error
    except MCPError:
        raise
    except Exception as error:
        log.exception("%s failed", action)
        message = f"{action} failed ({type(error).__name__}). The server's log says more."
        raise MCPError(code=INTERNAL_ERROR, message=message, data=data) from None
