"""The whole score card of a server, from what its clients are told of it with different settings."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.score_card import issue_codes, published_files, tool_definitions
from scripts.score_card.criterion import Criterion
from scripts.score_card.server_listing import ServerListing


def score_card(everything: ServerListing, by_default: ServerListing, structured: ServerListing) -> list[Criterion]:
    """Every criterion, from what clients are told with all toolsets, by default, and with `--structured-output`."""
    return [
        *tool_definitions.criteria(everything),
        *tool_definitions.costs(by_default, structured),
        *issue_codes.criteria(everything),
        *published_files.criteria(),
    ]


def as_text(card: Sequence[Criterion]) -> str:
    """A line for each criterion, then what falls short of it and was not meant to."""
    lines = []
    for each in card:
        sign = ("✔" if each.passes else "–") if each.is_as_it_should_be else "✘"
        notes = [each.measured, each.accepted and f"since {each.accepted}"]
        note = "; ".join(filter(None, notes))
        lines.append(f"{sign} {each.directory}: {each.name}{f' ({note})' if note else ''}")
        if not each.is_as_it_should_be:
            lines += [f"    {failure}" for failure in each.failures or ("the reason given is out of date",)]
    passed = sum(each.passes and each.is_as_it_should_be for each in card)
    meant = sum(not each.passes and each.is_as_it_should_be for each in card)
    lines.append(
        f"{passed} of {len(card)} met, {meant} not met for the reason given, {len(card) - passed - meant} short."
    )
    return "\n".join(lines)
