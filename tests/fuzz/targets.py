"""What is fuzzed: how an input is made, and what reads it. A reader may raise errors of our tree, and nothing else."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from agentos_mcp.agentos.errors import AgentOSError
from agentos_mcp.agentos.hints import PLAIN
from agentos_mcp.agentos.inputs.component_inputs import flatten_schema, input_lines, read_component_inputs
from agentos_mcp.agentos.inputs.schema_checks import check_limits, expanded_nodes, find_problems
from agentos_mcp.agentos.inputs.schemas import describe_inputs, expand_references
from agentos_mcp.agentos.json_values import decode, mapping
from agentos_mcp.agentos.pauses.requirements import check_answers, continuation_form, questions, with_question_key
from agentos_mcp.agentos.runs.reducer import reduce
from agentos_mcp.agentos.runs.run import RunRef, RunState
from agentos_mcp.agentos.sse import FrameReader, parse_event
from agentos_mcp.install.client_entry import is_own_entry, project_entries, resolve_command
from agentos_mcp.install.client_table import CLIENTS
from agentos_mcp.install.errors import InstallError, InvalidConfigError
from agentos_mcp.runs.progress import describe
from agentos_mcp.runs.result import run_result, unfinished_result
from agentos_mcp.server.mcp_server import _describe_invalid_arguments
from agentos_mcp.settings import Settings
from agentos_mcp.tooling.argument_limits import check_argument
from agentos_mcp.tooling.mcp_tool import mcp_tool
from tests._support.client_config_samples import SAMPLES
from tests._support.recorded_answers import TOOLS, mutated, mutated_stream
from tests.fuzz.corpus import Corpus
from tests.fuzz.mutation import mutated_bytes, mutated_text
from tests.fuzz.replayed_tools import ReplayedTools

_SURROGATE = re.compile("[\ud800-\udfff]")
MAX_CHECKED_NODES = 60
"""Of a schema that is given to the library, which takes milliseconds for more."""


@dataclass(frozen=True)
class Input:
    """One input: which of the target's cases it belongs to, and the data that was changed."""

    case: int
    data: bytes


class Target:
    """Makes inputs and reads them. `check` raises only what must not happen."""

    name = ""
    about = ""

    def make(self, dice: random.Random) -> Input:
        raise NotImplementedError

    def check(self, given: Input) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Free what the target holds."""


def json_of(data: bytes) -> Any:
    """The value of a changed document; an empty object where it is none: whoever reads it was never called."""
    try:
        return decode(data)
    except ValueError:
        return {}


class Events(Target):
    name = "events"
    about = "streams of events in pieces of any size: the parser, the reducer, the progress and the result of a run"

    def __init__(self, corpus: Corpus) -> None:
        self._streams = [
            [block + b"\n\n" for block in stream.replace(b"\r\n", b"\n").split(b"\n\n") if block]
            for stream in corpus.streams
        ]

    def make(self, dice: random.Random) -> Input:
        blocks = dice.choice(self._streams)
        start = dice.randrange(len(blocks))
        part = b"".join([blocks[0], *blocks[start : start + 6]])
        changed = mutated_stream(part, dice) if dice.random() < 0.6 else mutated_bytes(part, dice)
        return Input(dice.choice((1, 7, 64, 1_000, 100_000)), changed)

    def check(self, given: Input) -> None:
        frames = FrameReader()
        state = RunState(ref=RunRef("agent", "c", "s", "r"))
        size = max(given.case, len(given.data) // 200)
        try:
            for at in range(0, len(given.data), size):
                for frame in frames.feed(given.data[at : at + size]):
                    if (event := parse_event(frame)) is not None:
                        state = reduce(state, event)
        except AgentOSError:
            return
        describe(state).encode()
        text = run_result(state, tokens=500, surface=PLAIN) if state.has_ended else unfinished_result(state, PLAIN)
        text.encode()


class References(Target):
    name = "references"
    about = "run references and their URIs"

    def __init__(self, corpus: Corpus) -> None:
        refs = [str(run.ref) for run in corpus.paused]
        self._texts = (
            *refs,
            *(f"agentos://runs/{ref}" for ref in refs[:5]),
            "prod:workflow/content-pipeline/2345678923/bcdfghjkmn",
            "agent/a%3Fb%23c/%E6%97%A5%E6%9C%AC/%2E%2E",
        )

    def make(self, dice: random.Random) -> Input:
        text = mutated_text(dice.choice(self._texts), dice, self._texts)
        return Input(0, text.encode("utf-8", "surrogatepass"))

    def check(self, given: Input) -> None:
        try:
            ref = RunRef.parse(given.data.decode("utf-8", "surrogatepass"))
        except AgentOSError as error:
            str(error).encode()
            return
        written = str(ref)
        written.encode("ascii")
        again = RunRef.parse(written)
        # Lone surrogates, which JSON readers refuse, come back as U+FFFD.
        if again != ref and not _SURROGATE.search(ref.component + ref.session + ref.run):
            raise AssertionError(f"{ref!r} is read back as {again!r}")


class Answers(Target):
    name = "answers"
    about = "answers to paused runs, and the arguments of every tool, as models write them"

    def __init__(self, corpus: Corpus) -> None:
        self._paused = [(run, questions(run.ref, run.requirements)) for run in corpus.paused]
        settings = Settings(toolsets=("all",))
        self._tools = [
            (mcp_tool(TOOLS[item.tool], settings), json.loads(json.dumps(dict(item.arguments), default=str)))
            for item in corpus.recordings
        ]

    def make(self, dice: random.Random) -> Input:
        case = dice.randrange(len(self._paused) + len(self._tools))
        if case < len(self._paused):
            _, asked = self._paused[case]
            answers: Any = {
                question.key: {field.name: _guess(field.type, field.choices, dice) for field in question.fields}
                for question in asked
            }
            if dice.randrange(4) == 0:
                answers = next(iter(answers.values()), True)
        else:
            _, arguments = self._tools[case - len(self._paused)]
            answers = json.loads(json.dumps(arguments))
        return Input(case, mutated(answers, dice) if dice.randrange(8) else json.dumps(answers).encode())

    def check(self, given: Input) -> None:
        value = _json_as_python_reads_it(given.data)
        if given.case < len(self._paused):
            run, asked = self._paused[given.case]
            try:
                answers = check_answers(asked, with_question_key(asked, mapping(value)))
                for text in continuation_form(run.ref, run.requirements, answers).values():
                    text.encode("utf-8", "surrogatepass")
            except AgentOSError as error:
                str(error)
            return
        tool, _ = self._tools[given.case - len(self._paused)]
        try:
            for name, argument in tool.fn_metadata.validate_arguments(dict(mapping(value))).items():
                check_argument(name, argument)
        except AgentOSError as error:
            str(error)
        except ValidationError as error:
            _describe_invalid_arguments(error)


def _guess(kind: str, choices: Sequence[str], dice: random.Random) -> Any:
    if choices and dice.randrange(4):
        return dice.choice(choices)
    return {"boolean": True, "integer": 3, "number": 2.5}.get(kind, "some text")


def _json_as_python_reads_it(data: bytes) -> Any:
    """As the SDK's readers do, which take more than `decode` does."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return {}


