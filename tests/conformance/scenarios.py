"""The suite's scenarios: which need no fixture, which need some, and which are not offered, and why."""

from __future__ import annotations

from tests._support.conformance_suite import Spec

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
