"""The scripted model plays a script in each dialect, and the table tells a client's fault from ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests._support.marked_page import written_page
from tests.interop.__main__ import main
from tests.interop.conversation import all_parts, script_of, transcript_of
from tests.interop.matrix import ClientFault, ClientReport, problems, reports_table, with_known_faults
from tests.interop.model_dialects import ToolCall
from tests.interop.scripted_model import scripted_model
from tests.interop.wire_record import read_wire_record

FAULT = {"cancel": ClientFault("Esc does nothing", "Client 1.2")}
RESULT = "two agents"


def one_call(results: Sequence[str]) -> ToolCall | str:
    return "That is all." if results else ToolCall("list_agents", {"limit": 3})


def anthropic(call: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
    messages: list[Any] = [{"role": "user", "content": "Play."}]
    if call:
        result = {"type": "tool_result", "tool_use_id": call["content_block"]["id"], "content": RESULT}
        messages.append({"role": "user", "content": [result]})
    tools = [{"name": "mcp__agentos__list_agents"}]
    return "/v1/messages", {"stream": True, "messages": messages, "tools": tools}


def responses(call: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
    items: list[Any] = [{"type": "message", "role": "user", "content": []}]
    if call:
        items.append({"type": "function_call_output", "call_id": call["item"]["call_id"], "output": RESULT})
    tools = [{"type": "namespace", "name": "mcp__agentos", "tools": [{"name": "list_agents"}]}]
    return "/v1/responses", {"stream": True, "input": items, "tools": tools}


def chat(call: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
    messages: list[Any] = [{"role": "user", "content": "Play."}]
    if call:
        made = call["choices"][0]["delta"]["tool_calls"][0]
        messages.append({"role": "tool", "tool_call_id": made["id"], "content": RESULT})
    tools = [{"type": "function", "function": {"name": "agentos_list_agents"}}]
    return "/v1/chat/completions", {"stream": True, "messages": messages, "tools": tools}


def gemini(call: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
    contents: list[Any] = [{"role": "user", "parts": [{"text": "Play."}]}]
    if call:
        made = call["candidates"][0]["content"]["parts"][0]["functionCall"]
        response = {"functionResponse": {"name": made["name"], "response": {"output": RESULT}}}
        contents.append({"role": "user", "parts": [response]})
    tools = [{"functionDeclarations": [{"name": "mcp_agentos_list_agents"}]}]
    return "/v1beta/models/any:streamGenerateContent", {"contents": contents, "tools": tools}


@pytest.mark.parametrize("dialect", [anthropic, responses, chat, gemini])
def test_scripted_model_calls_the_offered_tool_and_then_speaks_its_last_words(dialect: Any) -> None:
    with scripted_model(one_call) as model, httpx.Client(base_url=model.url, trust_env=False) as client:
        path, body = dialect(None)
        first = client.post(path, json=body).text
        events = [json.loads(line[6:]) for line in first.splitlines() if line.startswith("data: {")]
        call = next(event for event in events if "list_agents" in json.dumps(event))
        path, body = dialect(call)
        second = client.post(path, json=body).text
    assert "That is all." not in first
    assert "That is all." in second
    assert model.results == [RESULT]
    assert model.is_finished.is_set()
    assert not model.problems


def test_scripted_model_reports_a_tool_that_the_client_does_not_offer() -> None:
    with scripted_model(lambda _: ToolCall("get_run", {})) as model:
        path, body = chat(None)
        httpx.post(model.url + path, json=body, trust_env=False)
    assert model.problems == ["get_run was not offered among 1 tools: agentos_list_agents"]


def test_script_follows_a_long_run_and_answers_a_question_in_words() -> None:
    script = script_of(all_parts)
    results = ["content-pipeline", "completed", "Still running: working\nrun: agent/assistant/s/r"]
    assert script(results) == ToolCall("get_run", {"run": "agent/assistant/s/r"})
    results += ["completed", "It asks.\nrun: agent/publisher/s/q"]
    answer = {"run": "agent/publisher/s/q", "answers": {"approve": True}}
    assert script(results) == ToolCall("continue_run", answer)
    assert script([*results, "published"]) == "That is all."
    assert transcript_of(all_parts, results).of("long run") == [results[2], results[3]]


def report_with(state: str) -> ClientReport:
    report = ClientReport("Client", "1.2", protocol="2025-11-25")
    report.check("run", True, "9 times progress", "")
    report.check("cancel", state == "works", "", "the run was RUNNING")
    return report


def test_table_has_a_row_for_each_client_and_names_what_is_broken() -> None:
    text = reports_table([report_with("broken")])
    assert "| Client | 1.2 | 2025-11-25 |  |  | ✔ 9 times progress |  |  | ✘ |  |" in text
    assert "- ✘ Client, cancel: the run was RUNNING." in text
    assert problems([report_with("broken")]) == ["Client · cancel: the run was RUNNING"]


def test_known_fault_of_a_client_is_named_and_breaks_nothing() -> None:
    report = with_known_faults(report_with("broken"), FAULT)
    assert not problems([report])
    assert "- ⚠ Client, cancel: Esc does nothing (Client 1.2)." in reports_table([report])


def test_known_fault_hides_nothing_of_a_client_that_does_not_list_the_tools() -> None:
    report = report_with("broken")
    report.breaks("list", "it did not connect")
    assert len(problems([with_known_faults(report, FAULT)])) == 2


def test_fault_that_a_client_no_longer_has_is_a_problem() -> None:
    assert "it works now" in problems([with_known_faults(report_with("works"), FAULT)])[0]


def test_command_ends_with_1_where_something_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["codex"], run=lambda *_: [report_with("works")]) == 0
    assert main(["codex"], run=lambda *_: [report_with("broken")]) == 1
    assert "- ✘ Client, cancel" in capsys.readouterr().out


def test_command_refuses_a_client_that_it_does_not_know() -> None:
    with pytest.raises(SystemExit):
        main(["netscape"])


def test_written_page_keeps_what_is_around_its_part() -> None:
    page = "# Title\n\n<!-- written by make interop -->\n\nold\n\n<!-- until here -->\n\nEnd.\n"
    assert written_page(page, "make interop", "new") == page.replace("old", "new")
    with pytest.raises(ValueError, match="no part"):
        written_page("# Title\n", "make interop", "new")


def test_wire_record_tells_progress_cancellation_and_refusals(tmp_path: Path) -> None:
    said = [
        ("client", {"id": 1, "method": "initialize", "params": {}}),
        ("server", {"id": 1, "result": {"protocolVersion": "2025-11-25"}}),
        ("client", {"id": 2, "method": "tools/call", "params": {"name": "run_agent", "_meta": {"progressToken": 7}}}),
        ("server", {"method": "notifications/progress", "params": {"progressToken": 7, "progress": 1.5}}),
        ("client", {"method": "notifications/cancelled", "params": {"requestId": 2, "reason": "Esc"}}),
        ("client", {"id": 3, "method": "prompts/get", "params": {"name": "x"}}),
        ("server", {"id": 3, "error": {"code": -32602, "message": "Unknown prompt: x."}}),
    ]
    log = tmp_path / "log"
    log.write_text(
        "".join(json.dumps([number, who, json.dumps(what)]) + "\n" for number, (who, what) in enumerate(said))
    )
    record = read_wire_record(log)
    assert record.protocol_version == "2025-11-25"
    assert record.refusals == ["prompts/get: Unknown prompt: x."]
    assert [(call.tool, call.progress, call.cancel_reason) for call in record.calls] == [("run_agent", [1.5], "Esc")]
