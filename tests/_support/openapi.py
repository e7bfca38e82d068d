"""Holds requests against what an AgentOS declares in its `/openapi.json`."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # jsonschema ships no types

from tests._support.request_recording import Request

RUN_FIELDS = frozenset(
    {
        "run_id",
        "session_state",
        "dependencies",
        "metadata",
        "knowledge_filters",
        "output_schema",
        "use_json_schema",
        "images",
        "audio",
        "videos",
        "input_files",
    }
)
"""Fields of a run's form that AgentOS takes without declaring them: they become arguments of the component's `arun`."""

_UNDECLARED = frozenset({"/openapi.json"})
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
_FILE = ("binary", "application/octet-stream")


class Declaration:
    """One AgentOS's own description of its REST API."""

    def __init__(self, openapi: Mapping[str, Any]) -> None:
        self._openapi = openapi
        self._endpoints = {
            f"{method.upper()} {template}": about
            for template, methods in openapi["paths"].items()
            for method, about in methods.items()
        }
        self._shapes = {_shape(endpoint): about for endpoint, about in self._endpoints.items()}

    def serves(self, endpoint: str) -> bool:
        return endpoint in self._endpoints

    def problems(self, request: Request) -> list[str]:
        """What this AgentOS does not declare of a request, or declares otherwise."""
        if request.template in _UNDECLARED:
            return []
        about = self._shapes.get(_shape(request.endpoint))
        if about is None:
            return [f"{request.endpoint} is not served"]
        found = [*self._of_query(about, request.query), *self._of_body(about, request)]
        return [f"{request.endpoint}: {problem}" for problem in found]

    def _of_query(self, about: Mapping[str, Any], query: Mapping[str, Any]) -> Iterator[str]:
        declared = {one["name"]: one for one in about.get("parameters", ()) if one["in"] == "query"}
        for name, value in query.items():
            if name not in declared:
                yield f"query parameter '{name}' is not declared"
                continue
            schema = declared[name].get("schema", {})
            # One value is a list of one.
            whole = [value] if self._takes(schema, "array") and not isinstance(value, list) else value
            yield from self._of_value(f"query parameter '{name}'", schema, whole)
        for name, one in declared.items():
            if one.get("required") and name not in query:
                yield f"query parameter '{name}' is missing"

    def _of_body(self, about: Mapping[str, Any], request: Request) -> Iterator[str]:
        body = about.get("requestBody", {})
        contents = body.get("content", {})
        if request.json is not None:
            if "application/json" not in contents:
                yield "a JSON body is not declared"
            else:
                schema = contents["application/json"]["schema"]
                yield from self._of_value("JSON body", schema, request.json)
                yield from self._of_keys("JSON body", schema, request.json)
        elif request.form is not None:
            schema = next((contents[kind]["schema"] for kind in _FORMS if kind in contents), None)
            if schema is None:
                yield "a form is not declared"
            else:
                free = RUN_FIELDS if request.template.endswith("_id}/runs") else frozenset()
                yield from self._of_form(schema, request.form, free)
        elif body.get("required"):
            yield "the body is missing"

    def _of_form(self, schema: Mapping[str, Any], form: Mapping[str, Any], free: Collection[str]) -> Iterator[str]:
        resolved = self._resolved(schema)
        declared = resolved.get("properties", {})
        for name, value in form.items():
            if name in declared:
                yield from self._of_field(name, declared[name], value)
            elif name not in free:
                yield f"form field '{name}' is not declared"
        for name in resolved.get("required", ()):
            if name not in form:
                yield f"form field '{name}' is missing"

    def _of_field(self, name: str, schema: Mapping[str, Any], value: Any) -> Iterator[str]:
        """A form's values are texts: of a number or a truth value, its JSON."""
        if not isinstance(value, str):
            if not any(word in json.dumps(schema) for word in _FILE):
                yield f"form field '{name}' is no file"
            return
        problems = list(self._of_value(f"form field '{name}'", schema, value))
        if problems:
            with contextlib.suppress(ValueError):
                problems = list(self._of_value(f"form field '{name}'", schema, json.loads(value)))
        yield from problems

    def _of_value(self, what: str, schema: Mapping[str, Any], value: Any) -> Iterator[str]:
        whole = {**schema, "components": self._openapi.get("components", {})}
        for error in Draft202012Validator(whole).iter_errors(value):
            yield f"{what}: {error.message[:200]}"

    def _of_keys(self, what: str, schema: Mapping[str, Any], value: Any) -> Iterator[str]:
        """Keys of an object that is declared key by key: AgentOS drops all others without a word."""
        declared = self._resolved(schema).get("properties")
        if not declared or not isinstance(value, Mapping):
            return
        for name, inner in value.items():
            if name not in declared:
                yield f"{what} has no '{name}'"
            else:
                yield from self._of_keys(f"{what}.{name}", declared[name], inner)

    def _takes(self, schema: Mapping[str, Any], kind: str) -> bool:
        return any(one.get("type") == kind for one in (schema, *schema.get("anyOf", ())))

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """A schema with the properties of all its alternatives."""
        if (reference := schema.get("$ref")) is not None:
            name = str(reference).rpartition("/")[2]
            return self._resolved(self._openapi["components"]["schemas"][name])
        alternatives = [one for key in ("anyOf", "oneOf", "allOf") for one in schema.get(key, ())]
        if not alternatives:
            return schema
        properties: dict[str, Any] = {}
        for one in alternatives:
            properties |= self._resolved(one).get("properties", {})
        return {**schema, "properties": properties}


def _shape(endpoint: str) -> str:
    """An endpoint without the names of its ids, which are AgentOS's own affair."""
    return re.sub(r"\{\w+\}", "{}", endpoint)
