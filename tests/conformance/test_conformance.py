"""The official conformance suite over our HTTP transport, at both versions of the specification.

Each version runs twice, all scenarios in one process: against the server as people run it, where the
scenarios count that need no fixture, and against the same server with the suite's fixtures added.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests._support.conformance_suite import Check, Report, Spec, SuiteError, problems
from tests.conformance.conftest import Reports
from tests.conformance.scenarios import EXCUSED, NEED_FIXTURES, NEED_NO_FIXTURE, NEW, NOT_OFFERED, OLD

# The first test may have to install the suite, start three servers and run fifty scenarios.
pytestmark = pytest.mark.timeout(420)


def each(table: dict[Spec, Any]) -> list[Any]:
    return [pytest.param(spec, name, id=f"{spec}-{name}") for spec, names in table.items() for name in names]


@pytest.mark.parametrize(("spec", "scenario"), each(NEED_NO_FIXTURE))
def test_the_server_passes_each_scenario_that_needs_no_fixture(
    real_reports: Reports, spec: Spec, scenario: str
) -> None:
    failures = problems(real_reports(spec).of(scenario), EXCUSED.get((spec, scenario), {}))
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize(
    ("spec", "scenario"), each({spec: NEED_NO_FIXTURE[spec] + NEED_FIXTURES[spec] for spec in NEED_FIXTURES})
)
def test_with_the_suites_fixtures_the_server_passes_each_scenario(
    fixture_reports: Reports, spec: Spec, scenario: str
) -> None:
    failures = problems(fixture_reports(spec).of(scenario), {})
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize(("spec", "scenario"), each(NOT_OFFERED))
def test_what_is_not_offered_is_still_not_passed(fixture_reports: Reports, spec: Spec, scenario: str) -> None:
    failures = problems(fixture_reports(spec).of(scenario), {})
    assert failures, f"{scenario} passes now: it is no exception any more ({NOT_OFFERED[spec][scenario]})"


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
