"""How to start agentos-mcp from anywhere."""

from __future__ import annotations

from agentos_mcp.install.host_system import System


def server_command(system: System | None = None) -> list[str]:
    """The command by its absolute path, since clients don't see the shell's PATH."""
    system = system or System.here()
    script = "agentos-mcp.exe" if system.platform == "win32" else "agentos-mcp"
    # Not resolved: a virtual environment's python is a link to one that knows nothing of it.
    beside = system.python.absolute().with_name(script)
    return [str(beside)] if beside.is_file() else [str(system.python.absolute()), "-m", "agentos_mcp"]
