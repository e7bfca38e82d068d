"""43 requests as people phrase them: which tool to call first, what has to be true afterwards, and one way there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from evals.checks import (
    Check,
    answer_matches,
    answered_before_end,
    knows,
    no_row,
    not_run,
    ran,
    row_exists,
    run_has_status,
)
from evals.eval_agentos import (
    CAMPAIGN_SESSION,
    DEPLOY_RUN,
    FAILED_RUN,
    JAZZ_MEMORY,
    LONG_RUN,
    NEWSLETTER_RUN,
    OFFSITE_SESSION,
    PAST_RUN,
    PAYMENT_RUN,
    USER,
)

Toolsets = Literal["default", "all"]

NO_TOOL = ""
"""A first tool of a request that may be answered at once, by what the server's instructions say."""


@dataclass(frozen=True)
class FromResults:
    """An argument that earlier results hold: the first group of this regular expression, in the latest that has it."""

    pattern: str


@dataclass(frozen=True)
class Call:
    """A call of a solution. Its arguments, and the keys and values of theirs, may be FromResults."""

    tool: str
    arguments: dict[str, Any]


def call(tool: str, **arguments: Any) -> Call:
    return Call(tool, arguments)


@dataclass(frozen=True)
class Request:
    id: str
    text: str
    best: str
    """The tool that an assistant who knows all tools calls first."""
    solution: tuple[Call, ...]
    checks: tuple[Check, ...]
    also: tuple[str, ...] = ()
    """Other first tools that lead to the outcome without harm."""
    toolsets: Toolsets = "default"

    @property
    def acceptable(self) -> frozenset[str]:
        return frozenset({self.best, *self.also})


_PRODUCT_DOCS = "Product Docs"
_HR_HANDBOOK = "HR Handbook"
_MAILER_KEY = FromResults(r"\b(send-newsletter-[0-9a-f]+)\b")

