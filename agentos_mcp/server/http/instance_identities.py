"""How callers are told apart where a server has several AgentOSes: on each in a way of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from starlette.types import Scope

from agentos_mcp.agentos.errors import Forbidden, Unauthorized
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.server.callers import Caller
from agentos_mcp.server.http.access_tokens import InvalidToken, MissingScopes
from agentos_mcp.server.http.identity import Identity, Refusal


class InstanceIdentities:
    """How the callers of several AgentOSes are told apart, on each in a way of its own."""

    def __init__(self, by_instance: Mapping[str, Identity | None]) -> None:
        """None where callers share the server's credential for this AgentOS."""
        self._by_instance = by_instance

    @property
    def headers(self) -> tuple[str, ...]:
        """Of a request: those that callers send, beside what admits them."""
        return tuple(header for identity in self._by_instance.values() if identity for header in identity.headers)

    def on(self, instance: str) -> Identity | None:
        """How callers are told apart on this AgentOS; None where they share the server's credential."""
        return self._by_instance[instance]

    async def caller_of(self, scope: Scope) -> Caller:
        """Who sends a request, on each AgentOS. One that knows no caller in it is asked nothing for them.

        Raises Refusal, InvalidToken or MissingScopes where none would be asked anything, and IssuerUnavailable.
        """
        refusals: dict[str, Refusal | InvalidToken | MissingScopes] = {}

        async def identify(name: str, identity: Identity) -> tuple[str, Caller]:
            try:
                return name, await identity.caller_of(scope)
            except (Refusal, InvalidToken, MissingScopes) as error:
                refusals[name] = error
                kind = Forbidden if isinstance(error, MissingScopes) else Unauthorized
                return name, Caller("", refusal=kind(str(error)))

        identities = {name: identity for name, identity in self._by_instance.items() if identity is not None}
        found = dict(await gather(partial(identify, name, identity) for name, identity in identities.items()))
        if len(refusals) == len(self._by_instance):
            raise next(refusals[name] for name in identities)
        return Caller.of_instances(found)


Identities = Identity | InstanceIdentities
"""How a server tells its callers apart."""
