from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.paths import fill_path, path_segment
from agentos_mcp.agentos.runs.run import RunRef, new_id

TEXT = st.text(min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("id", "path"),
    [
        ("plain", "/agents/plain/runs"),
        ("a?b#c", "/agents/a%3Fb%23c/runs"),
        ("100%", "/agents/100%25/runs"),
        ("日本", "/agents/%E6%97%A5%E6%9C%AC/runs"),
        ("..", "/agents/%2E%2E/runs"),
        (".", "/agents/%2E/runs"),
        ("a b", "/agents/a%20b/runs"),
    ],
)
def test_path_segment_holds_any_id(id: str, path: str) -> None:
    assert fill_path("/agents/{agent_id}/runs", {"agent_id": id}) == path


@pytest.mark.parametrize("id", ["../sessions", "a/b", "/", "x/runs"])
def test_path_segment_refuses_an_id_with_a_slash(id: str) -> None:
    with pytest.raises(InvalidRequest, match="slash"):
        path_segment(id)


def test_path_segment_refuses_an_empty_id_by_its_name() -> None:
    with pytest.raises(InvalidRequest, match="agent_id is empty"):
        path_segment("", "agent_id")


@given(TEXT.filter(lambda text: "/" not in text and "\x00" not in text))
def test_path_segment_stays_one_segment_for_any_other_id(id: str) -> None:
    path = fill_path("/agents/{agent_id}", {"agent_id": id})
    assert path.count("/") == 2
    assert not set(path) & set("?# \\\n\r")
    assert path.rpartition("/")[2] not in {"", ".", ".."}


@given(TEXT, TEXT, TEXT)
def test_run_reference_parses_back_to_itself(component: str, session: str, run: str) -> None:
    ref = RunRef("workflow", component, session, run)
    assert str(ref).count("/") == 3
    assert RunRef.parse(str(ref)) == ref
    assert RunRef.parse(f" agentos://runs/{ref}\n") == ref


@pytest.mark.parametrize("text", ["", "hello", "agent/x", "robot/a/b/c", "agent/a/b/", "agent/a/b/c/d"])
def test_run_reference_refuses_other_text_with_an_example(text: str) -> None:
    with pytest.raises(InvalidRequest, match="workflow/content-pipeline/<session>/<run>"):
        RunRef.parse(text)


def test_new_id_is_short_and_unique() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(new) for new in ids} == {10}
