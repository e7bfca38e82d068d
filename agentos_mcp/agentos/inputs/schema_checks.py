"""Checks JSON schemas that others wrote, within limits: nothing is fetched, and every check ends.

A schema that is cheap to check is checked at once. One that may cost anything (a pattern, references
in circles, a large schema on a large value) is checked in a process of its own, with a limit on its
processor time and memory: neither a regular expression nor a comparison can be interrupted from
within Python.
"""

from __future__ import annotations

import json
import logging
import math
import subprocess
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import anyio
from anyio.lowlevel import RunVar

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.json_limits import JsonLimitExceeded, JsonLimits, JsonSize
from agentos_mcp.agentos.plain_text import excerpt

log = logging.getLogger(__name__)

SCHEMA_LIMITS = JsonLimits(characters=100_000, depth=50)
VALUE_LIMITS = JsonLimits(characters=1_000_000, depth=100)

CPU_SECONDS = 2
"""Processor time for one check in a process of its own."""
TIMEOUT_SECONDS = 10.0
"""For such a check with waiting its turn and starting the process, on the clock."""
_MEMORY_BYTES = 1 << 30
_MAX_PROCESSES = 2
_MAX_CHEAP_NODES = 400
"""Of a schema with its references followed: some 30 ms for the check of the schema itself."""
_MAX_CHEAP_WORK = 10_000
"""Schema nodes times nodes of the value, which bounds how often anything is compared: some 100 ms at the worst."""
_CHARACTERS_PER_NODE = 16
"""Long texts cost as well: problems quote them."""
_MAX_PROBLEMS = 100

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_COSTLY_KEYWORDS = frozenset(
    {
        "pattern",
        "patternProperties",
        "uniqueItems",
        "unevaluatedItems",
        "unevaluatedProperties",
        "$dynamicRef",
        "$recursiveRef",
        # What changes the place that references begin at, or the meaning of what is beneath.
        "$id",
        "id",
        "$anchor",
        "$dynamicAnchor",
        "$schema",
    }
)

_processes: RunVar[anyio.CapacityLimiter] = RunVar("schema_check_processes")


class CannotCheckSchema(AgentOSError):
    """A schema, or a value against it, that is not checked; the message is a predicate: "takes too long to check"."""


class InvalidSchema(CannotCheckSchema):
    """It is not a valid JSON schema; `problem` says why."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"is not a valid JSON schema: {problem}")
        self.problem = problem


def check_limits(schema: Mapping[str, Any]) -> JsonSize:
    """The size of a schema. Raises CannotCheckSchema where it is too large or too deep, or refers to anything outside.

    Every "$ref" counts, also where it is an example or a default: whoever reads the schema next may follow it.
    """
    try:
        size = SCHEMA_LIMITS.check(schema)
    except JsonLimitExceeded as error:
        raise CannotCheckSchema(error.message) from None
    pending: list[object] = [schema]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            for key in _REFERENCES:
                if isinstance(reference := item.get(key), str) and not reference.startswith("#"):
                    raise CannotCheckSchema(
                        f"refers to {excerpt(reference)!r}: only references within it (#...) are read"
                    )
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return size


async def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises InvalidSchema for an invalid schema, CannotCheckSchema for what cannot be checked."""
    check_limits(schema)
    await _check(schema, None, JsonSize(1, 1))


async def value_problems(schema: Mapping[str, Any], value: Mapping[str, Any]) -> list[str]:
    """What is wrong with a value, by place, a hundred problems at most. Raises like `check_schema`."""
    check_limits(schema)
    try:
        size = VALUE_LIMITS.check(value)
    except JsonLimitExceeded as error:
        raise CannotCheckSchema(f"cannot be checked against a value that {error.message}") from None
    return await _check(schema, value, size)


async def _check(schema: Mapping[str, Any], value: Mapping[str, Any] | None, size: JsonSize) -> list[str]:
    nodes = expanded_nodes(schema)
    work = nodes * max(size.nodes, size.characters / _CHARACTERS_PER_NODE)
    if nodes <= _MAX_CHEAP_NODES and work <= _MAX_CHEAP_WORK:
        return find_problems(schema, value)
    return await find_problems_in_process(schema, value)


def expanded_nodes(schema: Mapping[str, Any]) -> float:
    """How many nodes a schema has with each reference replaced by what it names; infinite where that is not known.

    In a tree of plain keywords each of them meets each part of a value at most once or twice.
    """
    counts: dict[str, float] = {}

    def nodes(value: object) -> float:
        if isinstance(value, list):
            return 1 + sum(map(nodes, value))
        if not isinstance(value, Mapping):
            return 1
        if value.keys() & _COSTLY_KEYWORDS and (value is not schema or value.keys() & (_COSTLY_KEYWORDS - {"$schema"})):
            return math.inf
        reference = value.get("$ref")
        total = 1 + sum(map(nodes, value.values()))
        return total + (target_nodes(reference) if isinstance(reference, str) else 0)

    def target_nodes(reference: str) -> float:
        if reference not in counts:
            counts[reference] = math.inf  # what it is while it is being counted: a circle
            counts[reference] = nodes(_target(schema, reference))
        return counts[reference]

    try:
        return nodes(schema)
    except (LookupError, RecursionError):
        return math.inf


