"""JSON schemas: of the answer that a run shall give, and of the inputs that a factory takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from agentos_mcp.agentos.errors import AgentOSError, Forbidden, InvalidRequest, ServerFailure

_MOST_PROBLEMS = 8
_MOST_REFERENCES = 500
"""References to references grow without end."""
_EXAMPLE = 'Give {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}.'


# The answer's schema


def output_schema_fields(schema: Mapping[str, Any]) -> dict[str, str]:
    """The form fields that ask an agent or a team for an answer of this shape.

    A plain schema, an object at its root, works with every model. `{"type": "json_schema", ...}` and
    `{"type": "json_object"}` go to the model's provider as they are. Raises InvalidRequest for a
    schema that AgentOS refuses, or that it takes and then answers with nothing.
    """
    if schema.get("type") in {"json_schema", "json_object"}:
        if schema["type"] == "json_schema":
            _check_schema(_wrapped(schema))
        return {"output_schema": json.dumps(schema, ensure_ascii=False), "use_json_schema": "true"}
    _check_schema(schema)
    if not schema.get("properties"):
        raise InvalidRequest("The output_schema has no properties, so the answer would be empty.", _EXAMPLE)
    if private := sorted(name for name in _property_names(schema) if name.startswith("_")):
        raise InvalidRequest(
            f"AgentOS answers with nothing where a property starts with '_': {', '.join(private)}.", "Rename them."
        )
    return {"output_schema": json.dumps(spelled_out(schema), ensure_ascii=False)}


def answer_problems(schema: Mapping[str, Any], answer: object) -> list[str]:
    """What an answer lacks of the schema that was asked for; AgentOS itself completes such a run."""
    if not isinstance(answer, Mapping):
        return ["the answer is no JSON object"]
    if schema.get("type") == "json_object":
        return []
    return _problems(_wrapped(schema) if schema.get("type") == "json_schema" else schema, answer)


def _wrapped(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    wrapper = schema.get("json_schema")
    inner = wrapper.get("schema") if isinstance(wrapper, Mapping) else None
    if not isinstance(inner, Mapping):
        raise InvalidRequest(
            "The output_schema has no json_schema.schema.",
            'Give {"type": "json_schema", "json_schema": {"name": "Story", "schema": {"type": "object", ...}}}.',
        )
    return inner


def _check_schema(schema: Mapping[str, Any]) -> None:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # jsonschema ships no types
    from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]  # jsonschema ships no types

    if schema.get("type") != "object":
        raise InvalidRequest('The output_schema\'s root is not "type": "object".', _EXAMPLE)
    try:
        Draft202012Validator.check_schema(schema)
        json.dumps(schema, allow_nan=False)
    except SchemaError as error:
        raise InvalidRequest(f"The output_schema is no JSON schema: {_problem(error)}.", _EXAMPLE) from None
    except (RecursionError, ValueError):
        raise InvalidRequest("The output_schema cannot be written as JSON.", _EXAMPLE) from None


def _property_names(schema: object) -> Iterable[str]:
    if isinstance(schema, Mapping):
        if isinstance(properties := schema.get("properties"), Mapping):
            yield from properties
        for inner in schema.values():
            yield from _property_names(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _property_names(inner)


def spelled_out(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without references and without "or null", which AgentOS would turn into "anything"."""
    definitions = {
        f"#/{key}/{name}": definition
        for key in ("$defs", "definitions")
        if isinstance(schema.get(key), Mapping)
        for name, definition in schema[key].items()
        if isinstance(definition, Mapping)
    }

    left = _MOST_REFERENCES

    def spell(value: Any, inside: frozenset[str]) -> Any:
        nonlocal left
        if isinstance(value, list):
            return [spell(inner, inside) for inner in value]
        if not isinstance(value, Mapping):
            return value
        reference = value.get("$ref")
        if isinstance(reference, str) and reference in definitions and reference not in inside and left:
            left -= 1
            return {**spell(definitions[reference], inside | {reference}), **_without(value, "$ref")}
        choices = value.get("anyOf")
        if isinstance(choices, list) and len(choices) == 2 and {"type": "null"} in choices:
            choice = choices[0] if choices[1] == {"type": "null"} else choices[1]
            if isinstance(choice, Mapping):
                return spell({**choice, **_without(value, "anyOf")}, inside)
        return {key: spell(inner, inside) for key, inner in value.items()}

    spelled: dict[str, Any] = spell(schema, frozenset())
    return spelled if "$ref" in json.dumps(spelled.get("properties")) else _without(spelled, "$defs", "definitions")


def _without(schema: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in keys}


# A factory's inputs


def check_input(schema: Mapping[str, Any], value: Mapping[str, Any], what: str) -> None:
    """Raise InvalidRequest with every problem of `value`, and what is allowed; `what` names it: "factory_input".

    AgentOS ignores inputs that it does not know; here they are refused, as they are mostly misspelled.
    """
    properties = schema.get("properties")
    problems = _problems(schema, value)
    if isinstance(properties, Mapping) and "additionalProperties" not in schema and "patternProperties" not in schema:
        problems += [f"{name}: there is no such input" for name in value if name not in properties]
    if problems:
        more = f" (and {len(problems) - _MOST_PROBLEMS} more)" if len(problems) > _MOST_PROBLEMS else ""
        raise InvalidRequest(
            f"The {what} does not fit: {'; '.join(problems[:_MOST_PROBLEMS])}{more}.",
            f"It takes {allowed(schema)}." if isinstance(properties, Mapping) and properties else "",
        )


