"""What the tools say of tools and parameters, said of the commands and flags that a person has at a terminal.

Only our own sentences go through here, never what an AgentOS says.
"""

from __future__ import annotations

import re

_COMMANDS: tuple[tuple[str, str], ...] = (
    (
        r"run_(agent|team|workflow)\(\w+_id='([^']*)', session_id='([^']*)'\)",
        r"`agentos-mcp run \1 \2 --session-id \3 -m TEXT`",
    ),
    (r"list_runs\(status='(\w+)'\)", r"`agentos-mcp runs --status \1`"),
    (r"run_(agent|team|workflow)", r"`agentos-mcp run \1`"),
    (r"list_(agents|teams|workflows|runs|sessions|memories|traces)", r"`agentos-mcp \1`"),
    (r"list_session_runs", "`agentos-mcp runs --session-id ID`"),
    (r"get_run", "`agentos-mcp runs RUN`"),
    (r"explain_run(?:\(run\))?", "`agentos-mcp runs RUN --explain`"),
    (r"continue_run(?:\(run(?:, answers)?\))?", "`agentos-mcp continue RUN`"),
    (r"cancel_run", "`agentos-mcp cancel RUN`"),
    (r"get_component", "`agentos-mcp agents ID` (or teams, workflows)"),
    (r"get_config|list_databases", "`agentos-mcp agents --config`"),
    (r"get_trace", "`agentos-mcp traces ID`"),
    (r"(search|add|list)_knowledge(?!_)", r"`agentos-mcp knowledge \1`"),
)
_OTHER_TOOLS = re.compile(
    r"(?<![\w`])((?:get|create|update|delete|list|search|resolve|optimize)_[a-z_]+)(?:\(([a-z_]+='\w+')?\))?"
)
_PARAMETERS = re.compile(
    r"(?<![\w-])(db_id|knowledge_id|session_id|user_id|span_id|factory_input|output_schema|session_state)(?!\w)"
)


def in_commands(words: str) -> str:
    """ "list_runs shows them" -> "`agentos-mcp runs` shows them"; a tool without a command is called a tool."""
    # "run_workflow", but not the "get_run" in "get_run_events".
    for tool, command in _COMMANDS:
        words = re.sub(rf"(?<![\w`]){tool}(?!\w)", command, words)
    words = _OTHER_TOOLS.sub(r"the MCP tool \1", words)
    words = _PARAMETERS.sub(lambda found: f"--{found[1].replace('_', '-')}", words)
    words = re.sub(r"(^|[.:] )the MCP tool", r"\1The MCP tool", words)
    words = re.sub(r"(?<![\w-])page=(\d+)", r"--page \1", words)
    return re.sub(r"\bGive kind:", "Give --kind:", words)