class Schemas(Target):
    name = "schemas"
    about = "JSON schemas of inputs and answers: their limits, their fields in short, and the schemas' own check"

    def __init__(self, corpus: Corpus) -> None:
        self._schemas = corpus.schemas

    def make(self, dice: random.Random) -> Input:
        case = dice.randrange(len(self._schemas))
        return Input(case, mutated(json.loads(json.dumps(self._schemas[case])), dice))

    def check(self, given: Input) -> None:
        schema = json_of(given.data)
        flatten_schema(schema)
        if not isinstance(schema, Mapping):
            return
        for key in ("input_schema", "factory_input_schema"):
            inputs = read_component_inputs({"id": "c", key: schema})
            json.dumps([dict(inputs.fields), sorted(inputs.required)])
            "\n".join(input_lines({key: schema}, PLAIN)).encode()
        try:
            check_limits(schema)
            describe_inputs(schema).encode()
            json.dumps(expand_references(schema))
            if expanded_nodes(schema) <= MAX_CHECKED_NODES:
                find_problems(schema, None)
        except AgentOSError as error:
            str(error).encode()


class Configurations(Target):
    name = "configurations"
    about = "configuration files of MCP clients (JSON with comments, TOML, YAML): read, an entry put in and taken out"

    _ENTRY: Mapping[str, Any] = {
        "command": "/opt/ö/agentos-mcp",
        "args": ["serve", "--url", 'C:\\"x"'],
        "env": {"A": "b"},
    }

    def __init__(self, corpus: Corpus) -> None:
        self._texts = tuple(SAMPLES[client.key] for client in CLIENTS)
        # The parser of YAML is slow: its clients have a smaller share.
        self._weights = [1 if client.section.format.title == "YAML" else 6 for client in CLIENTS]

    def make(self, dice: random.Random) -> Input:
        (case,) = dice.choices(range(len(CLIENTS)), self._weights)
        text = self._texts[case]
        if dice.randrange(2):
            at = dice.randrange(len(text))
            text = text[:at] if dice.randrange(2) else text[at:]
        return Input(case, mutated_text(text, dice, self._texts).encode("utf-8", "surrogatepass"))

    def check(self, given: Input) -> None:
        client = CLIENTS[given.case % len(CLIENTS)]
        text = given.data.decode("utf-8", "surrogatepass")
        try:
            entries = client.section.entries(text)
            for entry in (entries or {}).values():
                if isinstance(entry, dict):
                    is_own_entry(client, entry)
                    resolve_command(client, entry, {"A": "b"})
            list(project_entries(client, text))
            written = client.section.put(text, "agentos", self._ENTRY)
            client.section.drop(written, "agentos")
        except (InvalidConfigError, InstallError) as error:
            str(error)


class Readers(Target):
    name = "readers"
    about = "answers of AgentOS to every tool, read by the tool to its result"

    def __init__(self, corpus: Corpus) -> None:
        self._tools = ReplayedTools(corpus.recordings)

    def make(self, dice: random.Random) -> Input:
        case, data = self._tools.changed_answer(dice)
        return Input(case, data)

    def check(self, given: Input) -> None:
        self._tools.read(given.case, given.data)

    def close(self) -> None:
        self._tools.close()


TARGETS: Mapping[str, type[Events | References | Answers | Schemas | Configurations | Readers]] = {
    target.name: target for target in (Events, References, Answers, Schemas, Configurations, Readers)
}
