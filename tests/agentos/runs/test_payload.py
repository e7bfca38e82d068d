from __future__ import annotations

from typing import Any

from agentos_mcp.agentos.runs.payload import choice_descriptions

CHOICES = [{"name": "fast", "description": "Today."}, {"name": "cheap", "description": "Free."}, {"name": "odd"}]
NAMES = frozenset({"fast", "cheap", "odd"})


def test_choice_descriptions_are_found_in_a_router_inside_other_steps() -> None:
    router = {"name": "ship", "steps": CHOICES}
    for page in (
        {"steps": [router]},
        {"steps": [{"name": "a"}, {"name": "check", "steps": [], "else_steps": [{"name": "loop", "steps": [router]}]}]},
    ):
        assert choice_descriptions(page, "ship", NAMES) == {"fast": "Today.", "cheap": "Free."}


def test_choice_descriptions_of_another_router_are_not_taken() -> None:
    pages: list[dict[str, Any]] = [
        {"steps": [{"name": "other", "steps": CHOICES}]},
        {"steps": [{"name": "ship", "steps": CHOICES[:2]}]},
        {"steps": "none"},
        {},
    ]
    for page in pages:
        assert choice_descriptions(page, "ship", NAMES) == {}
