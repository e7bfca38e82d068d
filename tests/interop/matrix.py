"""The table of clients: what each of them did with our server, and how the table is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from scripts.surface.markdown_table import table

PARTS = ("install", "list", "run", "long run", "question", "cancel", "uninstall")
State = Literal["works", "fault", "broken", "absent"]
SIGNS: Mapping[State, str] = {"works": "✔", "fault": "⚠", "broken": "✘", "absent": ""}
BEGIN, END = "<!-- written by make interop -->", "<!-- until here -->"


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
    """The report with what is the client's own fault told apart. A fault that is gone breaks its part."""
    for part, fault in faults.items():
        cell = report.cells.get(part)
        if cell is None:
            continue
        if cell.state == "broken":
            report.cells[part] = Cell("fault", f"{fault.words} (seen in {fault.seen_in})")
        elif cell.state == "works":
            report.breaks(part, f"works now: take the fault of {fault.seen_in} out of the list ({fault.words})")
    return report


def reports_table(reports: Sequence[ClientReport]) -> str:
    """A row for each client and a note for each cell that says something."""
    rows, notes = [], []
    for report in reports:
        signs = []
        for part in PARTS:
            cell = report.cells.get(part, Cell("absent"))
            signs.append(SIGNS[cell.state] or "·")
            if cell.state in {"fault", "broken"}:
                notes.append(f"- {SIGNS[cell.state]} {report.client}, {part}: {cell.words}")
        rows.append((report.client, report.version, report.protocol, *signs))
    details = [
        (report.client, *(report.cells.get(part, Cell("absent")).words for part in ("run", "long run", "question", "cancel")))
        for report in reports
    ]
    parts = [
        table(("client", "version", "protocol", *PARTS), rows),
        "✔ works · ⚠ the client's own fault, named below · ✘ does not work · `·` does not apply",
        *(["\n".join(notes)] if notes else []),
        table(("client", "run", "long run", "question", "cancel"), details),
    ]
    return "\n\n".join(parts)


def written_page(page: str, content: str) -> str:
    """The page with what is between its marks replaced. Raises ValueError for a page without marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"


def write_page(path: Path, content: str) -> None:
    """Replace what is between the marks of a page."""
    path.write_text(written_page(path.read_text(encoding="utf-8"), content), encoding="utf-8")


def problems(reports: Iterable[ClientReport]) -> list[str]:
    """What does not work and is no client's own fault."""
    return [problem for report in reports for problem in report.broken]
