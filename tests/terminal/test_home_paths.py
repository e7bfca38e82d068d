"""`~NAME` in a path, where there is no such user: an error in one line, whatever takes the path."""

from __future__ import annotations

import pytest

from tests._support.processes import DOWN
from tests._support.terminal_calls import invoke

NOBODY = "~no-such-user-here/file"


@pytest.mark.parametrize(
    "arguments",
    [
        ("agents", "--token-file", NOBODY),
        ("run", "agent", "echo", "hi", "--file", NOBODY),
        ("run", "agent", "echo", "hi", "--metadata", f"@{NOBODY}"),
        ("use", DOWN, "--token-file", NOBODY),
        ("install", "cursor", "--dry-run", "--url", DOWN, "--token-file", NOBODY),
        ("install", "cursor", "--dry-run", "--url", DOWN, "--allow-files", NOBODY),
        ("serve", "--config", NOBODY),
        ("serve", "--http", "--http-token-file", NOBODY),
    ],
    ids=" ".join,
)
def test_path_of_an_unknown_user_is_refused_in_one_line(arguments: tuple[str, ...]) -> None:
    result = invoke("", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "the home of ~no-such-user-here is not known here" in result.stderr
    assert len(result.stderr.splitlines()) == 1
