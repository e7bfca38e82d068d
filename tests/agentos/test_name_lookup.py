"""Which component a name means: what is found, and what is not guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.agentos.catalog import (
    Component,
    Database,
    Inventory,
    KnowledgeBase,
    display_id,
    match_component,
    to_give_kind,
    to_run,
)
from agentos_mcp.agentos.errors import NotFound
from agentos_mcp.agentos.name_lookup import Fit, Query, closest
from agentos_mcp.agentos.runs.run import KINDS, Kind

COMPONENTS = (
    Component("agent", "research-assistant", "Research Assistant"),
    Component("agent", "support-triage", "Support Triage"),
    Component("agent", "hr-helper", "HR Helper"),
    Component("agent", "writer-agent", "Writer Agent"),
    Component("agent", "letter-writer", "Letter Writer"),
    Component("agent", "chronicler", "Chronicler"),
    Component("agent", "solo", "Solo"),
    Component("agent", "a/b c", "Odd"),
    Component("team", "research-team", "Research Team"),
    Component("team", "support-desk", "Support Desk"),
    Component("team", "solo", "Solo"),
    Component("workflow", "content-pipeline", "Content Pipeline"),
    Component("workflow", "onboarding", "Agent Onboarding"),
)
INVENTORY = Inventory("os", "OS", "", COMPONENTS, (), ())


def test_name_that_fits_several_is_refused_with_what_each_is_for() -> None:
    components = (
        Component("agent", "support-desk", "Support Desk", "Answers questions\non orders."),
        Component("agent", "support-more", "Support More", "x" * 500),
        Component("agent", "support-other", "Support Other"),
    )
    with pytest.raises(NotFound) as refusal:
        match_component("agent", "support", Inventory("", "", "", components, (), ()))
    words = str(refusal.value)
    assert "'support-desk' (\"Answers questions on orders.\"), 'support-more' (\"xxx" in words
    assert words.endswith("'support-other'.")
    assert len(words) < 300


@pytest.mark.parametrize(
    ("kind", "query", "id"),
    [
        ("agent", "HR", "hr-helper"),
        ("agent", "hr", "hr-helper"),
        ("agent", "the HR agent", "hr-helper"),
        ("agent", "assistant research", "research-assistant"),
        ("agent", "triage", "support-triage"),
        ("agent", "the writer agent", "writer-agent"),
        ("agent", "letter", "letter-writer"),
        ("agent", "chronic", "chronicler"),
        ("agent", "a%2Fb%20c", "a/b c"),
        ("agent", "solo", "solo"),
        ("team", "solo", "solo"),
        ("team", "research team", "research-team"),
        ("team", "the research team", "research-team"),
        ("team", "my research-team team", "research-team"),
        ("team", "support team", "support-desk"),
        ("workflow", "my content pipeline workflow", "content-pipeline"),
        ("workflow", "pipeline", "content-pipeline"),
        ("workflow", "contnet pipelin", "content-pipeline"),
        ("workflow", "agent onboarding", "onboarding"),
        ("", "research-team", "research-team"),
        ("", "research team", "research-team"),
        ("", "HR", "hr-helper"),
        ("", "content pipeline workflow", "content-pipeline"),
    ],
)
def test_name_lookup_finds_the_component_that_is_meant(kind: Kind, query: str, id: str) -> None:
    assert match_component(kind, query, INVENTORY).id == id


@pytest.mark.parametrize(
    ("kind", "query", "message"),
    [
        (
            "agent",
            "research team",
            "No agent 'research team'. It is the team 'research-team': use run_team(team_id='research-team').",
        ),
        (
            "agent",
            "research-team",
            "No agent 'research-team'. It is a team: use run_team(team_id='research-team').",
        ),
        (
            "agent",
            "support",
            "'support' could be the agent 'support-triage' or the team 'support-desk'.",
        ),
        ("agent", "writer", "'writer' could be 2 agents. Use one of the ids: 'writer-agent', 'letter-writer'."),
        (
            "",
            "solo",
            "'solo' could be the agent 'solo' or the team 'solo'. Use run_agent(agent_id='solo') or run_team(",
        ),
        (
            "workflow",
            "HR",
            "No workflow 'HR'. Did you mean the agent 'hr-helper'? Use run_agent(agent_id='hr-helper').",
        ),
        ("workflow", "HR workflow", "No workflow 'HR workflow'. There are: 'onboarding', 'content-pipeline'."),
        ("agent", "support team", "No agent 'support team'. Did you mean the team 'support-desk'? Use run_team"),
    ],
)
def test_name_lookup_does_not_guess_between_kinds_or_names(kind: Kind, query: str, message: str) -> None:
    with pytest.raises(NotFound) as refusal:
        match_component(kind, query, INVENTORY, to_run)
    assert str(refusal.value).startswith(message)


def test_name_lookup_prefers_no_similar_name_of_the_wrong_kind() -> None:
    inventory = Inventory("", "", "", (Component("agent", "research-teem", "Research Teem"),), (), ())
    with pytest.raises(NotFound, match=r"No agent 'research team'\. Did you mean 'research-teem'\?"):
        match_component("agent", "research team", inventory)


def test_name_lookup_names_the_kinds_for_a_tool_that_takes_one() -> None:
    with pytest.raises(NotFound, match=r"the agent 'solo' or the team 'solo'\. Use kind=agent or kind=team\."):
        match_component("", "solo", INVENTORY, to_give_kind)


def test_name_lookup_finds_knowledge_bases_and_databases() -> None:
    bases = [
        KnowledgeBase("3d027c57", "Main Hall"),
        KnowledgeBase("9d0f7b5b", "Annex"),
        KnowledgeBase("77", "HR files"),
    ]
    for query, base_id in (
        ("main-hall", "3d027c57"),
        ("Main%20Hall", "3d027c57"),
        ("annexe", "9d0f7b5b"),
        ("hr", "77"),
    ):
        assert [base.id for base in closest(Query(query), bases)[0]] == [base_id]
    assert [base.id for base in closest(Query("the annex knowledge base"), bases)[0]] == ["9d0f7b5b"]
    databases = [Database("first-db"), Database("second-db")]
    assert [base.id for base in closest(Query("first"), databases)[0]] == ["first-db"]
    assert closest(Query("zzz"), databases)[0] == []


def test_name_lookup_finds_nothing_by_a_query_without_letters() -> None:
    for query in ("", " ", "!!!", "the", "..."):
        assert closest(Query(query), COMPONENTS)[0] == []


@pytest.mark.parametrize(
    ("id", "shown"),
    [
        ("日本", "日本"),
        ("café", "café"),
        ("हिन्दी-३", "हिन्दी-३"),
        ("a b", "a%20b"),
        ("日 本", "日%20本"),
        ("日。本", "日%E3%80%82本"),
        ("a\u3164b", "a%E3%85%A4b"),
        ("a\u202eb", "a%E2%80%AEb"),
        ("'); drop", "%27%29%3B%20drop"),
    ],
)
def test_display_id_encodes_all_that_is_no_part_of_a_word(id: str, shown: str) -> None:
    assert display_id(id) == shown


NAMES = st.text(st.sampled_from("abHR -_/%é日"), min_size=1, max_size=12)


@given(st.lists(st.tuples(st.sampled_from(KINDS), NAMES, NAMES), min_size=1, max_size=6, unique_by=lambda row: row[:2]))
def test_name_lookup_finds_every_id_of_a_kind_as_it_is_and_as_our_sentences_name_it(
    rows: list[tuple[Kind, str, str]],
) -> None:
    inventory = Inventory("", "", "", tuple(Component(*row) for row in rows), (), ())
    ids = {component.id for component in inventory.components}
    for component in inventory.components:
        assert match_component(component.kind, component.id, inventory) is component
        shown = display_id(component.id)
        if shown == component.id or shown not in ids:
            _, fit = closest(Query(shown), [component])
            assert fit <= Fit.NAME


@given(st.lists(st.tuples(st.sampled_from(KINDS), NAMES, NAMES), max_size=6), NAMES, st.sampled_from(KINDS))
def test_name_lookup_never_takes_one_of_two_that_fit_alike(
    rows: list[tuple[Kind, str, str]], query: str, kind: Kind
) -> None:
    inventory = Inventory("", "", "", tuple(Component(*row) for row in rows), (), ())
    try:
        component = match_component(kind, query, inventory, to_run)
    except NotFound:
        return

    def fit_of(item: Component) -> Fit:
        fit = Query(query).fit(item)
        return Fit.SIMILAR if fit is None else fit

    fit = fit_of(component)
    others = [other for other in inventory.components if other is not component]
    assert component.kind == kind
    assert fit == Fit.SIMILAR or all(fit_of(other) > fit for other in others if other.kind == kind)
    if fit > Fit.NAME:
        assert all(fit_of(other) > fit or fit == fit_of(other) == Fit.PHRASE for other in others if fit < Fit.SIMILAR)
