"""What waits for a person as a table: what is asked, since when, whose run it is, who answers, the reference."""

from __future__ import annotations

from agentos_mcp.agentos.hints import Action, Hint, as_hint, hint
from agentos_mcp.agentos.runs.history import MAX_SESSIONS
from agentos_mcp.agentos.timestamps import to_local
from agentos_mcp.runs.pending import MAX_APPROVALS, PendingItem, PendingList
from agentos_mcp.tooling.results import Table
from agentos_mcp.tooling.typed_values import TypedValue, list_value, run_value, time_value

PENDING_COLUMNS = ("run", "asks", "since", "user", "answered by", "approval", "keys")

_USER = "the user"
_ADMIN = "an admin"
_OUTSIDE = "nobody here"


def pending_table(pending: PendingList, user_id: str = "") -> Table:
    """A row for each run, longest waiting first; the user is left out where only this one's were asked for."""
    notes = pending_notes(pending)
    answerable = any(item.can_be_answered and item.run is not None for item in pending.items)
    answer = hint(
        "Ask the user, then {answer} gives the answers by their keys; without them it says what can be answered.",
        answer=Action.of("continue_run", "run", "answers"),
    )
    resolve = hint(
        "{resolve} decides on an approval.", resolve=Action.of("resolve_approval", "approval_id", "decision")
    )
    has_approval = any(item.approval_ids for item in pending.items)
    return Table(
        PENDING_COLUMNS,
        [_row(item, user_id) for item in pending.items],
        empty=as_hint("Nothing waits for an answer or an approval.") + notes,
        footer=(answer if answerable else as_hint("")) + (resolve if has_approval else as_hint("")) + notes,
    )


def _row(item: PendingItem, user_id: str) -> tuple[object, ...]:
    return (
        run_value(item.run, short=item.run.run) if item.run is not None else TypedValue("(not found)", None),
        TypedValue("; ".join(item.ask_lines), list(item.ask_lines)) if item.asks else TypedValue("(not read)", None),
        time_value(item.since),
        "" if user_id else item.user_id,
        answered_by(item),
        list_value(list(item.approval_ids)) if item.approval_ids else "",
        list_value(list(item.keys)) if item.keys else "",
    )


def answered_by(item: PendingItem) -> str:
    """Who has to answer, in words; '' where that is not known."""
    if not item.asks:
        return ""
    if item.approval_ids:
        return _ADMIN
    return _USER if item.can_be_answered else _OUTSIDE


def pending_notes(pending: PendingList) -> Hint:
    """What may wait beside what is listed."""
    notes = as_hint("")
    if pending.older_until is not None:
        until = to_local(pending.older_until).isoformat()
        notes += hint(
            f"Only the {MAX_SESSIONS} latest sessions were looked at; {{older}} finds older ones.",
            older=Action.of("list_runs", status="paused", until=until),
            otherwise=f"Only the {MAX_SESSIONS} latest sessions were looked at.",
        )
    if pending.unread:
        notes += as_hint(f"What {pending.unread} of these runs ask was not read.")
    if pending.has_more_approvals:
        notes += as_hint(f"Only the first {MAX_APPROVALS} approvals were looked at.")
    if pending.approvals_error:
        notes += as_hint(f"Approvals could not be read: {pending.approvals_error}")
    return notes
