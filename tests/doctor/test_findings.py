"""How findings are told: in order, as they come, without secrets, and in any encoding."""

from __future__ import annotations

import json

import anyio
import pytest

from agentos_mcp.doctor.concurrent_checks import side_by_side
from agentos_mcp.doctor.findings import Finding, Tell, as_json, bad, good, healthy, summary, warning
from agentos_mcp.doctor.secret_mask import Mask
from tests._support.doctor_checks import ProgressRecorder

pytestmark = pytest.mark.anyio

ALL = [good("URL", "there"), warning("Database", "none", "Give it one"), bad("Token", "wrong", "One way\nAnother")]


class TestWords:
    def test_the_mending_command_stands_below(self) -> None:
        assert [finding.line() for finding in ALL] == [
            "✔ URL: there",
            "! Database: none\n    Give it one",
            "✘ Token: wrong\n    One way\n    Another",
        ]

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "no such one"])
    def test_marks_are_plain_where_the_encoding_has_no_others(self, encoding: str) -> None:
        assert [finding.line(encoding)[0] for finding in ALL] == ["+", "!", "x"]

    @pytest.mark.parametrize(
        ("findings", "words", "well"),
        [(ALL, "1 broken, 1 to look at.", False), (ALL[:2], "1 to look at.", True), (ALL[:1], "All is well.", True)],
    )
    def test_the_summary_counts(self, findings: list[Finding], words: str, well: bool) -> None:
        assert (summary(findings), healthy(findings)) == (words, well)

    def test_json_says_the_same(self) -> None:
        document = json.loads(as_json(ALL))
        assert document["healthy"] is False
        assert document["findings"][1] == {
            "level": "warning",
            "what": "Database",
            "means": "none",
            "mend": "Give it one",
        }
        assert as_json([good("Run", "“ünï” 日本")]).isascii()


class TestOrder:
    async def test_they_are_told_in_order_however_they_come(self) -> None:
        first_may_go_on, told = anyio.Event(), ProgressRecorder()

        async def first(tell: Tell) -> None:
            tell(good("1", "a"))
            await first_may_go_on.wait()
            tell(good("1", "b"))

        async def second(tell: Tell) -> None:
            tell(good("2", "a"))
            tell(good("2", "b"))

        async def third(tell: Tell) -> None:
            tell(good("3", "a"))
            assert told.names == ["1"], "the first is told at once, the others wait for it"
            first_may_go_on.set()

        await side_by_side([first, second, third], told)
        assert [(finding.what, finding.means) for finding in told.findings] == [
            ("1", "a"),
            ("1", "b"),
            ("2", "a"),
            ("2", "b"),
            ("3", "a"),
        ]

    async def test_a_check_that_breaks_is_told_and_does_not_end_the_others(self) -> None:
        told = ProgressRecorder()

        async def breaks(tell: Tell) -> None:
            raise KeyError("what")

        async def works(tell: Tell) -> None:
            await anyio.lowlevel.checkpoint()
            tell(good("Works", "fine"))

        await side_by_side([breaks, works], told)
        assert told.names == ["Doctor", "Works"]
        assert "KeyError" in told["Doctor"].means
        assert told["Doctor"].level == "bad"


class TestMask:
    def test_secrets_and_what_urls_carry_are_hidden(self) -> None:
        mask = Mask()
        mask.add("osk-1234")
        mask.add("osk-1234-long")
        mask.add("")
        said = "osk-1234-long, osk-1234; http://ann:pw@host:1/mcp?key=k1#f2 and 'postgres://u:pw@h/db'"
        assert mask.hide(said) == "********, ********; http://********@host:1/mcp and 'postgres://********@h/db'"

    def test_a_launch_has_them_in_flags_and_variables(self) -> None:
        mask = Mask()
        variables = {"AGENTOS_TOKEN": "abc", "PROXY_KEY": "proxy-key", "FLAG": "1", "AGENTOS_URL": "http://localhost:1"}
        mask.add_launch(["serve", "--token=from-a-flag"], variables)
        said = "abc proxy-key from-a-flag 1 http://localhost:1"
        assert mask.hide(said) == "******** ******** ******** 1 http://localhost:1"

    def test_nothing_can_move_a_terminals_cursor(self) -> None:
        assert Mask().hide("red\x1b[31m\rone\x07\nnext") == "red\none\nnext"

    def test_a_finding_is_masked_in_both_of_its_texts(self) -> None:
        mask = Mask()
        mask.add("secret")
        finding = mask.over(bad("Token", "a secret", "not secret"))
        assert (finding.means, finding.fix) == ("a ********", "not ********")
