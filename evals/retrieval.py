"""Ranks tools for a request by their words alone (BM25): what a description has to say to be found without a model.

The length of a text does not count: a tool is not less fit for having more parameters.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from agentos_mcp.agentos.hints import as_hint
from agentos_mcp.demo.vector_db import terms
from agentos_mcp.tools import TOOLSETS
from evals.toolbox import ToolDescription

_NAME_WEIGHT = 3.0
_DESCRIPTION_WEIGHT = 1.0
_PARAMETERS_WEIGHT = 0.5
_TOOLSET_WEIGHT = 1.0
_SATURATION = 2.5
_PREFIX_SIMILARITY = 0.3
_MIN_PREFIX_LENGTH = 3
_SCORE_DIGITS = 6
_RUN_REFERENCE = re.compile(r"\b(?:agent|team|workflow)/[^\s/]+/[^\s/]+/[\w%.~-]+")


class ToolIndex:
    """The words of some tools: their names, descriptions and parameters, and the instructions of their toolsets."""

    def __init__(self, tools: Sequence[ToolDescription]) -> None:
        instructions = {spec.name: str(as_hint(toolset.instructions)) for toolset in TOOLSETS for spec in toolset.tools}
        self._counts = {tool.name: _weighted_terms(tool, instructions.get(tool.name, "")) for tool in tools}
        documents = Counter(term for counts in self._counts.values() for term in counts)
        self._weights = {
            term: math.log(1 + (len(tools) - number + 0.5) / (number + 0.5)) for term, number in documents.items()
        }

    def rank(self, request: str, component_kinds: Mapping[str, str]) -> list[str]:
        """The names of the tools, best first; of equals the one that is listed first.

        `component_kinds` has the kind of each component by its id. The server's instructions tell a model which
        components there are, that one is run by its name, and what a run reference is for: so a component in the
        request stands for the words "run" and its kind, and a reference for "run reference".
        """
        text, references = _RUN_REFERENCE.subn(" ", request)
        words = [*_words_of_components(text, component_kinds), *(["run reference"] * references)]
        query = dict.fromkeys(terms(" ".join([text, *words])))
        scores = {name: round(self._score(name, query), _SCORE_DIGITS) for name in self._counts}
        return sorted(scores, key=lambda name: -scores[name])

    def _score(self, name: str, query: Iterable[str]) -> float:
        return sum(self._term_score(name, term) for term in query)

    def _term_score(self, name: str, query_term: str) -> float:
        """What a word of the request adds: the best of the tool's words that are the same, or begin with each other."""
        return max(
            (
                similarity * self._weights[term] * count * (_SATURATION + 1) / (count + _SATURATION)
                for term, count in self._counts[name].items()
                if (similarity := _similarity(query_term, term))
            ),
            default=0.0,
        )


def _weighted_terms(tool: ToolDescription, toolset_instructions: str) -> dict[str, float]:
    parameters = tool.schema.get("properties", {})
    texts = (
        (tool.name, _NAME_WEIGHT),
        (tool.description, _DESCRIPTION_WEIGHT),
        (" ".join(f"{name} {about.get('description', '')}" for name, about in parameters.items()), _PARAMETERS_WEIGHT),
        (toolset_instructions, _TOOLSET_WEIGHT),
    )
    weights: defaultdict[str, float] = defaultdict(float)
    for text, weight in texts:
        for term in terms(text):
            weights[term] += weight
    return dict(weights)


def _similarity(query_term: str, term: str) -> float:
    """1 for the same stem, less where one begins with the other ("doc", "document"), else 0."""
    if query_term == term:
        return 1.0
    shorter, longer = sorted((query_term, term), key=len)
    return _PREFIX_SIMILARITY if len(shorter) >= _MIN_PREFIX_LENGTH and longer.startswith(shorter) else 0.0


def _words_of_components(text: str, component_kinds: Mapping[str, str]) -> list[str]:
    """ "run agent" and the like, for the components whose id's words all stand in the text."""
    present = set(re.findall(r"\w+", text.casefold()))
    return [
        f"run {kind}"
        for component, kind in component_kinds.items()
        if set(re.findall(r"\w+", component.casefold())) <= present
    ]
