"""What waits for a person, as cards: what is asked with which arguments, of whom, since when, how to answer."""

from __future__ import annotations

from itertools import zip_longest

from agentos_mcp.agentos.hints import Action, Hint, Surface, hint
from agentos_mcp.runs.pending import PendingItem, PendingList
from agentos_mcp.runs.pending_table import answered_by, pending_notes, pending_table
from agentos_mcp.views.content import Block, Card, ViewContent


def inbox_view(pending: PendingList, surface: Surface) -> ViewContent:
    """What the view of what waits shows. Nothing can be answered in it."""
    count = len(pending.items)
    table = pending_table(pending)
    return ViewContent(
        f"{count} waiting for an answer" if count else "Nothing waits",
        "paused" if count else "",
        notices=[note] if (note := pending_notes(pending).render(surface)) else [],
        cards=[_card(item, surface) for item in pending.items],
        empty="" if count else table.empty_text(surface),
    )


def _card(item: PendingItem, surface: Surface) -> Card:
    answer = (
        hint("{answer} answers it.", answer=Action.of("continue_run", run=str(item.run))).render(surface)
        if item.run is not None and item.can_be_answered
        else ""
    )
    return Card(
        f"{item.run.kind} {item.run.component}" if item.run is not None else "A run that was not found",
        "paused",
        f"answered by {answered_by(item)}" if answered_by(item) else "not read",
        item.since,
        [("for user", item.user_id), ("run", item.run), ("approval", ", ".join(item.approval_ids))],
        (
            *(
                Block(ask or "Details", details or "No arguments.")
                for ask, details in zip_longest(item.asks, item.details, fillvalue="")
            ),
            Block(
                _left_out_label(item.asks_left_out), _where_all_are(item).render(surface) if item.asks_left_out else ""
            ),
            Block("To answer", answer),
        ),
    )


def _left_out_label(count: int) -> str:
    return f"and {count:,} more question{'s' if count != 1 else ''}"


def _where_all_are(item: PendingItem) -> Hint:
    """What shows all that is asked, of an item with more questions than a card has."""
    look = Action.of("get_approval", approval_id=item.approval_ids[0]) if item.approval_ids else Action.of("get_run")
    if item.run is not None:
        look = Action.of("continue_run" if item.can_be_answered else "get_run", run=str(item.run))
    return hint("{look} shows all that it asks.", look=look, otherwise="AgentOS shows all that it asks.")
