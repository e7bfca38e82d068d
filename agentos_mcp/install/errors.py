"""What stops an installation, in words that a person can act on."""

from __future__ import annotations


class Refused(Exception):
    """Nothing was changed: what is wrong, and the next move."""

    def __init__(self, message: str, hint: str) -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message} {hint}")


class Broken(Exception):
    """A text that is not what its format wants. `line` counts from 1; 0 where it is not known."""

    def __init__(self, words: str, line: int = 0) -> None:
        self.words = words
        self.line = line
        super().__init__(words)


class Uneditable(Broken):
    """A text that its client reads, and that is written in a way which cannot be edited here without harm."""


def line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
