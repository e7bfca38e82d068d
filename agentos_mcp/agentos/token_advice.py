"""How AgentOS is given its token: the one advice for every client, and for this program at a terminal.

A file works everywhere. A variable does not: clients that a desktop starts do not have the shell's, some read none in
an entry, and some pass on only one name.
"""

from __future__ import annotations

TOKEN_FILE = "--token-file PATH"  # noqa: S105 - a flag
KINDS = "its security key, a JWT or a service account token"


def token_advice(url: str, *, client: str = "CLIENT") -> str:
    """The sentence for who lacks a token, or has a wrong one."""
    return (
        f"Put {KINDS} into a file that only you can read: {TOKEN_FILE} at a terminal, "
        f"`agentos-mcp install {client} --url {url} {TOKEN_FILE}` for a client."
    )
