"""The scripts of the demo's models: their replies depend on the request and on the results of tools."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from agentos_mcp.demo.articles import HOUSE_STYLE
from agentos_mcp.demo.scripted_model import Delay, ModelOutput, ProviderFailure, ToolCall, Turn, stream_words
from agentos_mcp.demo.vector_db import terms

SEARCH_TOOL = "search_knowledge_base"
"""agno's name for the tool of an agent with knowledge."""
DELEGATE_TOOL = "delegate_task_to_member"
"""agno's name for the tool of a team's leader."""

_REQUEST_PREFIX = re.compile(
    r"^(please|can|could|would|you|i|we|need|want|to|write|draft|create|make|give|prepare|produce|publish|explain"
    r"|tell|find|search|look|up|me|us|an?|the|some|short|brief|article|post|piece|story|text|blog|explainer"
    r"|paragraph|headlines?|newsletter|content|something|anything|out|about|on|for|of)\b[\s:,]*",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_FILLERS = (
    "Basically, there is more to this than meets the eye.",
    "Needless to say, the details matter.",
    "Actually, this is where it gets interesting.",
)
_USER_NAME = re.compile(r"\bmy name is\s+([^\s.,!?;]+)", re.IGNORECASE)
_COUNT = re.compile(r"\bcount to (\d{1,3})\b", re.IGNORECASE)
_RETRACTION = re.compile(r"\s*(please\s+)?(retract|withdraw|remove|take down)\b", re.IGNORECASE)
_QUOTED = re.compile(r"[\"“«]([^\"”»]+)[\"”»]")
_ARITHMETIC = re.compile(r"[-+(]*\d[\d\s.+\-*/%^()]*[\d)]")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_SPELLED_OPERATORS = {"×": "*", "÷": "/", " plus ": "+", " minus ": "-", " times ": "*", " divided by ": "/"}


@dataclass(frozen=True)
class Source:
    """An article, and its sentences about the topic."""

    title: str
    sentences: list[str]


def topic_of(request: str) -> str:
    """The topic of a request: 'Write a piece about tea!' is about tea."""
    first_line = request.strip().split("\n")[0].strip().rstrip("?!. ")
    rest = first_line
    while match := _REQUEST_PREFIX.match(rest):
        rest = rest[match.end() :]
    return rest or first_line or "nothing in particular"


def sources_on(topic: str, search_result: str, max_sentences: int = 3) -> list[Source]:
    """The documents in the knowledge search tool's result that are about the topic."""
    try:
        documents = json.loads(search_result)
    except ValueError:  # "No documents found", in plain text
        return []
    topic_terms = set(terms(topic))
    sources = []
    for document in documents:
        title, text = str(document.get("name") or "Untitled"), str(document.get("content") or "")
        if len(topic_terms & set(terms(f"{title} {text}"))) < max(1, ceil(len(topic_terms) / 3)):
            continue
        sentences = _SENTENCE_END.split(text.strip())
        ranked = sorted(sentences, key=lambda sentence: -len(topic_terms & set(terms(sentence))))[:max_sentences]
        sources.append(Source(title, [sentence for sentence in sentences if sentence in ranked]))
    return sources


def arithmetic_in(message: str) -> str | None:
    """The arithmetic expression in a message, if there is one."""
    for spelled, sign in _SPELLED_OPERATORS.items():
        message = message.replace(spelled, sign)
    for match in _ARITHMETIC.finditer(_DATE.sub("", message)):
        expression = match.group().strip().replace("^", "**")
        try:
            tree = ast.parse(expression, mode="eval").body
        except SyntaxError:
            continue
        if isinstance(tree, ast.BinOp):
            return expression
    return None


def researcher(turn: Turn) -> Iterator[ModelOutput]:
    """Searches the archive, then passes its notes on in a form that the writer reads."""
    topic = topic_of(turn.user_message)
    if not turn.tool_results:
        yield Delay(0.3)
        yield ToolCall(SEARCH_TOOL, {"query": topic})
        return
    sources = [source for source in sources_on(topic, turn.tool_results[-1]) if source.title != HOUSE_STYLE]
    notes = [f"Topic: {topic}", f"Articles in the archive: {len(sources)}"]
    for source in sources[:2]:
        notes += ["", f"## {source.title}", *(f"- {sentence}" for sentence in source.sentences)]
    yield from stream_words("\n".join(notes), 1.0)


def writer(turn: Turn) -> Iterator[ModelOutput]:
    """Turns the researcher's notes into a draft, with filler words for the editor to cut."""
    topic, sources = _read_notes(turn.user_message)
    yield Delay(0.2)
    if sources:
        title = f"# {_headline(topic)}"
        paragraphs = [" ".join(source.sentences) for source in sources]
        credit = "Sources: " + "; ".join(f"“{source.title}”" for source in sources) + "."
    else:
        title = f"# {_capitalize(topic)}: what we would need to find out"
        paragraphs = [
            f"The archive holds nothing on {topic} yet, and we do not make things up.",
            "Three questions would make the piece. What has changed? Whom does it touch? What surprises?",
        ]
        credit = "Sources: none yet."
    padded = [f"{_FILLERS[i % len(_FILLERS)]} {paragraph}" for i, paragraph in enumerate(paragraphs)]
    yield from stream_words("\n\n".join([title, *padded, _FILLERS[1], credit]), 1.8)


def editor(turn: Turn) -> Iterator[ModelOutput]:
    """Looks the house style up, then cuts the filler words of the draft."""
    if not turn.tool_results:
        yield Delay(0.2)
        yield ToolCall(SEARCH_TOOL, {"query": "house style, plainly"})
        return
    draft = turn.user_message
    before = len(draft.split())
    for filler in _FILLERS:
        draft = draft.replace(filler, "")
    text = "\n\n".join(paragraph.strip() for paragraph in draft.split("\n\n") if paragraph.strip())
    words_cut = before - len(text.split())
    rule = f" to “{HOUSE_STYLE}”" if HOUSE_STYLE in turn.tool_results[-1] else ""
    yield from stream_words(f"{text}\n\n*Edited{rule}: {words_cut} words cut, {len(text.split())} left.*", 1.2)


def assistant(turn: Turn) -> Iterator[ModelOutput]:
    """Does arithmetic, tells the date, remembers the session; counts slowly or fails on request."""
    message = turn.user_message
    expression = arithmetic_in(message)
    if turn.tool_results:
        answer = turn.tool_results[-1]
        if not expression:
            answer = f"Today is {answer}."
        elif re.fullmatch(r"-?[\d.]+(e[-+]?\d+)?", answer):
            answer = f"{expression.replace('**', '^')} = {answer}."
        else:
            answer = f"The calculator refuses {expression}: {answer}."
        yield from stream_words(answer, 0.4)
    elif "outage" in message.lower():
        yield "One moment, "
        yield ProviderFailure("The model provider is down (a simulated outage).", 503)
    elif counting := _COUNT.search(message):
        for number in range(1, int(counting[1]) + 1):
            yield f"{number} "
            yield Delay(0.25)
    elif expression:
        yield ToolCall("calculate", {"expression": expression})
    elif re.search(r"\b(today|date|day is it|what time)\b", message, re.IGNORECASE):
        yield ToolCall("today")
    else:
        yield from stream_words(_small_talk(turn), 0.6)


def _small_talk(turn: Turn) -> str:
    earlier = turn.earlier_user_messages()
    names = [match[1] for message in [*earlier, turn.user_message] if (match := _USER_NAME.search(message))]
    if re.search(r"\bwhat(?:'s| is) my name\b", turn.user_message, re.IGNORECASE):
        return f"Your name is {names[-1]}." if names else "You have not told me your name yet."
    if _USER_NAME.search(turn.user_message):
        return f"Nice to meet you, {names[-1]}. I will remember it in this session."
    greeting = f"{names[-1]}, you" if names else "You"
    memory = (
        f"This is message {len(earlier) + 1} of our conversation, which began with “{_truncate(earlier[0])}”."
        if earlier
        else "This is the first message of our conversation."
    )
    return f"{greeting} said: “{_truncate(turn.user_message)}”. {memory} Give me a sum, or ask for today's date."


def librarian(turn: Turn) -> Iterator[ModelOutput]:
    """Searches the archive and answers from it, citing the article."""
    topic = topic_of(turn.user_message)
    if not turn.tool_results:
        yield ToolCall(SEARCH_TOOL, {"query": topic})
        return
    sources = sources_on(topic, turn.tool_results[-1], max_sentences=2)
    if not sources:
        yield from stream_words(f"The archive holds nothing on {topic}.", 0.3)
        return
    best, *others = sources
    also = "\n\nSee also: " + ", ".join(f"“{source.title}”" for source in others) + "." if others else ""
    yield from stream_words(f"According to “{best.title}”: {' '.join(best.sentences)}{also}", 0.8)


def newsroom(turn: Turn) -> Iterator[ModelOutput]:
    """Leads the team: delegates the task to the member it suits, then sums up."""
    creative = re.search(r"\b(headlines?|titles?|names?|slogans?)\b", turn.user_message, re.IGNORECASE)
    member, name = ("columnist", "Columnist") if creative else ("reporter", "Reporter")
    if not turn.tool_results:
        yield from stream_words(f"Let me ask the {name}.\n\n", 0.2)
        yield ToolCall(DELEGATE_TOOL, {"member_id": member, "task": turn.user_message})
        return
    yield from stream_words(f"The {name} says:\n\n{turn.tool_results[-1].strip()}", 0.8)


def columnist(turn: Turn) -> Iterator[ModelOutput]:
    """Suggests headlines."""
    topic = topic_of(turn.user_message)
    yield from stream_words(
        f"1. {_capitalize(topic)}, plainly told\n"
        f"2. The quiet truth about {topic}\n"
        f"3. {_capitalize(topic)}: a minute well spent",
        0.6,
    )


def publisher(turn: Turn) -> Iterator[ModelOutput]:
    """Calls publish, which needs a confirmation, or retract, which needs an approval, and reports the result."""
    retracting = _RETRACTION.match(turn.user_message)
    if turn.tool_results:
        result = turn.tool_results[-1]
        if not result.startswith(("Published", "Retracted")):
            result = f"Not {'retracted' if retracting else 'published'}. {result}"
        yield from stream_words(result, 0.3)
        return
    quoted = _QUOTED.search(turn.user_message)
    request = turn.user_message[retracting.end() :] if retracting else turn.user_message
    title = quoted[1] if quoted else _capitalize(topic_of(request))
    yield ToolCall("retract" if retracting else "publish", {"title": title})


def _read_notes(notes: str) -> tuple[str, list[Source]]:
    topic, sources = "", list[Source]()
    for line in notes.splitlines():
        if line.startswith("Topic: "):
            topic = line.removeprefix("Topic: ")
        elif line.startswith("## "):
            sources.append(Source(line.removeprefix("## "), []))
        elif line.startswith("- ") and sources:
            sources[-1].sentences.append(line.removeprefix("- "))
    return topic or topic_of(notes), sources


def _headline(topic: str) -> str:
    question = re.match(r"(?:why|how|what|when|where|who)\b( (?:is|are|do|does|did|can)\b)?", topic, re.IGNORECASE)
    if not question:
        return f"{_capitalize(topic)}: what is worth knowing"
    return _capitalize(topic) + ("?" if question[1] else "")


def _capitalize(text: str) -> str:
    return text[:1].upper() + text[1:]


def _truncate(text: str, max_length: int = 80) -> str:
    return text if len(text) <= max_length else text[: max_length - 1].rstrip() + "…"