_DEFAULT: tuple[Request, ...] = (
    # What there is.
    Request(
        "agents",
        "Which agents do we have?",
        best="list_agents",
        also=(NO_TOOL,),
        solution=(call("list_agents"),),
        checks=(answer_matches("translator", "bookkeeper", "hr.helper", "support.escalation"),),
    ),
    Request(
        "teams",
        "What teams are there, and what does each of them do?",
        best="list_teams",
        solution=(call("list_teams"),),
        checks=(answer_matches("research.team", "design.team", "pictures|layout"),),
    ),
    Request(
        "workflows",
        "Show me the pipelines that I can start here, with what they are for.",
        best="list_workflows",
        solution=(call("list_workflows"),),
        checks=(answer_matches("content.pipeline", "nightly.report", "sales"),),
    ),
    Request(
        "inputs",
        "What do I have to fill in to start a launch plan?",
        best="get_component",
        also=("list_workflows",),
        solution=(call("get_component", id="launch-plan"),),
        checks=(answer_matches("product", "audience", "weeks"),),
    ),
    # Run something.
    Request(
        "pipeline",
        "Run my content pipeline on green tea.",
        best="run_workflow",
        solution=(call("run_workflow", workflow_id="content pipeline", message="green tea"),),
        checks=(ran("workflow", "content-pipeline", about="green tea"), answer_matches("tea")),
    ),
    Request(
        "no-wait",
        "Start a deep dive into batteries, but don't wait for it.",
        best="run_workflow",
        solution=(call("run_workflow", workflow_id="deep-dive", message="batteries", wait=0),),
        checks=(answered_before_end("workflow", "deep-dive", about="batter"),),
    ),
    Request(
        "factory",
        "Make me a launch plan for the moon lamp, aimed at developers, four weeks from now.",
        best="run_workflow",
        also=("get_component",),
        solution=(
            call(
                "run_workflow",
                workflow_id="launch-plan",
                message="a launch plan for the moon lamp",
                factory_input={"product": "moon lamp", "audience": "developers", "weeks": 4},
            ),
        ),
        checks=(ran("workflow", "launch-plan", content="moon lamp for developers: 4 weeks"),),
    ),
    Request(
        "short-name",
        "Ask HR how many days of vacation I get.",
        best="run_agent",
        also=("list_agents",),
        solution=(call("run_agent", agent_id="hr-helper", message="How many days of vacation do I get?"),),
        checks=(ran("agent", "hr-helper", about="vacation"), answer_matches("28")),
    ),
    Request(
        "agent",
        "Have the translator put 'good morning' into French.",
        best="run_agent",
        solution=(call("run_agent", agent_id="translator", message="good morning"),),
        checks=(ran("agent", "translator", about="good morning"), answer_matches("français|bonjour")),
    ),
    Request(
        "team",
        "Let the research team look into heat pumps.",
        best="run_team",
        also=("list_teams",),
        solution=(call("run_team", team_id="research team", message="heat pumps"),),
        checks=(
            ran("team", "research-team", about="heat pump"),
            not_run("agent", ("research-assistant",), about="heat pump"),
        ),
    ),
    Request(
        "near-names",
        "Ask support whether order 1138 has shipped. If it isn't clear whom I mean, tell me whom you could ask.",
        best="list_agents",
        also=("run_agent", NO_TOOL),
        solution=(call("run_agent", agent_id="support", message="Has order 1138 shipped?"),),
        checks=(
            not_run("agent", ("support-desk", "support-escalation"), about="1138"),
            answer_matches("support.desk", "support.escalation"),
        ),
    ),
    # Runs that there are.
    Request(
        "result",
        f"What came out of {PAST_RUN}?",
        best="get_run",
        also=("explain_run",),
        solution=(call("get_run", run=PAST_RUN),),
        checks=(answer_matches("coffee"),),
    ),
    Request(
        "failures",
        "Did anything fail since yesterday?",
        best="list_runs",
        solution=(call("list_runs", status="failed", since="yesterday"),),
        checks=(answer_matches("nightly.report"),),
    ),
    Request(
        "why-last-night",
        "Why did last night's report fail?",
        best="list_runs",
        also=("list_sessions",),
        solution=(
            call("list_runs", status="failed", since="yesterday"),
            call("explain_run", run=FromResults(r"(workflow/nightly-report/[\w-]+/[\w-]+)")),
        ),
        checks=(answer_matches("refused"),),
    ),
    Request(
        "what-went-wrong",
        f"Go through {FAILED_RUN} step by step: which steps were fine, and what went wrong?",
        best="explain_run",
        also=("get_run",),
        solution=(call("explain_run", run=FAILED_RUN),),
        checks=(answer_matches("collect", "write", "refused"),),
    ),
    Request(
        "waiting",
        "Is anything waiting for me?",
        best="list_pending",
        also=("list_runs",),
        solution=(call("list_pending"),),
        checks=(answer_matches("mailer|newsletter", "deploy", "admin"),),
    ),
    Request(
        "who-waits",
        "Which runs wait for an answer or an approval, and since when?",
        best="list_pending",
        also=("list_runs",),
        solution=(call("list_pending"),),
        checks=(answer_matches("mailer|newsletter", "deploy", "pay|Ada"),),
    ),
    Request(
        "confirm",
        f"{DEPLOY_RUN} asks whether it may deploy checkout to staging. Yes, go ahead.",
        best="continue_run",
        also=("get_run",),
        solution=(call("continue_run", run=DEPLOY_RUN, answers={"approve": True}),),
        checks=(run_has_status(DEPLOY_RUN, "completed"), answer_matches("deployed")),
    ),
    Request(
        "decline",
        "The mailer wants to send the autumn newsletter. Tell it no, the subject is wrong.",
        best="list_pending",
        also=("list_runs", "list_sessions"),
        solution=(
            call("list_pending"),
            call(
                "continue_run",
                run=FromResults(r"(agent/mailer/[\w-]+/[\w-]+)"),
                answers={_MAILER_KEY: {"declined": True, "note": "the subject is wrong"}},
            ),
        ),
        checks=(
            run_has_status(NEWSLETTER_RUN, "completed", "cancelled"),
            ran("agent", "mailer", content="^(?!.*sent 'Autumn)", statuses=("completed", "cancelled")),
        ),
    ),
    Request(
        "cancel",
        f"Stop {LONG_RUN}, it takes far too long.",
        best="cancel_run",
        solution=(call("cancel_run", run=LONG_RUN),),
        checks=(run_has_status(LONG_RUN, "cancelled"),),
    ),
    # Conversations.
    Request(
        "find-conversation",
        "Which conversations have I had about the offsite?",
        best="list_sessions",
        solution=(call("list_sessions", name="offsite", user_id=USER),),
        checks=(answer_matches("Planning the offsite"),),
    ),
    Request(
        "read-conversation",
        f"What has been said so far in the conversation {OFFSITE_SESSION}?",
        best="get_session",
        solution=(call("get_session", session_id=OFFSITE_SESSION),),
        checks=(answer_matches("Lakeside"),),
    ),
    Request(
        "continue-conversation",
        "Go on with the lunch conversation and ask what I said earlier about Tuesdays.",
        best="list_sessions",
        solution=(
            call("list_sessions", name="lunch"),
            call(
                "run_agent",
                agent_id="assistant",
                message="What did I say earlier about Tuesdays?",
                session_id=FromResults(r"(lunch-session)"),
                user_id=USER,
            ),
        ),
        checks=(
            ran("agent", "assistant", about="Tuesday.*", session_id="lunch-session", content="Earlier.*Soup"),
            answer_matches("soup"),
        ),
    ),
    # Memories.
    Request(
        "what-is-known",
        "What do my agents know about me?",
        best="list_memories",
        solution=(call("list_memories", user_id=USER),),
        checks=(answer_matches("vegetarian"),),
    ),
    Request(
        "remember",
        "Remember that I never take the plane.",
        best="create_memory",
        solution=(call("create_memory", memory="Never takes the plane.", user_id=USER),),
        checks=(row_exists("/memories", {"memory": "plane|fl(y|ies)", "user_id": f"^{USER}$"}),),
    ),
    # Knowledge, of two knowledge bases.
    Request(
        "docs",
        "What do the docs say about refunds?",
        best="search_knowledge",
        solution=(call("search_knowledge", query="refunds"),),
        checks=(answer_matches("30 days"),),
    ),
    Request(
        "compare",
        "Compare what the product docs say about refunds with what the handbook says about expenses: when is it paid?",
        best="search_knowledge",
        solution=(
            call("search_knowledge", query="refunds"),
            call("search_knowledge", query="expenses"),
        ),
        checks=(answer_matches("30 days", "salary"),),
    ),
    Request(
        "documents",
        "Which documents are in the HR handbook?",
        best="list_knowledge",
        solution=(call("list_knowledge", knowledge_id=_HR_HANDBOOK),),
        checks=(answer_matches("Vacation", "Parental leave", "Expenses"),),
    ),
)

