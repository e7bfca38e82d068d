"""The vector database and the embedder of the demo's knowledge base: in memory, without any download."""

import hashlib
import math
import operator
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from agno.filters import FilterExpr
from agno.knowledge.document import Document
from agno.knowledge.embedder.base import Embedder
from agno.vectordb.base import VectorDb
from agno.vectordb.search import SearchType

_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = frozenset(
    _WORD.findall(
        "a about after all also an and any are as at be been before best but by can could day did do "
        "does for from get give go good had has have help how i if in into is it its keep know made make "
        "makes making me more most much need new no not of on one or our people should so some take tell "
        "than that the their them then there these they thing things this time to up us use used using "
        "want was way we were what when where which who why will with work working works would write "
        "year years you your"
    )
)
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "EQ": operator.eq,
    "NEQ": operator.ne,
    "GT": operator.gt,
    "GTE": operator.ge,
    "LT": operator.lt,
    "LTE": operator.le,
    "CONTAINS": lambda stored, value: str(value).lower() in str(stored).lower(),
    "STARTSWITH": lambda stored, value: str(stored).lower().startswith(str(value).lower()),
}
_SUFFIXES = ("ingly", "edly", "ing", "ied", "ies", "ed", "es", "ly", "s", "e", "y")


def terms(text: str) -> list[str]:
    """The stems of the words in `text`, in lower case and without stop words."""
    return [_stem(word) for word in _WORD.findall(text.lower()) if word not in _STOP_WORDS]


def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


@dataclass
class HashedEmbedder(Embedder):
    """Feature hashing: every stem counts, with a sign, in one of `dimensions` dimensions."""

    dimensions: int | None = 1024

    def get_embedding(self, text: str) -> list[float]:
        size = self.dimensions or 1024
        counts: dict[str, int] = {}
        for term in terms(text):
            counts[term] = counts.get(term, 0) + 1
        vector = [0.0] * size
        for term, count in counts.items():
            digest = int.from_bytes(hashlib.blake2b(term.encode(), digest_size=8).digest())
            vector[(digest >> 1) % size] += (1 if digest & 1 else -1) * math.sqrt(count)
        length = math.sqrt(sum(value * value for value in vector))
        return [value / length for value in vector] if length else vector

    def get_embedding_and_usage(self, text: str) -> tuple[list[float], dict[str, Any] | None]:
        word_count = len(text.split())
        return self.get_embedding(text), {"prompt_tokens": word_count, "total_tokens": word_count}

    async def async_get_embedding(self, text: str) -> list[float]:
        return self.get_embedding(text)

    async def async_get_embedding_and_usage(self, text: str) -> tuple[list[float], dict[str, Any] | None]:
        return self.get_embedding_and_usage(text)


@dataclass(frozen=True)
class _Chunk:
    key: str
    content_hash: str
    owner: str | None
    document: Document


_Condition = Callable[[_Chunk], bool]