def _target(schema: Mapping[str, Any], reference: str) -> object:
    """What "#/$defs/Name" names. Raises LookupError where it names nothing, or not by a path of names."""
    target: Any = schema
    if not reference.startswith("#/"):
        raise LookupError(reference)
    for name in unquote(reference[2:]).split("/"):
        if not isinstance(target, Mapping):
            raise LookupError(reference)
        target = target[name.replace("~1", "/").replace("~0", "~")]
    return target


def find_problems(schema: Mapping[str, Any], value: Mapping[str, Any] | None) -> list[str]:
    """The check itself, in this process; without a value the schema alone is checked."""
    from itertools import islice

    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # jsonschema ships no types
    from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]  # jsonschema ships no types
    from referencing import Registry

    try:
        Draft202012Validator.check_schema(schema)
        if value is None:
            return []
        # An empty registry retrieves nothing; the default one opens URLs.
        errors = Draft202012Validator(schema, registry=Registry()).iter_errors(value)
        target = sorted(islice(errors, _MAX_PROBLEMS), key=lambda error: str(error.json_path))
        return [_problem(error) for error in target]
    except SchemaError as error:
        raise InvalidSchema(_problem(error)) from None
    except Exception as error:
        # A hostile schema finds ways to fail in each library beneath; all of them mean the same.
        log.debug("A schema cannot be checked", exc_info=True)
        raise CannotCheckSchema(f"cannot be checked ({type(error).__name__})") from None


def _problem(error: Any) -> str:
    path = excerpt(str(error.json_path).removeprefix("$").removeprefix("."))
    message = excerpt(str(error.message), max_length=160)
    return f"{path}: {message}" if path else message


# In a process of its own

_PROCESS_CODE = (
    "import json, sys; job = json.load(sys.stdin); sys.path[:] = job['path']; "
    "from agentos_mcp.agentos.inputs.schema_checks import work; work(job)"
)


async def find_problems_in_process(schema: Mapping[str, Any], value: Mapping[str, Any] | None) -> list[str]:
    job = json.dumps({"path": sys.path, "schema": schema, "value": value}).encode()
    try:
        with anyio.fail_after(TIMEOUT_SECONDS):
            async with _process_limiter():
                code, output = await _run(job)
    except TimeoutError:
        raise CannotCheckSchema("takes too long to check") from None
    except (OSError, anyio.BrokenResourceError) as error:
        log.warning("No process for checking a schema could be started: %s", error)
        raise CannotCheckSchema(f"cannot be checked now ({type(error).__name__})") from None
    if code:
        # The kernel ended it, or it ended itself where its memory was used up.
        raise CannotCheckSchema("takes too long to check")
    answer = json.loads(output)
    if "invalid" in answer:
        raise InvalidSchema(answer["invalid"])
    if "unchecked" in answer:
        raise CannotCheckSchema(answer["unchecked"])
    problems: list[str] = answer["problems"]
    return problems


async def _run(job: bytes) -> tuple[int, bytes]:
    """The exit code and the output of a process that gets the job. It ends with the caller."""
    # A process whose start is cancelled would be nobody's.
    with anyio.CancelScope(shield=True):
        process = await anyio.open_process([sys.executable, "-P", "-c", _PROCESS_CODE], stderr=subprocess.DEVNULL)
    async with process:
        if process.stdin is None or process.stdout is None:
            raise BrokenPipeError("a process without pipes")
        await process.stdin.send(job)
        await process.stdin.aclose()
        output = b"".join([chunk async for chunk in process.stdout])
        return await process.wait(), output


def _process_limiter() -> anyio.CapacityLimiter:
    try:
        return _processes.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(_MAX_PROCESSES)
        _processes.set(limiter)
        return limiter


def work(job: Mapping[str, Any]) -> None:
    """In that process: check the job, and write the result to stdout."""
    _limit_this_process()
    try:
        answer: Mapping[str, object] = {"problems": find_problems(job["schema"], job["value"])}
    except InvalidSchema as error:
        answer = {"invalid": error.problem}
    except CannotCheckSchema as error:
        answer = {"unchecked": error.message}
    sys.stdout.write(json.dumps(answer))


def _limit_this_process() -> None:
    import faulthandler
    import os

    # A thread of C code, which ends the process even where Python is stuck in a regular expression.
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - it stays open only as its descriptor
        faulthandler.dump_traceback_later(TIMEOUT_SECONDS, exit=True, file=os.dup(nowhere.fileno()))
    if sys.platform != "win32":  # there the clock's limit is the only one
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        seconds = math.ceil(used.ru_utime + used.ru_stime) + CPU_SECONDS
        for limit, maximum in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, _MEMORY_BYTES)):
            _, hard = resource.getrlimit(limit)
            try:
                resource.setrlimit(limit, (maximum if hard == resource.RLIM_INFINITY else min(maximum, hard), hard))
            except (ValueError, OSError):
                continue  # not every system has each limit; the clock's is left
