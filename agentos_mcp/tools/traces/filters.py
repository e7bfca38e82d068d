"""AgentOS's filter language for traces, checked before it is sent.

AgentOS answers a filter on a field that it does not know with nothing found, so a typo would pass
for an answer. `{"status": "ERROR"}` is taken too, and means that the field equals the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from agentos_mcp.agentos.errors import InvalidRequest
from agentos_mcp.tooling.markdown import one_line
from agentos_mcp.tooling.time_arguments import parse_moment

Fields = Mapping[str, Mapping[str, Any]]
"""Fields by name, each {type, operators, values}."""


def fields_of(schema: Mapping[str, Any]) -> Fields:
    """The fields of AgentOS's filter schema."""
    listed = schema.get("fields")
    return {
        str(about["key"]): about
        for about in (listed if isinstance(listed, list) else [])
        if isinstance(about, Mapping) and about.get("key")
    }


def checked_filter(filter: object, fields: Fields) -> dict[str, Any]:
    """The filter as AgentOS takes it. Raises InvalidRequest with the fields and operators where it takes none such."""
    if not isinstance(filter, Mapping) or not filter:
        raise _wrong("A filter is an object with op, key and value.", fields)
    if "op" not in filter:
        return _equal(filter, fields)
    op = str(filter["op"]).upper()
    match op:
        case "AND" | "OR":
            inner = filter.get("conditions")
            if not isinstance(inner, list) or not inner:
                raise _wrong(f"{op} needs a list of conditions.", fields)
            return {"op": op, "conditions": [checked_filter(one, fields) for one in inner]}
        case "NOT":
            return {"op": op, "condition": checked_filter(filter.get("condition"), fields)}
        case _:
            value = filter.get("values") if filter.get("value") is None else filter["value"]
            return _compared(op, str(filter.get("key") or ""), value, fields)


def keys_of(filter: Mapping[str, Any]) -> Iterator[str]:
    """The fields that a checked filter looks at."""
    if "key" in filter:
        yield filter["key"]
    for inner in filter.get("conditions") or ([filter["condition"]] if "condition" in filter else []):
        yield from keys_of(inner)


def _equal(filter: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    conditions = [
        _compared("IN" if isinstance(value, list) else "EQ", key, value, fields) for key, value in filter.items()
    ]
    return conditions[0] if len(conditions) == 1 else {"op": "AND", "conditions": conditions}


def _compared(op: str, key: str, value: object, fields: Fields) -> dict[str, Any]:
    about = fields.get(key)
    if about is None:
        raise _wrong(f"There is no field '{one_line(key, max_length=40)}' to filter by.", fields)
    if op not in _operators(about):
        raise _wrong(f"{key} cannot be compared with '{one_line(op, max_length=20)}'.", fields)
    if op != "IN":
        return {"op": op, "key": key, "value": _value(key, about, value, fields)}
    if not isinstance(value, list) or not value:
        raise _wrong(f"IN on {key} needs a list of values.", fields)
    return {"op": op, "key": key, "values": [_value(key, about, one, fields) for one in value]}


def _value(key: str, about: Mapping[str, Any], value: object, fields: Fields) -> object:
    match about.get("type"), value:
        case _, None | "" | list() | dict():
            raise _wrong(f"{key} needs a value to compare with.", fields)
        case "number", bool() | str():
            raise _wrong(f"{key} is a number.", fields)
        case "datetime", _:
            return parse_moment(str(value), key)
        case "enum", _ if str(value).upper() in _values(about):
            return str(value).upper()
        case "enum", _ if _values(about):
            raise _wrong(f"{key} is never '{one_line(str(value), max_length=40)}'.", fields)
        case "number", _:
            return value
        case _:
            return str(value)


def _wrong(message: str, fields: Fields) -> InvalidRequest:
    return InvalidRequest(
        message,
        'Write {"op": "GT", "key": "duration_ms", "value": 5000}; join with AND or OR and conditions, '
        f"negate with NOT and condition. Fields: {_described(fields)}.",
    )


def _described(fields: Fields) -> str:
    """The fields in words, those with the same operators together."""
    alike: dict[str, list[str]] = {}
    for key, about in fields.items():
        values = f" ({' or '.join(_values(about))})" if _values(about) else ""
        alike.setdefault(" ".join(_operators(about)), []).append(key + values)
    return "; ".join(f"{', '.join(keys)}: {operators}" for operators, keys in alike.items())


def _operators(about: Mapping[str, Any]) -> list[str]:
    return _words(about.get("operators"))


def _values(about: Mapping[str, Any]) -> list[str]:
    return _words(about.get("values"))


def _words(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []
