"""Findings: rendered in any encoding and as JSON, reported in order, without secrets."""

from __future__ import annotations

import anyio
import pytest

from agentos_mcp.doctor.findings import Finding, Report, as_data, bad, good, is_healthy, run_checks, summary, warning
from agentos_mcp.doctor.fixes import FixStep, run_command, set_variable
from agentos_mcp.doctor.secret_mask import SecretMask
from tests._support.doctor_checks import SYSTEM, FindingRecorder

pytestmark = pytest.mark.anyio

ALL = [
    good("URL", "there"),
    warning("Database", "none", FixStep("Give it one")),
    bad("Token", "wrong", set_variable("Set it", "AGENTOS_TOKEN", "..."), run_command("", "install", "a b")),
]


class TestRendering:
    def test_finding_is_rendered_with_its_fix_below(self) -> None:
        assert [finding.render(SYSTEM) for finding in ALL] == [
            "✔ URL: there",
            "! Database: none\n    Give it one",
            "✘ Token: wrong\n    Set it: export AGENTOS_TOKEN=...\n    agentos-mcp install 'a b'",
        ]

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "no such one"])
    def test_marks_are_ascii_where_the_encoding_has_no_others(self, encoding: str) -> None:
        assert [finding.render(SYSTEM, encoding)[0] for finding in ALL] == ["+", "!", "x"]

    @pytest.mark.parametrize(
        ("findings", "text", "is_good"),
        [(ALL, "1 problem, 1 warning.", False), (ALL[:2], "1 warning.", True), (ALL[:1], "Everything works.", True)],
    )
    def test_summary_counts_problems_and_warnings(self, findings: list[Finding], text: str, is_good: bool) -> None:
        assert (summary(findings), is_healthy(findings)) == (text, is_good)

    def test_json_has_all_fields(self) -> None:
        document = as_data(ALL, SYSTEM)
        assert document["healthy"] is False
        assert document["findings"][1] == {
            "status": "warning",
            "subject": "Database",
            "client": None,
            "entry": None,
            "url": None,
            "agentos": None,
            "message": "none",
            "details": [],
            "fix": [{"text": "Give it one", "instruction": "Give it one"}],
            "automatic": False,
        }
        set_token, install = document["findings"][2]["fix"]
        assert set_token["set"] == {"AGENTOS_TOKEN": "..."}
        assert install["command"] == ["agentos-mcp", "install", "a b"]


class TestRunChecks:
    async def test_run_checks_reports_in_order(self) -> None:
        first_may_continue, findings = anyio.Event(), FindingRecorder()

        async def first(report: Report) -> None:
            report(good("1", "a"))
            await first_may_continue.wait()
            report(good("1", "b"))

        async def second(report: Report) -> None:
            report(good("2", "a"))
            report(good("2", "b"))

        async def third(report: Report) -> None:
            report(good("3", "a"))
            assert findings.subjects == ["1"], "the first is reported at once, the others wait for it"
            first_may_continue.set()

        await run_checks([first, second, third], findings)
        assert [(finding.subject, finding.message) for finding in findings.findings] == [
            ("1", "a"),
            ("1", "b"),
            ("2", "a"),
            ("2", "b"),
            ("3", "a"),
        ]

    async def test_run_checks_continues_after_a_failed_check(self) -> None:
        findings = FindingRecorder()

        async def fails(report: Report) -> None:
            raise KeyError("what")

        async def works(report: Report) -> None:
            await anyio.lowlevel.checkpoint()
            report(good("Works", "fine"))

        await run_checks([fails, works], findings)
        assert findings.subjects == ["Doctor", "Works"]
        assert "KeyError" in findings["Doctor"].message
        assert findings["Doctor"].level == "bad"


class TestSecretMask:
    def test_mask_hides_secrets_and_parts_of_urls(self) -> None:
        mask = SecretMask()
        mask.add("osk-1234")
        mask.add("osk-1234-long")
        mask.add("")
        text = "osk-1234-long, osk-1234; http://ann:pw@host:1/mcp?key=k1#f2 and 'postgres://u:pw@h/db'"
        assert mask.hide(text) == "********, ********; http://********@host:1/mcp and 'postgres://********@h/db'"

    def test_mask_hides_secrets_of_a_command(self) -> None:
        mask = SecretMask()
        variables = {"AGENTOS_TOKEN": "abc", "PROXY_KEY": "proxy-key", "FLAG": "1", "AGENTOS_URL": "http://localhost:1"}
        mask.add_command(["serve", "--token=from-a-flag"], variables)
        text = "abc proxy-key from-a-flag 1 http://localhost:1"
        assert mask.hide(text) == "******** ******** ******** 1 http://localhost:1"

    def test_mask_strips_control_characters(self) -> None:
        assert SecretMask().hide("red\x1b[31m\rone\x07\nnext") == "red\none\nnext"

    def test_mask_hides_secrets_in_message_and_fix(self) -> None:
        mask = SecretMask()
        mask.add("secret")
        finding = mask.hide_in(bad("Token", "a secret", run_command("not secret", "--token", "secret")))
        assert finding.message == "a ********"
        assert finding.fix == (run_command("not ********", "--token", "********"),)
