"""The toolsets, one file each. TOOLSET_MODULES is the only list of them; each is imported when it is chosen."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from agentos_mcp.tooling.tool_spec import Toolset

TOOLSETS: tuple[Toolset, ...]
"""All toolsets of one AgentOS, imported when this is first read."""


@dataclass(frozen=True)
class ToolsetModule:
    """Where a toolset is, and the names of its tools, which are known without importing it."""

    name: str
    tool_names: tuple[str, ...]
    module: str = ""
    """Within this package, where it is not called like the toolset."""
    has_default: bool = False
    """Whether tools of it are on where nobody chose."""

    def load(self) -> Toolset:
        toolset: Toolset = importlib.import_module(f"{__name__}.{self.module or self.name}").TOOLSET
        return toolset


TOOLSET_MODULES = (
    ToolsetModule("catalog", ("list_agents", "list_teams", "list_workflows", "get_component"), has_default=True),
    ToolsetModule(
        "runs",
        (
            "run_agent",
            "run_team",
            "run_workflow",
            "get_run",
            "continue_run",
            "list_runs",
            "list_pending",
            "explain_run",
            "compare_runs",
            "cancel_run",
        ),
        has_default=True,
    ),
    ToolsetModule(
        "sessions",
        (
            "list_sessions",
            "get_session",
            "list_session_runs",
            "create_session",
            "rename_session",
            "update_session",
            "delete_session",
            "fork_session",
            "compact_session",
        ),
        has_default=True,
    ),
    ToolsetModule(
        "memory",
        (
            "list_memories",
            "get_memory",
            "create_memory",
            "update_memory",
            "delete_memory",
            "list_memory_topics",
            "get_memory_stats",
            "optimize_memories",
        ),
        has_default=True,
    ),
    ToolsetModule(
        "knowledge",
        (
            "search_knowledge",
            "list_knowledge",
            "get_knowledge",
            "add_knowledge",
            "add_remote_knowledge",
            "refresh_knowledge",
            "update_knowledge",
            "delete_knowledge",
            "get_knowledge_config",
            "list_knowledge_sources",
        ),
        module="knowledge.tools",
        has_default=True,
    ),
    ToolsetModule("traces", ("list_traces", "get_trace", "search_traces", "list_trace_sessions"), "traces.tools"),
    ToolsetModule("metrics", ("get_metrics", "refresh_metrics", "get_metrics_status")),
    ToolsetModule("evals", ("list_evals", "get_eval", "run_eval", "rename_eval", "delete_evals"), "evals.tools"),
    ToolsetModule("approvals", ("list_approvals", "count_approvals", "get_approval", "resolve_approval")),
    ToolsetModule(
        "schedules",
        (
            "list_schedules",
            "get_schedule",
            "create_schedule",
            "update_schedule",
            "enable_schedule",
            "disable_schedule",
            "trigger_schedule",
            "list_schedule_runs",
            "delete_schedule",
        ),
        "schedules.tools",
    ),
    ToolsetModule(
        "learnings",
        (
            "list_learnings",
            "get_learning",
            "create_learning",
            "update_learning",
            "delete_learning",
            "list_learning_users",
        ),
    ),
    ToolsetModule("filesystem", ("list_agent_files", "read_agent_file", "search_agent_files")),
    ToolsetModule("components", ("list_stored_components", "get_stored_component", "list_registry")),
    ToolsetModule("queue", ("list_queue_jobs", "get_queue_stats")),
    ToolsetModule("databases", ("get_config", "list_databases")),
)
INSTANCES = ToolsetModule("instances", ("list_instances",), has_default=True)
"""The toolset of a server with several AgentOSes, which it always has."""


def __getattr__(name: str) -> object:
    if name != "TOOLSETS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    toolsets = tuple(module.load() for module in TOOLSET_MODULES)
    globals()["TOOLSETS"] = toolsets
    return toolsets
