"""Scans words for what hostile servers say, with the rules of `hostile_text.yar`."""

from __future__ import annotations

import functools
from pathlib import Path

import yara_x

RULES = Path(__file__).with_suffix(".yar")


@functools.cache
def compiled_rules() -> yara_x.Rules:
    return yara_x.compile(RULES.read_text(encoding="utf-8"))


def matches(text: str) -> list[str]:
    """The names of the rules that a text matches."""
    return [rule.identifier for rule in compiled_rules().scan(text.encode()).matching_rules]
