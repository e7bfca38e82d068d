"""The picture of the demo is what the demo answers."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from scripts.picture.conversation import PERSON, record_conversation
from scripts.picture.svg import FILE, drawn, screen
from scripts.picture.terminal_screen import Screen, UnknownSequence, VisibleRow

LIMIT = 60_000
"""Bytes, so that the page is there at once."""
FAST_PACE = 0.3
"""Every step still takes longer than the time between two notifications."""
STEPS = ["✔ 1/3 research", "✔ 2/3 draft", "✔ 3/3 edit"]
_SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    """What stands in the picture, row by row, when nothing moves."""
    root = ElementTree.fromstring(picture)  # noqa: S314 - it is our own
    staying = [group for group in root.iter(f"{_SVG}g") if "gone" not in group.get("class", "")]
    rows = [" ".join(text.text or "" for text in group.findall(f"{_SVG}text")) for group in staying]
    return [row for row in rows if row]


def without_times(rows: list[str]) -> list[str]:
    return [re.sub(r"\d+(\.\d+)? m?s\b", "0 s", row) for row in rows]


class TestPicture:
    picture = FILE.read_text(encoding="utf-8")

    def test_it_is_small_and_needs_nothing_from_elsewhere(self) -> None:
        assert len(self.picture.encode()) < LIMIT
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)\S*[\"')]", self.picture)
        assert "<script" not in self.picture

    def test_it_brings_its_own_background(self) -> None:
        assert re.search(r'<rect [^>]*width="\d+" height="\d+"[^>]* fill="#\w{6}"', self.picture)

    def test_it_shows_steps_moving_and_rests_where_that_is_asked_for(self) -> None:
        moving = [
            group
            for group in re.findall(r'<g class="\w+ gone">(.*?)</g>', self.picture)
            if "1/3" in group or "2/3" in group
        ]
        assert len(moving) > 5
        assert "@media (prefers-reduced-motion:no-preference)" in self.picture

    def test_its_first_frame_is_the_whole_conversation(self) -> None:
        staying = re.findall(r'<g class="(r\d+)">', self.picture)
        assert len(staying) > 15
        assert [row for row in staying if f"@keyframes {row}{{0.00%{{visibility:visible}}" not in self.picture] == []

    def test_it_shows_a_sentence_steps_an_answer_and_a_form_in_this_order(self) -> None:
        rows = texts(self.picture)
        shown = [f"> {PERSON}", *STEPS, "How to make a good cup of tea", "│ publisher wants to call publish. │"]
        at = [next(number for number, row in enumerate(rows) if row == start) for start in shown]
        assert at == sorted(at)
        assert rows[-2].startswith("Published “How to make a good cup of tea”")

    def test_it_shows_no_markdown(self) -> None:
        assert not [row for row in texts(self.picture) if re.search(r"^#+ |\*|^\||`", row)]

    def test_it_is_what_the_demo_answers_today(self) -> None:
        today = drawn(screen(record_conversation(FAST_PACE)).shown)
        assert without_times(texts(today)) == without_times(texts(self.picture)), "run: python -m scripts.picture"


class TestScreen:
    def shown(self, *pieces: str, columns: int = 20) -> list[tuple[int, str, float, float | None]]:
        screen = Screen(columns)
        for at, piece in enumerate(pieces):
            screen.write(piece.encode(), float(at))
        return [(part.row, part.text, part.since, part.until) for part in screen.shown]

    def test_a_line_that_is_written_over_is_shown_until_then(self) -> None:
        assert self.shown("first", "\r\x1b[2Ksecond") == [(0, "first", 0.0, 1.0), (0, "second", 1.0, None)]

    def test_a_line_that_is_too_long_goes_on_in_the_next_row(self) -> None:
        assert self.shown("abcdefg", columns=5) == [(0, "abcde", 0.0, None), (1, "fg", 0.0, None)]

    def test_sequences_and_characters_may_come_in_pieces(self) -> None:
        screen = Screen(20)
        for at, byte in enumerate("\x1b[32m✔\x1b[0m done".encode()):
            screen.write(bytes([byte]), float(at))
        (last,) = [part for part in screen.shown if part.until is None]
        assert last.text == "✔ done"
        assert [stretch.style for stretch in last.content] == ["32", ""]

    def test_the_cursor_goes_up(self) -> None:
        assert [part for part in self.shown("a\r\nb", "\x1b[1A\r\x1b[2Kc") if part[3] is None] == [
            (1, "b", 0.0, None),
            (0, "c", 1.0, None),
        ]

    def test_what_it_does_not_know_is_refused(self) -> None:
        with pytest.raises(UnknownSequence):
            self.shown("\x1b[2J")


def test_a_row_knows_its_text() -> None:
    assert VisibleRow(0, (), 0.0, None).text == ""