_ALL: tuple[Request, ...] = (
    Request(
        "compare-runs",
        "What changed between the last good nightly report and the one that failed?",
        best="compare_runs",
        solution=(call("compare_runs", run_a="nightly report"),),
        checks=(answer_matches("refused", "write", "day before"),),
        toolsets="all",
    ),
    Request(
        "regression",
        "What is different between the bad run of the nightly report and a good one?",
        best="compare_runs",
        also=("explain_run", "list_runs"),
        solution=(call("compare_runs"),),
        checks=(answer_matches("refused"),),
        toolsets="all",
    ),
    Request(
        "forget",
        "Forget that I like jazz.",
        best="list_memories",
        also=("delete_memory",),
        solution=(
            call("list_memories", user_id=USER, search="jazz"),
            call("delete_memory", memory_id=FromResults(r"(memory-jazz)"), user_id=USER),
        ),
        checks=(
            no_row("/memories", {"memory_id": f"^{JAZZ_MEMORY}$"}),
            row_exists("/memories", {"memory_id": "memory-food"}),
        ),
        toolsets="all",
    ),
    Request(
        "slowest",
        "Which requests took longer than half a minute today?",
        best="search_traces",
        also=("list_traces",),
        solution=(call("search_traces", filter={"op": "GT", "key": "duration_ms", "value": 30000}, order="slowest"),),
        checks=(answer_matches("research.assistant", "41"),),
        toolsets="all",
    ),
    Request(
        "next-run",
        "When does the nightly report run next?",
        best="list_schedules",
        also=("get_schedule",),
        solution=(call("list_schedules"),),
        checks=(answer_matches("0?2:00"),),
        toolsets="all",
    ),
    Request(
        "every-monday",
        "Run the content pipeline every Monday at nine in the morning UTC, on what is new in solar power.",
        best="create_schedule",
        solution=(
            call(
                "create_schedule",
                name="monday-solar-news",
                cron="0 9 * * 1",
                kind="workflow",
                id="content-pipeline",
                message="what is new in solar power",
            ),
        ),
        checks=(
            row_exists(
                "/schedules",
                {"endpoint": "content-pipeline", "cron_expr": r"^0 0?9 \* \* (1|mon)$", "payload": "solar"},
            ),
        ),
        toolsets="all",
    ),
    Request(
        "switch-off",
        "Switch the weekly newsletter off for now, but keep it.",
        best="disable_schedule",
        also=("list_schedules", "get_schedule"),
        solution=(call("disable_schedule", schedule="weekly newsletter"),),
        checks=(row_exists("/schedules", {"name": "^weekly-newsletter$", "enabled": "False"}),),
        toolsets="all",
    ),
    Request(
        "approve",
        "I am the admin: approve the payment to Ada, and let it go through.",
        best="list_approvals",
        also=("list_pending",),
        solution=(
            call("list_approvals"),
            call("resolve_approval", approval_id=FromResults(r"([0-9a-f-]{36})"), decision="approved"),
            call("continue_run", run=PAYMENT_RUN),
        ),
        checks=(
            row_exists("/approvals", {"run_id": "^pay-ada$", "status": "approved"}),
            run_has_status(PAYMENT_RUN, "completed"),
        ),
        toolsets="all",
    ),
    Request(
        "usage",
        "How many tokens did we use yesterday?",
        best="get_metrics",
        also=("refresh_metrics", "get_metrics_status"),
        solution=(call("get_metrics", since="yesterday", until="yesterday"),),
        checks=(answer_matches(r"\b(436|218)\b"),),
        toolsets="all",
    ),
    Request(
        "eval",
        "Did the translator pass its last eval?",
        best="list_evals",
        solution=(call("list_evals", kind="agent", id="translator"),),
        checks=(answer_matches("fail|not pass"),),
        toolsets="all",
    ),
    Request(
        "rename",
        f"Call the conversation {CAMPAIGN_SESSION} 'Spring slogans'.",
        best="rename_session",
        also=("update_session", "get_session"),
        solution=(call("rename_session", session_id=CAMPAIGN_SESSION, name="Spring slogans"),),
        checks=(row_exists("/sessions", {"session_id": CAMPAIGN_SESSION, "session_name": "spring slogans"}),),
        toolsets="all",
    ),
    Request(
        "teach",
        "Put this into the product docs: gift cards never expire.",
        best="add_knowledge",
        solution=(
            call("add_knowledge", text="Gift cards never expire.", name="Gift cards", knowledge_id=_PRODUCT_DOCS),
            call("search_knowledge", query="gift cards", knowledge_id=_PRODUCT_DOCS),
        ),
        checks=(answer_matches("gift cards"), knows("Product Docs", "gift cards", "never expire")),
        toolsets="all",
    ),
    Request(
        "file",
        "What does the planner's roadmap.md say about October?",
        best="read_agent_file",
        also=("list_agent_files", "search_agent_files"),
        solution=(call("read_agent_file", path="roadmap.md", agent_id="planner"),),
        checks=(answer_matches("solar kettle", "teachers"),),
        toolsets="all",
    ),
    Request(
        "learned",
        "What have the agents learned about our customer Globex?",
        best="list_learnings",
        solution=(call("list_learnings"),),
        checks=(answer_matches("invoice"),),
        toolsets="all",
    ),
    Request(
        "databases",
        "Which databases does this AgentOS keep its data in?",
        best="list_databases",
        also=("get_config",),
        solution=(call("list_databases"),),
        checks=(answer_matches("company-db"),),
        toolsets="all",
    ),
)

REQUESTS = (*_DEFAULT, *_ALL)
