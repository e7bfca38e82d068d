"""What the doctor looks at in the AgentOS itself: what it is, what the token may do, what it has."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import anyio

from agentos_mcp.agentos.catalog import Catalog, Inventory
from agentos_mcp.agentos.client import AgentOS, Limits
from agentos_mcp.agentos.errors import AgentOSError, Forbidden, ServerFailure, Unauthorized, Unreachable, Unsupported
from agentos_mcp.agentos.features import OLDEST, Discovery, Features
from agentos_mcp.agentos.runs.run import KINDS
from agentos_mcp.agentos.task_groups import gather
from agentos_mcp.doctor.findings import Finding, Tell, bad, good, warning
from agentos_mcp.doctor.fix_commands import own_command, set_variable_command
from agentos_mcp.doctor.token_checks import SERVICE_ACCOUNT, Allowance, claims_of, try_token
from agentos_mcp.install.host_system import System
from agentos_mcp.settings import Settings
from agentos_mcp.terminal.command_surface import CommandSurface
from agentos_mcp.tooling.markdown import one_line

SECONDS = 15.0
"""For everything that is asked of the AgentOS, a test run aside."""

_LIMITS = Limits(connect=2.0, read=8.0, read_attempts=1)
_SOON = timedelta(days=1)
_MODES = {"security_key": "a security key", "jwt": "a JWT or a service account token"}
_ITS_LOG = "Its own log says why."


async def examine(settings: Settings, system: System, tell: Tell) -> bool:
    """Tell everything about the AgentOS at `settings.url`; whether it can be used."""
    try:
        with anyio.fail_after(SECONDS):
            async with AgentOS(
                settings.url, token=settings.token, limits=_LIMITS, read_only=settings.read_only
            ) as agent_os:
                return await _Examination(agent_os, settings, system, tell).run()
    except TimeoutError:
        tell(
            bad("AgentOS", f"it takes longer than {SECONDS:g} s to answer what it is asked", "See what keeps it busy.")
        )
    except AgentOSError as error:
        tell(bad("AgentOS", one_line(error.message), one_line(error.hint.render(CommandSurface())) or _ITS_LOG))
    return False


class _Examination:
    def __init__(self, agent_os: AgentOS, settings: Settings, system: System, tell: Tell) -> None:
        self._os = agent_os
        self._settings = settings
        self._token = settings.token()
        self._system = system
        self._tell = tell

    async def run(self) -> bool:
        features = await Discovery(self._os).features()
        self._tell(_version(features))
        contents = await self._contents(features)
        if contents is None:
            return False
        locked = await self._is_locked(features)
        self._tell(self._taken(features) if locked else self._ignored())
        allowance = None
        if locked and (features.auth_mode != "security_key" or self._token.startswith(SERVICE_ACCOUNT)):
            allowance = await try_token(self._os, features, contents)
            self._tell(self._scopes(allowance, features))
        self._tell(_components(contents, allowance))
        for finding in await self._databases(contents, features):
            self._tell(finding)
        return True

    async def _contents(self, features: Features) -> Inventory | None:
        """What there is, where the token opens it; None, and why, where not."""
        try:
            return await Catalog(self._os).inventory(retry=False)
        except Unauthorized as error:
            self._tell(self._refused(error, features))
        except Forbidden as error:
            fix = self._more_scopes(["config:read"], features)
            self._tell(bad("Token", f"it may not even see what there is: {one_line(error.message)}", fix))
        except Unsupported:
            self._tell(bad("AgentOS", f"{self._os.place} has no /config, so it is none", "Check the address."))
        return None

    def _refused(self, error: Unauthorized, features: Features) -> Finding:
        mode = _wanted(features)
        export = set_variable_command(self._system, "AGENTOS_TOKEN", "...")
        if not self._token:
            return bad(
                "Token",
                f"AgentOS wants {mode}, and none is set",
                f"Set it: {export} (or --token-file PATH)\n"
                f"For a client: {own_command(self._system, 'install', 'CLIENT', '--token-file', 'PATH')}",
            )
        said = one_line(error.message).rstrip(".")
        claims = claims_of(self._token)
        if claims and claims.expires and claims.expires < datetime.now(UTC):
            return bad("Token", f"{said}; it ended on {_shown(claims.expires)}", f"Get a new one, and set it: {export}")
        return bad("Token", f"{said}; AgentOS wants {mode}", f"Set the right one: {export} (or --token-file PATH)")

    def _ignored(self) -> Finding:
        return good("Token", f"AgentOS asks for none{'; the one that is set is ignored' if self._token else ''}")

    def _taken(self, features: Features) -> Finding:
        claims = claims_of(self._token)
        words = f"AgentOS asks for {_wanted(features)}, and takes this one"
        if claims and claims.scopes:
            words += f" (scopes: {claims.shown_scopes})"
        if claims and claims.expires:
            words += f", until {_shown(claims.expires)}"
            if claims.expires - datetime.now(UTC) < _SOON:
                command = own_command(self._system, "install", "CLIENT", "--token-file", "PATH")
                return warning("Token", words, f"Keep it in a file that is renewed, and read again then: {command}")
        return good("Token", words)

    async def _is_locked(self, features: Features) -> bool:
        """Whether it wants a token at all. Before agno 3.0 it does not say so; then it is tried without."""
        if features.auth_mode or not self._token:
            return features.auth_mode in _MODES
        async with AgentOS(self._settings.url, limits=_LIMITS) as stranger:
            try:
                await stranger.get("/config", retry=False)
            except (Unauthorized, Forbidden):
                return True
            return False

    def _scopes(self, allowance: Allowance, features: Features) -> Finding:
        may = f"the token may {', '.join(allowance.may)}" if allowance.may else "the token may do nothing"
        if not allowance.may_not:
            return good("Scopes", may)
        may_not = ", ".join(f"{what} ({scope})" for what, scope in allowance.may_not)
        return warning("Scopes", f"{may}; it may not {may_not}", self._more_scopes(allowance.scopes, features))

    def _more_scopes(self, scopes: Sequence[str], features: Features) -> str:
        export = set_variable_command(self._system, "AGENTOS_TOKEN", "NEW")
        if claims_of(self._token) or not features.has("POST", "/service-accounts"):
            return f"If it should, have these added to its scopes: {' '.join(scopes)}. Then: {export}"
        wanted = ",".join(
            f'{{"scope":"{scope}"}}' for scope in ("config:read", *(s for s in scopes if s != "config:read"))
        )
        body = f'{{"name":"agentos-mcp","scopes":[{wanted}]}}'
        return (
            "If it should, make a new one as an admin (add the scopes of the old one), then: "
            f"{export}\n"
            f"curl -X POST {shlex.quote(self._os.place + '/service-accounts')} -H 'Authorization: Bearer ADMIN_TOKEN' "
            f"-H 'Content-Type: application/json' -d {shlex.quote(body)}"
        )

    async def _databases(self, contents: Inventory, features: Features) -> list[Finding]:
        if not contents.databases:
            return [
                warning(
                    "Database",
                    "there is none: runs end with their connection and cannot be found again, and there are no "
                    "sessions, memories or traces",
                    'Give your AgentOS one: AgentOS(db=SqliteDb(db_file="agentos.db"), ...)',
                )
            ]
        names = ", ".join(contents.databases)
        broken = await self._broken(contents)
        if broken:
            return [
                bad("Database", words, f"See to {name}; {_ITS_LOG[0].lower()}{_ITS_LOG[1:]}") for name, words in broken
            ]
        if features.background("agent"):
            findings = [good("Database", f"{names}: runs go on in the background, whatever becomes of the connection")]
        else:
            findings = [good("Database", f"{names}, but this version has no runs in the background")]
        if len(contents.databases) > 1 and not self._settings.db_id:
            one = contents.databases[0]
            findings.append(
                warning(
                    "Databases",
                    f"there are {len(contents.databases)}, so tools for sessions, memories and the like ask which one",
                    f"To fix one: {own_command(self._system, 'install', 'CLIENT', '--db-id', one)}",
                )
            )
        return findings

    async def _broken(self, contents: Inventory) -> list[tuple[str, str]]:
        """The databases that cannot be read, with what AgentOS says of them."""
        broken: dict[str, str] = {}
        databases = contents.stores.get("session", ())

        async def read(name: str) -> None:
            try:
                await self._os.get("/sessions", query={"db_id": name, "limit": 1}, retry=False)
            except Unsupported:
                return
            except (ServerFailure, Unreachable) as error:
                broken[name] = f"{name} cannot be read: {one_line(error.message)}"
            except AgentOSError:
                return  # another finding's

        await gather(partial(read, name) for name in databases)
        return [(name, broken[name]) for name in databases if name in broken]


def _version(features: Features) -> Finding:
    upgrade = "Upgrade it: pip install -U agno"
    if features.declared is not None and not features.has("GET", "/info"):
        return bad("Version", f"older than agno {OLDEST}, the oldest that is known to work", upgrade)
    name = f"agno {features.version}" if features.version else "it does not say which agno it is"
    if not features.resume("agent"):
        before = "" if features.version else " (one before 2.6)"
        return warning(
            "Version", f"{name}{before}; runs cannot be joined again, so they end with their connection", upgrade
        )
    return good("Version", name)


def _components(contents: Inventory, allowance: Allowance | None) -> Finding:
    if contents.components:
        counts = [(len(contents.of(kind)), kind) for kind in KINDS]
        words = ", ".join(f"{number} {kind}{'' if number == 1 else 's'}" for number, kind in counts)
        return good("Components", words)
    hidden = (
        [scope for scope in allowance.scopes if scope.partition(":")[0] in {f"{k}s" for k in KINDS}]
        if allowance
        else []
    )
    if hidden:
        return warning(
            "Components",
            "the token sees no agents, teams or workflows",
            f"Use a token with the scopes {' '.join(hidden)}.",
        )
    return warning("Components", "there are no agents, teams or workflows", "Give it some: AgentOS(agents=[...])")


def _wanted(features: Features) -> str:
    return _MODES.get(features.auth_mode, "a token")


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
