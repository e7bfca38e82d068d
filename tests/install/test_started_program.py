"""Which command lines start agentos-mcp, and which packages they download."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.install.started_program import downloaded_package, is_agentos_mcp_command
from agentos_mcp.terminal.program_name import PROGRAM

OWN = [
    [PROGRAM, "serve"],
    ["/home/ada/.local/bin/agentos-mcp", "serve", "--url", "http://localhost:7777"],
    [r"C:\Users\Ada\.local\bin\agentos-mcp.exe", "serve"],
    ["mcp-server-agentos"],
    ["/opt/venv/bin/mcp-server-agentos", "serve"],
    ["python", "-m", "agentos_mcp"],
    ["/opt/venv/bin/python3.13", "-I", "-X", "utf8", "-m", "agentos_mcp", "serve"],
    [r"C:\Python313\python.exe", "-m", "agentos_mcp"],
    ["py", "-3", "-m", "agentos_mcp"],
    ["python", "/opt/venv/bin/agentos-mcp", "serve"],
    ["uvx", "mcp-server-agentos", "serve"],
    ["/usr/bin/uvx", "mcp-server-agentos@latest"],
    ["uvx", "mcp-server-agentos==0.1.0", "serve"],
    ["uvx", "--python", "3.13", "--from", "mcp-server-agentos[demo]", PROGRAM, "serve"],
    ["uvx", "--from", "/home/ada/agentos-mcp", PROGRAM, "serve"],
    ["uvx", "--from", "git+https://example.com/agentos-mcp", PROGRAM],
    ["uvx", PROGRAM],
    ["uv", "tool", "run", "mcp-server-agentos"],
    ["uv", "run", "--directory", "/home/ada/agentos-mcp", PROGRAM, "serve"],
    ["uv", "--quiet", "run", "--project", "/x", "python", "-m", "agentos_mcp"],
    ["uv", "run", "-m", "agentos_mcp", "serve"],
    ["pipx", "run", "mcp-server-agentos"],
    ["pipx", "run", "--spec", ".", PROGRAM],
    ["docker", "run", "-i", "--rm", "-e", "AGENTOS_TOKEN", "--name", "x", "mcp-server-agentos", "serve"],
    ["docker", "run", "--rm", "-i", "ghcr.io/ada/mcp-server-agentos:0.1.0", "serve"],
    ["podman", "container", "run", "-it", "mcp-server-agentos@sha256:0123"],
    ["env", "AGENTOS_URL=http://x", PROGRAM, "serve"],
    ["cmd", "/c", PROGRAM, "serve"],
    ["cmd.exe", "/C", "uvx", "mcp-server-agentos"],
    ["bash", "-lc", "exec agentos-mcp serve --url http://localhost:7777"],
    ["sh", "-c", "AGENTOS_URL=http://x uvx mcp-server-agentos"],
    ["pwsh", "-NoProfile", "-Command", "& 'agentos-mcp' serve"],
    ["wsl", "-d", "Ubuntu", PROGRAM, "serve"],
    ["conda", "run", "-n", "work", "--no-capture-output", PROGRAM],
    ["poetry", "run", "python", "-m", "agentos_mcp"],
]
FOREIGN = [
    [],
    [""],
    ["agentos"],
    ["agentos-mcp-proxy", "serve"],
    ["/opt/agentos-mcp/bin/other-server"],
    ["agentos_mcp"],
    ["my-agentos-mcp"],
    ["node", "/home/ada/agentos-mcp/dist/index.js"],
    ["node", "/opt/agentos-mcp"],
    ["npx", "-y", "@someone/agentos-mcp-server"],
    ["npx", "-y", "mcp-remote", "http://localhost:7777/mcp", "--name", PROGRAM],
    ["python", "-m", "agentos_mcp_tools"],
    ["python", "/home/ada/agentos_mcp/server.py", PROGRAM],
    ["python", "-c", "print(1)", "-m", "other"],
    ["uvx", "--from", PROGRAM, "agentos-server"],
    ["uvx", "--with", "mcp-server-agentos", "other-server"],
    ["uv", "run", "--directory", "/home/ada/agentos-mcp", "other-server"],
    ["uv", "run", "--directory", "/home/ada/agentos-mcp", "server.py"],
    ["uv", "pip", "list"],
    ["docker", "run", "-i", "--name", PROGRAM, "someone/other"],
    ["docker", "run", "-i", "-v", "/home/ada/agentos-mcp:/x", "someone/agentos-mcp-proxy"],
    ["docker", "exec", "-i", PROGRAM, "other"],
    ["bash", "-c", "cd agentos-mcp && node index.js"],
    ["bash", "agentos-mcp"],
    ["cat", PROGRAM],
    ["other-server", "--config", PROGRAM],
    ["other-server", PROGRAM, "serve"],
    ["bash", "-c", "'"],
]


@pytest.mark.parametrize("command", OWN, ids=" ".join)
def test_command_of_ours_is_recognized(command: list[str]) -> None:
    assert is_agentos_mcp_command(command)


@pytest.mark.parametrize("command", FOREIGN, ids=" ".join)
def test_command_of_another_server_is_not_ours(command: list[str]) -> None:
    assert not is_agentos_mcp_command(command)


@pytest.mark.parametrize(
    ("command", "package"),
    [
        (["uvx", "mcp-server-agentos", "serve"], "mcp-server-agentos"),
        (["uvx", "mcp-server-agentos@latest"], "mcp-server-agentos"),
        (["uvx", "--from", "mcp-server-agentos[demo]>=0.1", PROGRAM], "mcp-server-agentos"),
        (["uvx", PROGRAM], PROGRAM),
        (["uv", "tool", "run", PROGRAM], PROGRAM),
        (["uvx", f"--from={PROGRAM}[demo]", PROGRAM], PROGRAM),
        (["pipx", "run", PROGRAM], PROGRAM),
        (["npx", "-y", PROGRAM], PROGRAM),
        (["uvx", "--from", ".", PROGRAM], ""),
        (["uvx", "--from", "/home/ada/agentos-mcp", PROGRAM], ""),
        (["uvx", "--from", "git+https://example.com/agentos-mcp", PROGRAM], ""),
        (["uv", "run", PROGRAM], ""),
        ([PROGRAM, "serve"], ""),
        (["uvx"], ""),
        ([], ""),
    ],
)
def test_downloaded_package_is_the_one_that_is_named(command: list[str], package: str) -> None:
    assert downloaded_package(command) == package


_WORDS = st.sampled_from(
    ["uvx", "uv", "run", "tool", "bash", "-c", "env", "cmd", "/c", "docker", "--", "-m", "--x", "A=b", "python", "'"]
)


@given(st.lists(_WORDS | st.text(max_size=8), max_size=30))
def test_any_command_line_is_answered(command: list[str]) -> None:
    assert is_agentos_mcp_command(command) in {True, False}
    assert isinstance(downloaded_package(command), str)
