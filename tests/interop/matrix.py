"""The table of clients: what each of them did with our server, and how the table is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from scripts.surface.markdown_table import table

PARTS = ("install", "list", "run", "long run", "question", "cancel", "uninstall")
State = Literal["works", "fault", "broken"]
SIGNS: Mapping[State, str] = {"works": "✔", "fault": "⚠", "broken": "✘"}


@dataclass(frozen=True)
class Cell:
    """One part of what a client has to do."""

    state: State
    words: str = ""


@dataclass(frozen=True)
class ClientFault:
    """Something that a client does not do, whatever the server does."""

    words: str
    seen_in: str
    """The client's version."""


@dataclass
class ClientReport:
    """What one client did. A part without a cell does not apply to it."""

    client: str
    version: str
    cells: dict[str, Cell] = field(default_factory=dict)
    protocol: str = ""

    def works(self, part: str, words: str = "") -> None:
        self.cells[part] = Cell("works", words)

    def breaks(self, part: str, words: str) -> None:
        self.cells[part] = Cell("broken", words)

    def check(self, part: str, holds: bool, words: str, problem: str) -> None:
        """Note that a part works, or what is wrong with it."""
        self.cells[part] = Cell("works", words) if holds else Cell("broken", problem)

    @property
    def broken(self) -> list[str]:
        return [f"{self.client} · {part}: {cell.words}" for part, cell in self.cells.items() if cell.state == "broken"]


def with_known_faults(report: ClientReport, faults: Mapping[str, ClientFault]) -> ClientReport:
    """The report with what is the client's own fault told apart. A fault that is gone breaks its part.

    Nothing is told apart where the client did not even list the tools: whatever broke then may be ours.
    """
    lists = report.cells.get("list")
    for part, fault in faults.items():
        cell = report.cells.get(part)
        if cell is None or (lists is not None and lists.state == "broken"):
            continue
        if cell.state == "broken":
            report.cells[part] = Cell("fault", f"{fault.words} ({fault.seen_in})")
        elif cell.state == "works":
            report.breaks(part, f"it works now: take the fault of {fault.seen_in} out of the list ({fault.words})")
    return report


def reports_table(reports: Sequence[ClientReport]) -> str:
    """A row for each client, then a line for each cell that does not simply work."""
    rows = [
        (report.client, report.version, report.protocol, *(_shown(report.cells.get(part)) for part in PARTS))
        for report in reports
    ]
    notes = [
        f"- {SIGNS[cell.state]} {report.client}, {part}: {cell.words}."
        for report in reports
        for part in PARTS
        if (cell := report.cells.get(part)) and cell.state != "works"
    ]
    paragraphs = [table(("client", "version", "protocol", *PARTS), rows)]
    if notes:
        paragraphs.append("\n".join(notes))
    return "\n\n".join(paragraphs)


def _shown(cell: Cell | None) -> str:
    if cell is None:
        return ""
    return f"{SIGNS[cell.state]} {cell.words}".strip() if cell.state == "works" else SIGNS[cell.state]


def problems(reports: Iterable[ClientReport]) -> list[str]:
    """What does not work and is no client's own fault."""
    return [problem for report in reports for problem in report.broken]