def _problems(schema: Mapping[str, Any], value: Mapping[str, Any]) -> list[str]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
        errors = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda error: error.json_path)
        return [_problem(error) for error in errors]
    except (SchemaError, RecursionError):
        return []
    except Exception as error:
        # A reference that leads nowhere raises an error of another library: then AgentOS decides.
        if type(error).__module__.partition(".")[0] in {"jsonschema", "referencing"}:
            return []
        raise


def _problem(error: Any) -> str:
    path = str(error.json_path).removeprefix("$").removeprefix(".")
    message = str(error.message)
    message = message if len(message) <= 160 else message[:159] + "…"
    return f"{path}: {message}" if path else message


def allowed(schema: Mapping[str, Any]) -> str:
    """ "city (string, required), days (integer, 1 to 9, default 1), pace (slow | fast)"."""
    required = schema.get("required") or ()
    return ", ".join(
        f"{name} ({', '.join(_traits(one, schema, required=name in required))})"
        for name, one in (schema.get("properties") or {}).items()
    )


def _traits(one: object, schema: Mapping[str, Any], *, required: bool) -> Iterable[str]:
    if isinstance(one, Mapping) and isinstance(one.get("$ref"), str):
        one = (schema.get("$defs") or {}).get(one["$ref"].rpartition("/")[2], one)
    if isinstance(one, Mapping):
        choices = [choice for choice in one.get("anyOf") or () if isinstance(choice, Mapping)]
        if isinstance(one.get("enum"), list):
            yield " | ".join(map(str, one["enum"]))
        else:
            kinds = one.get("type") or [choice.get("type", "object") for choice in choices] or "anything"
            yield kinds if isinstance(kinds, str) else " | ".join(map(str, kinds))
        low, high = one.get("minimum"), one.get("maximum")
        if low is not None or high is not None:
            yield f"{low} to {high}" if None not in (low, high) else f"from {low}" if high is None else f"up to {high}"
        if one.get("default") is not None:
            yield f"default {json.dumps(one['default'], ensure_ascii=False)}"
    if required:
        yield "required"


_COUNT = re.compile(r"\d+ validation errors? for \S+ ")
_ERROR = re.compile(
    r"(?P<where>\S+) (?P<what>.+?) \[type=(?P<type>\w+).*?(?:input_type=\w+)?\]"
    r"(?: For further information visit https?://\S+?)?(?= |$|\.$)"
)
_FAILED = re.compile(r"\(\d+: (?:Error in )?(?:agent|team|workflow) factory(?: error)?(?:: (.*))?\)\.$", re.IGNORECASE)
_NO_PLACE = {"Value", "Assertion", "Input"}
"""First words of pydantic's messages where the whole input is wrong, and no place is named."""


def input_error(error: AgentOSError) -> AgentOSError:
    """The refusal (400, 403) or failure (500) of a factory or an input schema in plain words; others as they are."""
    if isinstance(error, InvalidRequest) and "Input failed schema validation" in error.message:
        said = _pydantic_in_short(error.message.removeprefix("AgentOS refused the request: "))
        return InvalidRequest(said, "Its message has to be a JSON object: get_component shows the fields.", status=400)
    if isinstance(error, InvalidRequest) and "factory_input" in error.message:
        said = error.message.removeprefix("AgentOS refused the request: ")
        return InvalidRequest(_pydantic_in_short(said), _SEE_INPUTS, status=error.status)
    if isinstance(error, Forbidden) and "scope" not in error.message.casefold():
        said = error.message.removeprefix("The token does not allow this: ")
        return Forbidden(
            f"The factory does not allow this: {said}", "Ask for something else, or as another user.", status=403
        )
    if isinstance(error, ServerFailure) and (failure := _FAILED.search(error.message)):
        said = failure[1] or "it does not say why"
        return ServerFailure(
            f"The factory itself failed: {said}.",
            "Check factory_input against get_component; if it is right, the factory's code is wrong.",
            status=error.status,
        )
    return error


_SEE_INPUTS = "get_component shows what factory_input takes."


def _pydantic_in_short(said: str) -> str:
    """One "place: problem" for each of pydantic's four-part complaints."""
    head, count, complaints = _split_count(said)
    if not count:
        return said
    problems = []
    for found in _ERROR.finditer(complaints):
        where, what = found["where"], found["what"]
        problems.append(f"{where} {what}" if where in _NO_PLACE else f"{where}: {what}")
    if not problems:
        return said
    cut = "; …" if complaints.endswith(("…", "….")) else "."
    return f"{head}{'; '.join(problems)}{cut}"


def _split_count(said: str) -> tuple[str, bool, str]:
    counted = _COUNT.search(said)
    return (said[: counted.start()], True, said[counted.end() :]) if counted else (said, False, "")
