"""AgentOS's filter language for traces, checked before it is sent.

AgentOS answers a filter on a field that it does not know with nothing found, so a typo would pass
for an answer. `{"status": "ERROR"}` is taken too, and means that the field equals the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.agentos.json_values import objects, texts
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.time_arguments import parse_moment

Fields = Mapping[str, Mapping[str, Any]]
"""Fields by name, each {type, operators, values}."""


def fields_of(schema: Mapping[str, Any]) -> Fields:
    """The fields of AgentOS's filter schema."""
    return {str(field["key"]): field for field in objects(schema.get("fields")) if field.get("key")}


def check_filter(filter: object, fields: Fields) -> dict[str, Any]:
    """The filter as AgentOS takes it.

    Raises InvalidRequest with the fields and operators for one that it would not understand.
    """
    if not isinstance(filter, Mapping) or not filter:
        raise _filter_error("A filter is an object with op, key and value.", fields)
    if "op" not in filter:
        return _equality(filter, fields)
    op = str(filter["op"]).upper()
    match op:
        case "AND" | "OR":
            conditions = filter.get("conditions")
            if not isinstance(conditions, list) or not conditions:
                raise _filter_error(f"{op} needs a list of conditions.", fields)
            return {"op": op, "conditions": [check_filter(condition, fields) for condition in conditions]}
        case "NOT":
            return {"op": op, "condition": check_filter(filter.get("condition"), fields)}
        case _:
            value = filter.get("values") if filter.get("value") is None else filter["value"]
            return _comparison(op, str(filter.get("key") or ""), value, fields)


def keys_of(filter: Mapping[str, Any]) -> Iterator[str]:
    """The fields that a checked filter looks at."""
    if "key" in filter:
        yield filter["key"]
    for condition in filter.get("conditions") or ([filter["condition"]] if "condition" in filter else []):
        yield from keys_of(condition)


def _equality(filter: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    conditions = [
        _comparison("IN" if isinstance(value, list) else "EQ", key, value, fields) for key, value in filter.items()
    ]
    return conditions[0] if len(conditions) == 1 else {"op": "AND", "conditions": conditions}


def _comparison(op: str, key: str, value: object, fields: Fields) -> dict[str, Any]:
    field = fields.get(key)
    if field is None:
        raise _filter_error(f"There is no field '{one_line(key, max_length=40)}' to filter by.", fields)
    if op not in _operators(field):
        raise _filter_error(f"{key} cannot be compared with '{one_line(op, max_length=20)}'.", fields)
    if op != "IN":
        # Up to a day is up to its end.
        return {"op": op, "key": key, "value": _value(key, field, value, fields, end_of_day=op == "LTE")}
    if not isinstance(value, list) or not value:
        raise _filter_error(f"IN on {key} needs a list of values.", fields)
    return {"op": op, "key": key, "values": [_value(key, field, item, fields) for item in value]}


def _value(key: str, field: Mapping[str, Any], value: object, fields: Fields, *, end_of_day: bool = False) -> object:
    match field.get("type"), value:
        case _, None | "" | list() | dict():
            raise _filter_error(f"{key} needs a value to compare with.", fields)
        case "number", bool() | str():
            raise _filter_error(f"{key} is a number.", fields)
        case "datetime", _:
            moment = parse_moment(str(value), key, end_of_day=end_of_day)
            return moment.isoformat() if moment is not None else ""
        case "enum", _ if str(value).upper() in _values(field):
            return str(value).upper()
        case "enum", _ if _values(field):
            raise _filter_error(f"{key} is never '{one_line(str(value), max_length=40)}'.", fields)
        case "number", _:
            return value
        case _:
            return str(value)


def _filter_error(message: str, fields: Fields) -> InvalidRequest:
    return InvalidRequest(
        message,
        'Write {"op": "GT", "key": "duration_ms", "value": 5000}; join with AND or OR and conditions, '
        f"negate with NOT and condition. Fields: {_fields_text(fields)}.",
    )


def _fields_text(fields: Fields) -> str:
    """The fields in words, those with the same operators together."""
    by_operators: dict[str, list[str]] = {}
    for key, field in fields.items():
        values = f" ({' or '.join(_values(field))})" if _values(field) else ""
        by_operators.setdefault(" ".join(_operators(field)), []).append(key + values)
    return "; ".join(f"{', '.join(keys)}: {operators}" for operators, keys in by_operators.items())


def _operators(field: Mapping[str, Any]) -> list[str]:
    return texts(field.get("operators"))


def _values(field: Mapping[str, Any]) -> list[str]:
    return texts(field.get("values"))
