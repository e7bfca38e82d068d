"""The official conformance suite over our HTTP transport, at both versions of the specification.

Each version runs twice, all scenarios in one process: against the server as people run it, where the
scenarios count that need no fixture, and against the same server with the suite's fixtures added.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests._support.conformance_suite import Check, Report, Spec, SuiteError, problems
from tests.conformance.conftest import Reports

# The first test may have to install the suite, start three servers and run fifty scenarios.
pytestmark = pytest.mark.timeout(420)

OLD: Spec = "2025-11-25"
NEW: Spec = "2026-07-28"

LISTS_AND_TRANSPORT = (
    "completion-complete",
    "dns-rebinding-protection",
    "prompts-list",
    "resources-list",
    "server-sse-multiple-streams",
    "tools-list",
)
NEED_NO_FIXTURE: dict[Spec, tuple[str, ...]] = {
    OLD: (
        *LISTS_AND_TRANSPORT,
        "logging-set-level",
        "ping",
        "server-initialize",
        "server-session-lifecycle",
    ),
    NEW: (
        *LISTS_AND_TRANSPORT,
        "caching",
        "http-header-validation",
        "input-required-result-unsupported-methods",
        "sep-2164-resource-not-found",
        "server-stateless",
    ),
}

CONTENTS = (
    "json-schema-2020-12",
    "prompts-get-embedded-resource",
    "prompts-get-simple",
    "prompts-get-with-args",
    "prompts-get-with-image",
    "resources-read-binary",
    "resources-read-text",
    "resources-templates-read",
    "tools-call-audio",
    "tools-call-embedded-resource",
    "tools-call-error",
    "tools-call-image",
    "tools-call-mixed-content",
    "tools-call-simple-text",
    "tools-call-with-progress",
)
NEED_FIXTURES: dict[Spec, tuple[str, ...]] = {
    OLD: (
        *CONTENTS,
        "elicitation-sep1034-defaults",
        "elicitation-sep1330-enums",
        "resources-subscribe",
        "resources-unsubscribe",
        "tools-call-elicitation",
        "tools-call-sampling",
        "tools-call-with-logging",
    ),
    NEW: (
        *CONTENTS,
        "http-custom-header-server-validation",
        "input-required-result-basic-elicitation",
        "input-required-result-basic-list-roots",
        "input-required-result-basic-sampling",
        "input-required-result-capability-check",
        "input-required-result-ignore-extra-params",
        "input-required-result-missing-input-response",
        "input-required-result-multi-round",
        "input-required-result-multiple-input-requests",
        "input-required-result-non-tool-request",
        "input-required-result-request-state",
        "input-required-result-result-type",
        "input-required-result-tampered-state",
        "input-required-result-validate-input",
    ),
}

EVENT_STORE = "legacy streams cannot be taken up again: a run is found again with get_run, so no events are kept"
TASKS = "the extension io.modelcontextprotocol/tasks is not offered"
NOT_OFFERED: dict[Spec, dict[str, str]] = {
    OLD: {"server-sse-polling": EVENT_STORE},
    NEW: {
        "tasks-capability-negotiation": TASKS,
        "tasks-dispatch-and-envelope": TASKS,
        "tasks-lifecycle": TASKS,
        "tasks-mrtr-composition": TASKS,
        "tasks-mrtr-input": TASKS,
        "tasks-request-headers": TASKS,
        "tasks-request-state-removal": TASKS,
        "tasks-required-task-error": TASKS,
        "tasks-status-notifications": "the suite itself skips it",
        "tasks-wire-fields": TASKS,
    },
}
"""Scenarios that fail even with fixtures, and why."""

CAPABILITY = "calls the fixture test_missing_capability"
EXCUSED: dict[tuple[Spec, str], dict[str, str]] = {
    (NEW, "server-stateless"): {
        "sep-2575-server-rejects-undeclared-capability": CAPABILITY,
        "sep-2575-missing-capability-http-400": CAPABILITY,
        "sep-2575-server-sends-prompts-list-changed-on-subscription": "calls the fixture test_trigger_prompt_change",
        "sep-2575-server-sends-tools-list-changed-on-subscription": "calls the fixture test_trigger_tool_change",
    },
}
"""Checks that do not pass on the server as people run it, and why. With fixtures there is no excuse."""


def each(table: dict[Spec, Any]) -> list[Any]:
    return [pytest.param(spec, name, id=f"{spec}-{name}") for spec, names in table.items() for name in names]


@pytest.mark.parametrize(("spec", "scenario"), each(NEED_NO_FIXTURE))
def test_the_server_passes_each_scenario_that_needs_no_fixture(
    real_reports: Reports, spec: Spec, scenario: str
) -> None:
    told = problems(real_reports(spec).of(scenario), EXCUSED.get((spec, scenario), {}))
    assert not told, "\n".join(told)


@pytest.mark.parametrize(
    ("spec", "scenario"), each({spec: NEED_NO_FIXTURE[spec] + NEED_FIXTURES[spec] for spec in NEED_FIXTURES})
)
def test_with_the_suites_fixtures_the_server_passes_each_scenario(
    fixture_reports: Reports, spec: Spec, scenario: str
) -> None:
    told = problems(fixture_reports(spec).of(scenario), {})
    assert not told, "\n".join(told)


@pytest.mark.parametrize(("spec", "scenario"), each(NOT_OFFERED))
def test_what_is_not_offered_is_still_not_passed(fixture_reports: Reports, spec: Spec, scenario: str) -> None:
    told = problems(fixture_reports(spec).of(scenario), {})
    assert told, f"{scenario} passes now: it is no exception any more ({NOT_OFFERED[spec][scenario]})"


@pytest.mark.parametrize("spec", [OLD, NEW])
def test_every_scenario_of_the_suite_is_accounted_for(fixture_reports: Reports, spec: Spec) -> None:
    known = {*NEED_NO_FIXTURE[spec], *NEED_FIXTURES[spec], *NOT_OFFERED[spec]}
    assert set(fixture_reports(spec).checks) == known


def test_a_scenario_that_checks_nothing_has_not_passed() -> None:
    assert problems((), {})
    assert problems((Check("wire-schema-valid", "SUCCESS", ""),), {})
    assert problems((Check("a", "INFO", ""),), {})
    assert not problems((Check("a", "SUCCESS", ""),), {})


@pytest.mark.parametrize("status", ["FAILURE", "WARNING", "SKIPPED"])
def test_a_check_that_did_not_pass_fails_its_scenario_with_the_suites_words(status: str) -> None:
    checks = (Check("a", "SUCCESS", ""), Check("b", status, "it is wrong"))
    assert problems(checks, {}) == [f"{status} b: it is wrong"]
    assert not problems(checks, {"b": "known"})


def test_an_excuse_that_is_not_needed_any_more_is_a_problem() -> None:
    assert problems((Check("a", "SUCCESS", ""),), {"a": "known"}) == ["a passes now: take its excuse away (known)"]


def test_a_scenario_without_a_verdict_fails_with_the_end_of_the_output() -> None:
    with pytest.raises(SuiteError, match=r"no verdict on ping[^\n]*\nit broke"):
        Report({}, "it broke").of("ping")
