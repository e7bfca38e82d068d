"""What `doctor --fix` changes: shown before, then applied one by one, with what each of them said."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agentos_mcp.agentos.open_file import open_to_read
from agentos_mcp.doctor.findings import Finding
from agentos_mcp.doctor.fixes import AutomaticFix, InstallEntry, RestrictPermissions
from agentos_mcp.install.errors import os_error_reason
from agentos_mcp.install.host_system import HostSystem
from agentos_mcp.install.install_report import InstallReport
from agentos_mcp.install.installation import install
from agentos_mcp.settings import OPTIONS, SettingsError

_OWNER_ONLY = 0o600
_OWN_VARIABLES = {variable for option in OPTIONS for variable in option.variables}


@dataclass(frozen=True)
class AppliedFix:
    """One change. `output` is what it said, without secrets."""

    change: str
    done: bool
    output: str

    def __str__(self) -> str:
        return self.output or self.change


def automatic_fixes(findings: Sequence[Finding]) -> list[AutomaticFix]:
    """What can be fixed here, each once: permissions last, since an entry may name another file then."""
    fixes = dict.fromkeys(finding.automatic for finding in findings if finding.automatic is not None)
    return sorted(fixes, key=lambda fix: isinstance(fix, RestrictPermissions))


def preview_fix(fix: AutomaticFix, system: HostSystem) -> str:
    """What would be changed, as lines; nothing is written."""
    if isinstance(fix, RestrictPermissions):
        return f"- {_permission_change(fix.path)}"
    try:
        return str(_install(fix, system, dry_run=True))
    except SettingsError as error:
        return f"- {_title(fix)}: {error}"


def apply_fix(fix: AutomaticFix, system: HostSystem) -> AppliedFix:
    """Change it. What fails is said in the result, and leaves everything as it was."""
    if isinstance(fix, RestrictPermissions):
        change = _permission_change(fix.path)
        try:
            _restrict(fix.path)
        except (OSError, ValueError) as error:
            reason = os_error_reason(error) if isinstance(error, OSError) else str(error)
            return AppliedFix(change, False, f"✘ {fix.path} was not changed: {reason}")
        return AppliedFix(change, True, f"✔ {change}")
    try:
        report = _install(fix, system, dry_run=False)
    except SettingsError as error:
        return AppliedFix(_title(fix), False, f"✘ {error}")
    return AppliedFix(_title(fix), report.ok, str(report))


def _install(fix: InstallEntry, system: HostSystem, *, dry_run: bool) -> InstallReport:
    # What this shell sets is for what is typed in it: its token must not get into an entry for another AgentOS.
    variables = {name: value for name, value in system.environment.items() if name not in _OWN_VARIABLES}
    system, flags = replace(system, environment=variables), dict(fix.flags)
    return install([fix.client_key], name=fix.name, flags=flags, dry_run=dry_run, verify=False, system=system)


def _title(fix: InstallEntry) -> str:
    return f"{fix.client_key}: install {fix.name!r} again"


def _permission_change(path: Path) -> str:
    try:
        mode = f" (it is {path.stat().st_mode & 0o777:03o})"
    except OSError:
        mode = ""
    return f"chmod 600 {path}{mode}"


def _restrict(path: Path) -> None:
    """Raises OSError and ValueError. The file that is opened is the one that is changed, and only one's own."""
    descriptor = open_to_read(path)
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise ValueError("it is not a regular file")
        if sys.platform == "win32":
            raise ValueError("Windows has other permissions than these")
        else:  # noqa: RET506 - mypy looks at each branch for its own system
            os.fchmod(descriptor, _OWNER_ONLY)
    finally:
        os.close(descriptor)
