"""A certified OpenID provider (npm's `oidc-provider`), and the official TypeScript client that signs in there."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests._support.agentos.users import JWT_KEY
from tests._support.another_user import USER_SCOPES
from tests._support.node import environment, node, npm_package
from tests._support.processes import PATIENCE, Process

PROVIDER = ("oidc-provider", "9.13.3")
CLIENT = ("@modelcontextprotocol/client", "2.4.0")
EXCHANGE_CLIENT, EXCHANGE_SECRET = "mcp-server", "the-secret-of-the-MCP-server"
AGENTOS_ID = "users"
"""Of the AgentOS that trusts what this provider exchanges tokens for."""
_PROGRAMS = Path(__file__).with_name("node_programs")
_LISTENING = re.compile(r"^Listening at (\S+)$")


class _Provider(Process):
    _ends_by_signal = True


@contextmanager
def oidc_provider() -> Iterator[str]:
    """The issuer's URL. It knows everybody who gives a name, and grants USER_SCOPES at most."""
    settings = {
        "package": str(npm_package(*PROVIDER)),
        "scopes": USER_SCOPES,
        "agentos": {"id": AGENTOS_ID, "key": JWT_KEY},
        "exchangeClient": {"id": EXCHANGE_CLIENT, "secret": EXCHANGE_SECRET},
    }
    command = (str(node()), str(_PROGRAMS / "oidc_provider.mjs"), json.dumps(settings))
    with _Provider(command=command, given=environment()) as provider:
        line = provider.out.wait_for(lambda line: bool(_LISTENING.match(line)), PATIENCE)
        yield _LISTENING.findall(line)[0]


@dataclass(frozen=True)
class SignedInSession:
    """What the client saw: the request for its authorization, the tools, and what each call answered."""

    authorization: dict[str, str]
    tools: list[str]
    results: list[dict[str, Any]]

    @property
    def texts(self) -> list[str]:
        return [result["text"] for result in self.results]


def signed_in_session(url: str, user: str, calls: Sequence[tuple[str, dict[str, Any]]]) -> SignedInSession:
    """The client is refused, registers, signs in as `user` in the authorization-code flow, and makes these calls."""
    settings = {
        "package": str(npm_package(*CLIENT)),
        "url": url,
        "user": user,
        "calls": [{"name": name, "arguments": arguments} for name, arguments in calls],
    }
    ended = subprocess.run(
        [str(node()), str(_PROGRAMS / "oauth_mcp_client.mjs"), json.dumps(settings)],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=2 * PATIENCE,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return SignedInSession(**json.loads(ended.stdout))
