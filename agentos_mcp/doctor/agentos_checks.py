"""Checks of the AgentOS itself: its version, what the token permits, its components and databases."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import anyio

from agentos_mcp.agentos.catalog import Catalog, Inventory
from agentos_mcp.agentos.client import AgentOS, Limits
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, ServerFailure, Unauthorized, Unreachable, Unsupported
from agentos_mcp.agentos.features import OLDEST, Discovery, Features
from agentos_mcp.agentos.hints import Setting
from agentos_mcp.agentos.plain_text import one_line
from agentos_mcp.agentos.runs.run import KINDS
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.agentos.timestamps import to_local
from agentos_mcp.agentos.token_claims import read_claims
from agentos_mcp.agentos.token_reference import unset_variable
from agentos_mcp.doctor.agentos_probe import CREDENTIALS
from agentos_mcp.doctor.findings import Finding, Report, bad, good, warning
from agentos_mcp.doctor.fixes import Fix, FixStep, OtherCommand, from_hint, run_command
from agentos_mcp.doctor.token_checks import SERVICE_ACCOUNT_PREFIX, TokenPermissions, probe_permissions
from agentos_mcp.settings import Settings
from agentos_mcp.terminal.command_surface import CommandSurface

TIMEOUT_SECONDS = 15.0
"""For all requests to the AgentOS, except a trial run."""

_LIMITS = Limits(connect_seconds=2.0, read_seconds=8.0, read_attempts=1)
_EXPIRES_SOON = timedelta(days=1)
_CHECK_LOG = FixStep("Its own log says why.")


async def check_agentos(settings: Settings, report: Report, surface: CommandSurface | None = None) -> bool:
    """Report everything about the AgentOS at `settings.url`; whether it can be used.

    `surface` writes the commands that are about it.
    """
    surface = surface or CommandSurface()
    try:
        with anyio.fail_after(TIMEOUT_SECONDS):
            async with AgentOS(
                settings.url, token=settings.token, limits=_LIMITS, read_only=settings.read_only
            ) as agent_os:
                return await _AgentOSChecks(agent_os, settings, report, surface).run()
    except TimeoutError:
        message = f"it does not answer all requests within {TIMEOUT_SECONDS:g} s"
        report(bad("AgentOS", message, FixStep("Check what keeps it busy.")))
    except AgentOSError as error:
        report(bad("AgentOS", one_line(error.message), *from_hint(error, surface, _CHECK_LOG)))
    return False


class _AgentOSChecks:
    def __init__(self, agent_os: AgentOS, settings: Settings, report: Report, surface: CommandSurface) -> None:
        self._agent_os = agent_os
        self._settings = settings
        self._token = settings.token()
        self._report = report
        self._surface = surface

    async def run(self) -> bool:
        features = await Discovery(self._agent_os).features()
        self._report(_version_finding(features))
        inventory = await self._read_inventory(features)
        if inventory is None:
            return False
        requires_token = await self._requires_token(features)
        self._report(self._accepted_token(features) if requires_token else self._token_not_required())
        permissions = None
        if requires_token and (features.auth_mode != "security_key" or self._token.startswith(SERVICE_ACCOUNT_PREFIX)):
            permissions = await probe_permissions(self._agent_os, features, inventory)
            self._report(self._scopes_finding(permissions, features))
        self._report(_components_finding(inventory, permissions))
        for finding in await self._check_databases(inventory, features):
            self._report(finding)
        return True

    async def _read_inventory(self, features: Features) -> Inventory | None:
        """None where the token does not permit it, or there is none; that is reported."""
        try:
            inventory = await Catalog(self._agent_os).inventory(retry=False)
        except Unauthorized as error:
            self._report(self._refused_token(error, features))
        except Unsupported:
            message = f"{self._agent_os.display_url} has no /config, so it is not an AgentOS"
            self._report(bad("AgentOS", message, FixStep("Check the address.")))
        else:
            if not inventory.is_complete:
                message = "the token may not read it (config:read): databases and knowledge bases are not known"
                self._report(warning("Configuration", message, *self._add_scopes(["config:read"], features)))
            return inventory
        return None

    def _refused_token(self, error: Unauthorized, features: Features) -> Finding:
        credential = _credential(features)
        fix = from_hint(error, self._surface)
        if not self._token:
            return bad("Token", f"AgentOS requires {credential}, and none is set", *fix)
        if name := unset_variable(self._token):
            message = f"AgentOS requires {credential}, and the variable {name} is not set where this was started"
            return bad("Token", message, *fix)
        reason = one_line(error.message).rstrip(".")
        claims = read_claims(self._token)
        if claims and claims.expires and claims.expires < datetime.now(UTC):
            return bad("Token", f"{reason}; it expired on {_local_time(claims.expires)}", *fix)
        return bad("Token", f"{reason}; AgentOS requires {credential}", *fix)

    def _install_command(self, instruction: str, *flags: str) -> FixStep:
        return run_command(instruction, "install", "CLIENT", "--url", self._agent_os.display_url, *flags)

    def _token_not_required(self) -> Finding:
        return good("Token", f"AgentOS requires none{'; the one that is set is ignored' if self._token else ''}")

    def _accepted_token(self, features: Features) -> Finding:
        claims = read_claims(self._token)
        message = f"AgentOS requires {_credential(features)}, and accepts this one"
        if claims and claims.scopes:
            message += f" (scopes: {claims.listed_scopes})"
        if claims and claims.expires:
            message += f", until {_local_time(claims.expires)}"
            if claims.expires - datetime.now(UTC) < _EXPIRES_SOON:
                instruction = "Keep it in a file that is renewed, and is read again then"
                return warning("Token", message, self._install_command(instruction, "--token-file", "PATH"))
        return good("Token", message)

    async def _requires_token(self, features: Features) -> bool:
        """Before agno 3.0 AgentOS does not say whether it requires a token; then a request without one is tried."""
        if features.auth_mode or not self._token:
            return features.auth_mode in CREDENTIALS
        async with AgentOS(self._settings.url, limits=_LIMITS) as without_token:
            try:
                await without_token.get("/config", retry=False)
            except (Unauthorized, Forbidden):
                return True
            return False

    def _scopes_finding(self, permissions: TokenPermissions, features: Features) -> Finding:
        granted = (
            f"the token may {', '.join(permissions.granted)}" if permissions.granted else "the token may do nothing"
        )
        if not permissions.denied:
            return good("Scopes", granted)
        denied = ", ".join(f"{permission} ({scope})" for permission, scope in permissions.denied)
        fix = self._add_scopes(permissions.missing_scopes, features)
        return warning("Scopes", f"{granted}; it may not {denied}", *fix)

    def _add_scopes(self, scopes: Sequence[str], features: Features) -> Fix:
        set_token = FixStep(f"Then {self._surface.setting(Setting('token', self._agent_os.display_url))}")
        if read_claims(self._token) or not features.has("POST", "/service-accounts"):
            return (FixStep(f"If it should, have these scopes added to it: {' '.join(scopes)}"), set_token)
        all_scopes = dict.fromkeys(("config:read", *scopes))
        body = {"name": "agentos-mcp", "scopes": [{"scope": scope} for scope in all_scopes]}
        create = OtherCommand(
            (
                *("curl", "-X", "POST", f"{self._agent_os.display_url}/service-accounts"),
                *("-H", "Authorization: Bearer ADMIN_TOKEN", "-H", "Content-Type: application/json"),
                *("-d", json.dumps(body, separators=(",", ":"))),
            )
        )
        instruction = "If it should, create a new one as an admin, with the scopes of the old one added"
        return (FixStep(instruction, create), set_token)

    async def _check_databases(self, inventory: Inventory, features: Features) -> list[Finding]:
        if not inventory.is_complete:
            return []
        if not inventory.databases:
            message = (
                "there is none: runs end with their connection and cannot be found again, and there are no sessions, "
                "memories or traces"
            )
            fix = FixStep('Give your AgentOS one: AgentOS(db=SqliteDb(db_file="agentos.db"), ...)')
            return [warning("Database", message, fix)]
        failures = await self._unreadable_databases(inventory)
        if failures:
            return [
                bad("Database", f"{name} cannot be read: {reason}", FixStep(f"Check {name}; its own log says why."))
                for name, reason in failures
            ]
        names = ", ".join(inventory.databases)
        if features.background("agent"):
            findings = [good("Database", f"{names}: runs continue in the background when the connection is lost")]
        else:
            findings = [good("Database", f"{names}, but this version cannot run in the background")]
        if len(inventory.databases) > 1 and not self._settings.db_id:
            message = (
                f"there are {len(inventory.databases)}, so tools for sessions, memories and the like ask which one"
            )
            instruction = "To always use the same one"
            fix = self._install_command(instruction, "--db-id", inventory.databases[0])
            findings.append(warning("Databases", message, fix))
        return findings

    async def _unreadable_databases(self, inventory: Inventory) -> list[tuple[str, str]]:
        """The databases that cannot be read, each with the reason that AgentOS gives."""
        reasons: dict[str, str] = {}
        names = inventory.stores.get("session", ())

        async def read(name: str) -> None:
            try:
                await self._agent_os.get("/sessions", query={"db_id": name, "limit": 1}, retry=False)
            except Unsupported:
                return
            except (ServerFailure, Unreachable) as error:
                reasons[name] = one_line(error.message)
            except AgentOSError:
                return  # reported by another check

        await gather(partial(read, name) for name in names)
        return [(name, reasons[name]) for name in names if name in reasons]


def _version_finding(features: Features) -> Finding:
    upgrade = FixStep("Upgrade it", OtherCommand(("pip", "install", "-U", "agno")))
    if features.declared is not None and not features.has("GET", "/info"):
        return bad("Version", f"older than agno {OLDEST}, the oldest supported version", upgrade)
    version = f"agno {features.version}" if features.version else "it does not report its version of agno"
    if not features.resume("agent"):
        older = "" if features.version else " (older than 2.6)"
        message = f"{version}{older}; a run cannot be followed again, so it ends with its connection"
        return warning("Version", message, upgrade)
    return good("Version", version)


def _components_finding(inventory: Inventory, permissions: TokenPermissions | None) -> Finding:
    if inventory.components:
        counts = [(len(inventory.of(kind)), kind) for kind in KINDS]
        return good("Components", ", ".join(f"{number} {kind}{'' if number == 1 else 's'}" for number, kind in counts))
    missing_scopes = permissions.missing_scopes if permissions else []
    component_scopes = [scope for scope in missing_scopes if scope.partition(":")[0] in {f"{kind}s" for kind in KINDS}]
    if component_scopes:
        fix = FixStep(f"Use a token with the scopes {' '.join(component_scopes)}.")
        return warning("Components", "the token sees no agents, teams or workflows", fix)
    fix = FixStep("Add some: AgentOS(agents=[...])")
    return warning("Components", "there are no agents, teams or workflows", fix)


def _credential(features: Features) -> str:
    return CREDENTIALS.get(features.auth_mode, "a token")


def _local_time(moment: datetime) -> str:
    return f"{to_local(moment):%Y-%m-%d %H:%M}"
