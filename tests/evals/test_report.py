"""Reports, and the choice of a player, without playing anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evals.__main__ import ConfigurationError, choose_player, main
from evals.report import Bars, Report, Row

ROW = Row(
    id="docs",
    toolsets="default",
    first_tool="search_knowledge",
    best_tool="search_knowledge",
    first_tool_is="best",
    acceptable_rank=1,
    calls=1,
    errors=0,
    result_tokens=30,
    problems=(),
)
WRONG = replace(
    ROW,
    id="usage",
    toolsets="all",
    first_tool="",
    first_tool_is="wrong",
    acceptable_rank=7,
    calls=4,
    errors=1,
    result_tokens=90,
    problems=("the answer lacks a|b",),
)
BARS = Bars(first_tool_acceptable=0.5, outcome_right=0.5, calls_default=1.5, calls_all=4.0)


def test_report_totals_are_by_toolsets_and_together() -> None:
    report = Report("nobody", (ROW, WRONG), BARS)
    together = report.total()
    assert (together["requests"], together["first_tool_best"], together["outcome_right"]) == (2, 1, 1)
    assert (together["calls_per_request"], together["tokens_per_request"], together["errors"]) == (2.5, 60, 1)
    assert together["found_in_first_five"] == 1
    assert report.total("default")["calls_per_request"] == 1.0
    assert report.total("all")["tokens_per_request"] == 90


def test_report_of_a_player_that_ranks_nothing_has_no_ranks() -> None:
    report = Report("nobody", (replace(ROW, acceptable_rank=None),), BARS)
    assert report.total()["found_in_first_five"] is None
    assert "found in first five" not in report.to_markdown()


def test_report_of_one_choice_of_tools_has_zeros_for_the_other() -> None:
    report = Report("nobody", (ROW,), BARS)
    assert report.total("all")["requests"] == 0
    assert report.missed_bars() == []
    assert "| all | 0 | 0 | 0 |  | 0 | 0 | 0.0 | 0 |" in report.to_markdown()


def test_report_keeps_bars_that_are_just_reached() -> None:
    assert Report("nobody", (ROW, WRONG), BARS).missed_bars() == []


@pytest.mark.parametrize(
    ("bars", "missed"),
    [
        (replace(BARS, first_tool_acceptable=0.6), "first_tool_acceptable: 1 of 2, at least 60% required"),
        (replace(BARS, outcome_right=0.51), "outcome_right: 1 of 2, at least 51% required"),
        (replace(BARS, calls_default=0.9), "calls a request (default tools): 1.0, at most 0.9 required"),
        (replace(BARS, calls_all=3.9), "calls a request (all tools): 4.0, at most 3.9 required"),
    ],
)
def test_report_says_which_bar_is_missed(bars: Bars, missed: str) -> None:
    report = Report("nobody", (ROW, WRONG), bars)
    assert report.missed_bars() == [missed]
    assert f"Below the bar: {missed}." in report.to_markdown()
    assert report.to_json()["missed_bars"] == [missed]


def test_report_is_a_markdown_table() -> None:
    text = Report("nobody", (ROW, WRONG), BARS).to_markdown()
    assert "| docs | default | search_knowledge (best) | search_knowledge | 1 | 0 | 30 | right |" in text
    assert "| usage | all | none (wrong, a right one is number 7) | " in text
    assert "the answer lacks a\\|b" in text


@pytest.mark.parametrize(
    ("flag", "environment", "player"),
    [
        ("auto", {}, "scripted"),
        ("auto", {"OPENAI_API_KEY": "k"}, "scripted"),
        ("auto", {"EVALS_MODEL": "m", "OPENAI_API_KEY": "k"}, "openai"),
        ("auto", {"EVALS_MODEL": "m", "ANTHROPIC_BASE_URL": "http://localhost"}, "anthropic"),
        ("scripted", {"EVALS_MODEL": "m", "OPENAI_API_KEY": "k"}, "scripted"),
        ("anthropic", {"EVALS_MODEL": "m", "ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}, "anthropic"),
        ("openai", {"EVALS_MODEL": "m"}, "openai"),
    ],
)
def test_player_is_chosen_by_the_flag_or_the_environment(flag: str, environment: dict[str, str], player: str) -> None:
    assert choose_player(flag, environment) == player


@pytest.mark.parametrize(
    ("flag", "environment", "message"),
    [
        ("openai", {"OPENAI_API_KEY": "k"}, "No model is named"),
        ("auto", {"EVALS_MODEL": "m"}, "no endpoint"),
        ("auto", {"EVALS_MODEL": "m", "OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}, "Two endpoints"),
    ],
)
def test_player_that_cannot_be_chosen_is_an_error(flag: str, environment: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        choose_player(flag, environment)


def test_evals_command_names_the_requests_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["nonsense"])
    assert ended.value.code == 2
    assert "there is no request 'nonsense'; choose from agents" in capsys.readouterr().err
