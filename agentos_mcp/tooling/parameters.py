"""Parameters that many tools share, so that they look the same everywhere.

Every schema stays flat: no unions, no references. Free text is exactly `str` (the SDK parses
everything else as JSON first), with '' for "not given". Text is at most 200 characters long where
its type does not say otherwise (`argument_limits`); the schema does not mention it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import FailFast, Field, WithJsonSchema

from agentos_mcp.tooling.argument_limits import MAX_FILES_LENGTH, MAX_PATH_LENGTH, MAX_TEXT_LENGTH, MaxCharacters

_OBJECT = WithJsonSchema({"type": "object"})

JsonObject = Annotated[dict[str, Any] | None, _OBJECT]
JsonFilters = Annotated[
    dict[str, Any] | list[Any] | None, WithJsonSchema({"type": "object", "description": "Metadata to match"})
]
"""An object of filters; AgentOS also takes a list of filter expressions."""

Names = Annotated[list[str], FailFast()]
"""One wrong entry is told, not each of a million."""
Words = Annotated[list[str] | None, FailFast(), WithJsonSchema({"type": "array", "items": {"type": "string"}})]

Files = Annotated[
    list[str] | None,
    FailFast(),
    WithJsonSchema({"type": "array", "items": {"type": "string"}, "description": "Paths, URLs or data: URLs"}),
    MaxCharacters(MAX_FILES_LENGTH),
]
Schema = Annotated[
    dict[str, Any] | None, WithJsonSchema({"type": "object", "description": "JSON schema of the answer"})
]
Version = Annotated[int, Field(ge=0, description="Of a stored component")]

Text = Annotated[str, MaxCharacters(MAX_TEXT_LENGTH)]
"""Anything that is written rather than chosen."""
LongName = Annotated[str, MaxCharacters(MAX_PATH_LENGTH)]
"""A path, a URL, a run reference, or anything with several names in it."""

Message = Annotated[Text, Field(description="As the user means it")]
SessionId = Annotated[str, Field(description="Continue this conversation")]
UserId = str
DbId = Annotated[str, Field(description="If several")]
"""A database."""
ComponentId = Annotated[str, Field(description="A component's id or name")]
KnowledgeId = str
"""A knowledge base, by id or name; needed only where there are several and no default makes sense."""
AnyKnowledgeId = Annotated[str, Field(description="By id or name; else all")]
Run = Annotated[LongName, Field(description="Run reference")]
Wait = Annotated[
    Annotated[float, Field(ge=0, allow_inf_nan=False)] | None,
    WithJsonSchema({"type": "number", "minimum": 0, "description": "Seconds; 0: none; default 45+"}),
]
"""None where it was not given: what the settings say, or the client bears."""
Since = Annotated[str, Field(description='"today", "2h", ISO time')]
Limit = Annotated[int, Field(ge=1, le=100)]
Page = Annotated[int, Field(ge=1)]
AnyKind = Literal["", "agent", "team", "workflow"]
"""A kind of component, '' for all."""
