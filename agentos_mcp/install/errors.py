"""Why an installation stops, and why a client's configuration cannot be used."""

from __future__ import annotations


class InstallError(Exception):
    """Nothing was changed: what happened, then what to do."""

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message} {hint}")


class InvalidConfigError(Exception):
    """A text that is not valid in its format: `problem` is a clause without a full stop.

    `line` counts from 1; 0 where it is not known.
    """

    def __init__(self, problem: str, line: int = 0) -> None:
        self.problem = problem
        self.line = line
        super().__init__(problem)

    def located_in(self, path: object) -> str:
        """`/path/to/file, line 3: a comma is missing at '"'`."""
        return f"{path}, line {self.line}: {self.problem}" if self.line else f"{path}: {self.problem}"


class UneditableConfigError(InvalidConfigError):
    """A text that its client can read, but that cannot be edited here without changing other parts of it."""


def line_number(text: str, index: int) -> int:
    return text.count("\n", 0, index) + 1


def os_error_reason(error: OSError) -> str:
    """`permission denied`, `no such file or directory`, ..."""
    return (error.strerror or type(error).__name__).lower()