class InMemoryVectorDb(VectorDb):
    """A vector database in a dictionary, which ends with the process."""

    def __init__(
        self,
        *,
        embedder: Embedder | None = None,
        id: str | None = None,
        name: str | None = None,
        description: str | None = None,
        similarity_threshold: float | None = None,
    ) -> None:
        super().__init__(id=id, name=name, description=description, similarity_threshold=similarity_threshold)
        self.embedder: Embedder = embedder or HashedEmbedder()
        self._chunks: dict[tuple[str | None, str], _Chunk] = {}
        # AgentOS indexes new content in worker threads while searches run on the event loop.
        self._lock = threading.Lock()

    def create(self) -> None:
        """Nothing to do: the dictionary exists already."""

    async def async_create(self) -> None:
        self.create()

    def exists(self) -> bool:
        return True

    async def async_exists(self) -> bool:
        return True

    def drop(self) -> None:
        with self._lock:
            self._chunks.clear()

    async def async_drop(self) -> None:
        self.drop()

    def delete(self) -> bool:
        self.drop()
        return True

    def optimize(self) -> None:
        """Nothing to do."""

    def name_exists(self, name: str) -> bool:
        return any(chunk.document.name == name for chunk in self._all())

    async def async_name_exists(self, name: str) -> bool:  # type: ignore[override]  # agno's signature lacks `async`
        return self.name_exists(name)

    def id_exists(self, id: str) -> bool:
        return any(chunk.key == id for chunk in self._all())

    def content_hash_exists(self, content_hash: str, user_id: str | None = None) -> bool:
        return any(chunk.content_hash == content_hash and chunk.owner == user_id for chunk in self._all())

    def insert(
        self,
        content_hash: str,
        documents: list[Document],
        filters: dict[str, Any] | None = None,
        user_id: str | None = None,
    ) -> None:
        for document in documents:
            # A document is found by its name too, which its text may not contain.
            text = f"{document.name or ''}\n{document.content}"
            document.embedding, document.usage = self.embedder.get_embedding_and_usage(text)
            document.meta_data = {**document.meta_data, **(filters or {})}
        with self._lock:
            for number, document in enumerate(documents):
                key = document.id or f"{content_hash}-{number}"
                stored = replace(document, id=key, embedder=None)
                self._chunks[user_id, key] = _Chunk(key, content_hash, user_id, stored)

    # Where users are isolated, agno looks for `user_id` in the signatures of what it calls.
    async def async_insert(
        self, content_hash: str, documents: list[Document], filters: Any = None, user_id: str | None = None
    ) -> None:
        self.insert(content_hash, documents, filters, user_id)

    def upsert_available(self) -> bool:
        return True

    def upsert(
        self,
        content_hash: str,
        documents: list[Document],
        filters: dict[str, Any] | None = None,
        user_id: str | None = None,
    ) -> None:
        self._delete(lambda chunk: chunk.content_hash == content_hash and chunk.owner == user_id)
        self.insert(content_hash, documents, filters, user_id)

    async def async_upsert(
        self, content_hash: str, documents: list[Document], filters: Any = None, user_id: str | None = None
    ) -> None:
        self.upsert(content_hash, documents, filters, user_id)

    def search(
        self,
        query: str,
        limit: int = 5,
        filters: Any | None = None,
        user_id: str | None = None,
    ) -> list[Document]:
        """The most similar documents, best first, with their cosine similarity as `reranking_score`."""
        query_vector = self.embedder.get_embedding(query)
        min_score = self.similarity_threshold or 0.0
        matches: list[tuple[float, Document]] = []
        for chunk in self._all():
            if user_id is not None and chunk.owner not in (None, user_id):
                continue
            if not _matches_filters(chunk.document.meta_data, filters):
                continue
            score = sum(a * b for a, b in zip(query_vector, chunk.document.embedding or (), strict=False))
            if score > min_score:
                matches.append((score, chunk.document))
        matches.sort(key=lambda match: -match[0])
        return [
            replace(document, meta_data=dict(document.meta_data), reranking_score=round(min(score, 1.0), 4))
            for score, document in matches[:limit]
        ]

    async def async_search(
        self, query: str, limit: int = 5, filters: Any = None, user_id: str | None = None
    ) -> list[Document]:
        return self.search(query, limit, filters, user_id)

    def delete_by_id(self, id: str) -> bool:
        return self._delete(lambda chunk: chunk.key == id)

    def delete_by_name(self, name: str) -> bool:
        return self._delete(lambda chunk: chunk.document.name == name)

    def delete_by_metadata(self, metadata: dict[str, Any]) -> bool:
        return self._delete(lambda chunk: _matches_filters(chunk.document.meta_data, metadata))

    def delete_by_content_id(self, content_id: str, user_id: str | None = None) -> bool:
        return self._delete(lambda chunk: chunk.document.content_id == content_id and user_id in (None, chunk.owner))

    def update_metadata(self, content_id: str, metadata: dict[str, Any]) -> None:
        for chunk in self._all():
            if chunk.document.content_id == content_id:
                chunk.document.meta_data = {**chunk.document.meta_data, **metadata}

    def get_supported_search_types(self) -> list[str]:
        return [SearchType.vector.value]

    def _all(self) -> list[_Chunk]:
        with self._lock:
            return list(self._chunks.values())

    def _delete(self, condition: _Condition) -> bool:
        with self._lock:
            remaining = {key: chunk for key, chunk in self._chunks.items() if not condition(chunk)}
            deleted = len(remaining) < len(self._chunks)
            self._chunks = remaining
        return deleted


def _matches_filters(meta_data: dict[str, Any], filters: Any | None) -> bool:
    """Whether metadata matches agno's filters: a dict of values, a filter expression, or a list of them."""
    match filters:
        case None:
            return True
        case FilterExpr():
            return _matches_expression(meta_data, filters.to_dict())
        case list():
            return all(_matches_filters(meta_data, item) for item in filters)
        case {"op": str()}:
            return _matches_expression(meta_data, filters)
        case dict():
            return all(
                meta_data.get(key) in value if isinstance(value, list) else meta_data.get(key) == value
                for key, value in filters.items()
            )
    raise ValueError(f"a filter is a dict or a filter expression, not {type(filters).__name__}")


def _matches_expression(meta_data: dict[str, Any], expression: dict[str, Any]) -> bool:
    match expression:
        case {"op": "AND", "conditions": conditions}:
            return all(_matches_expression(meta_data, condition) for condition in conditions)
        case {"op": "OR", "conditions": conditions}:
            return any(_matches_expression(meta_data, condition) for condition in conditions)
        case {"op": "NOT", "condition": condition}:
            return not _matches_expression(meta_data, condition)
        case {"op": "IN", "key": key, "values": values}:
            return meta_data.get(key) in values
        case {"op": str(op), "key": key, "value": value} if op in _COMPARISONS:
            stored = meta_data.get(key)
            if stored is None:
                return op == "NEQ"
            try:
                return bool(_COMPARISONS[op](stored, value))
            except TypeError:
                return False
    raise ValueError(f"unknown filter expression: {expression}")
