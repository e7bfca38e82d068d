"""The outcome of an evaluation in a few words, and its record.

An evaluation is AgentOS's {id, eval_type, name, agent_id, team_id, eval_data, eval_input, ...};
`eval_data` differs by type, and for performance between the answer to a start and the stored one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from agentos_mcp.agentos.formats import format_duration, format_time
from agentos_mcp.agentos.hints import Hint
from agentos_mcp.agentos.json_values import mapping, number, objects
from agentos_mcp.agentos.runs.run import KINDS
from agentos_mcp.tooling.results import Record
from agentos_mcp.tooling.typed_values import time_value

Evaluation = Mapping[str, Any]

EvalType = Literal["accuracy", "agent_as_judge", "performance", "reliability"]

NO_RESULT = "no result"

_MAX_ANSWERS = 3
"""Of many iterations, so many are shown in full, the worst first."""


def eval_outcome(evaluation: Evaluation) -> str:
    """ "PASSED", "8.5/10", "60 ms on average", or that there is none."""
    data = mapping(evaluation.get("eval_data"))
    match evaluation.get("eval_type"):
        case "reliability":
            return str(data.get("eval_status") or NO_RESULT)
        case "accuracy":
            return _score(data.get("avg_score")) or NO_RESULT
        case "agent_as_judge":
            return _judge_outcome(data)
        case "performance":
            average = _number(_figures(data).get("avg_run_time"))
            return f"{format_duration(average)} on average" if average is not None else NO_RESULT
        case _:
            return NO_RESULT


def component_of(evaluation: Evaluation) -> str:
    """ "agent writer"; its name where AgentOS kept no id; '' where it kept neither."""
    for kind in KINDS:
        if evaluation.get(f"{kind}_id"):
            return f"{kind} {evaluation[f'{kind}_id']}"
    return str(evaluation.get("evaluated_component_name") or "")


def eval_line(evaluation: Evaluation) -> str:
    """ "accuracy of agent writer: 8.5/10, nightly, 2026-11-21 05:48 UTC"."""
    component = f" of {component}" if (component := component_of(evaluation)) else ""
    details = (eval_outcome(evaluation), _text(evaluation.get("name")), format_time(evaluation.get("created_at")))
    kind = str(evaluation.get("eval_type") or "eval").replace("_", " ")
    return f"{kind}{component}: {', '.join(filter(None, details))}"


def eval_record(
    evaluation: Evaluation,
    *,
    notes: Mapping[str, object] | None = None,
    run_texts: Mapping[str, str] | None = None,
    footer: Hint | str = "",
) -> Record:
    """An evaluation in short: its result and why, what was asked, expected and answered.

    `run_texts` are the input and the answer of its run, for what AgentOS does not keep with it.
    """
    run_texts = run_texts or {}
    data, eval_input = mapping(evaluation.get("eval_data")), mapping(evaluation.get("eval_input"))
    kind = str(evaluation.get("eval_type") or "eval").replace("_", " ")
    results = _results(data)
    facts: dict[str, object] = {
        "eval": evaluation.get("id"),
        "name": evaluation.get("name"),
        "component": component_of(evaluation),
        "model": evaluation.get("model_id"),
        "made": time_value(evaluation.get("created_at")),
        **_facts(evaluation.get("eval_type"), data, eval_input, results),
        **(notes or {}),
    }
    worst_results = sorted(results, key=_score_order)[:_MAX_ANSWERS]
    first_result = results[0] if results else {}
    texts = {
        "input": _text(eval_input.get("input") or first_result.get("input") or run_texts.get("input")),
        "expected": _text(eval_input.get("expected_output") or first_result.get("expected_output")),
        "criteria": _text(eval_input.get("criteria") or first_result.get("criteria")),
        "guidelines": _text(eval_input.get("additional_guidelines")),
    }
    texts |= dict(_answers(worst_results, total=len(results))) or {"answer": run_texts.get("answer", "")}
    return Record(f"{kind}: {eval_outcome(evaluation)}", facts, texts, footer)


def _facts(
    eval_type: object, data: Mapping[str, Any], eval_input: Mapping[str, Any], results: Sequence[Mapping[str, Any]]
) -> dict[str, object]:
    """What the result is made of, a line each."""
    match eval_type:
        case "reliability":
            expected_arguments = eval_input.get("expected_tool_call_arguments")
            return {
                "tools expected": _list_text(eval_input.get("expected_tool_calls")) or "none",
                "arguments expected": json.dumps(expected_arguments, ensure_ascii=False) if expected_arguments else "",
                "called": _list_text(data.get("passed_tool_calls")),
                "missing": _list_text(data.get("missing_tool_calls")),
                "not allowed": _list_text(data.get("failed_tool_calls")),
                "also called": _list_text(data.get("additional_tool_calls")),
                "wrong arguments": _list_text(data.get("failed_argument_checks")),
            }
        case "performance":
            figures = _figures(data)
            times = [_number(figures.get(f"{which}_run_time")) for which in ("min", "median", "p95", "max")]
            memory = _number(figures.get("avg_memory_usage"))
            runs = data.get("runs") or data.get("run_times")
            return {
                "runs": len(runs) if isinstance(runs, list) else eval_input.get("num_iterations"),
                "min, median, p95, max": ", ".join(
                    format_duration(seconds) for seconds in times if seconds is not None
                ),
                "memory": f"{memory:.2f} MiB on average" if memory is not None else "",
            }
        case "accuracy" if len(results) > 1:
            return {
                "answers judged": len(results),
                "scores": f"{_score(data.get('min_score'))} to {_score(data.get('max_score'))}",
            }
        case "agent_as_judge":
            numeric = eval_input.get("scoring_strategy") == "numeric"
            return {"passes from": f"{eval_input.get('threshold')}/10" if numeric else ""}
        case _:
            return {}


def _answers(results: Sequence[Mapping[str, Any]], *, total: int) -> Iterator[tuple[str, str]]:
    for rank, result in enumerate(results, 1):
        mark = "" if total == 1 else f" {rank} of {total} ({_score(result.get('score')) or 'no score'})"
        yield f"answer{mark}", _text(result.get("output"))
        yield f"reason{mark}", _text(result.get("reason"))


def _judge_outcome(data: Mapping[str, Any]) -> str:
    results, rate = _results(data), _number(data.get("pass_rate"))
    if not results or rate is None:
        return NO_RESULT
    outcome = "PASSED" if rate >= 100 else "FAILED" if rate <= 0 else f"{rate:.0f} % passed"
    score = _score(data.get("avg_score"))
    return f"{outcome} ({score})" if score else outcome


def _figures(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The figures, which a stored evaluation has one floor deeper."""
    stored = data.get("result")
    return stored if isinstance(stored, Mapping) else data


def _results(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return objects(data.get("results"))


def _score_order(result: Mapping[str, Any]) -> float:
    score = _number(result.get("score"))
    return score if score is not None else 10.0 if result.get("passed") else 0.0


def _score(value: object) -> str:
    score = _number(value)
    return "" if score is None else f"{score:.1f}/10".replace(".0/", "/")


def _number(value: object) -> float | None:
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _list_text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else ""


def _text(value: object) -> str:
    return "" if value is None else str(value)
