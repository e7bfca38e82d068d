"""What is changed to make inputs: documents and streams that a live AgentOS sent a moment ago."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anyio
import httpx

from agentos_mcp.agentos.pauses.requirements import questions
from agentos_mcp.agentos.runs.payload import read_requirements
from agentos_mcp.agentos.runs.run import KINDS, RunRef
from scripts.project import ROOT
from tests._support.agentos.pausing import LEDGER_VARIABLE
from tests._support.contract_calls import STORY
from tests._support.recorded_answers import Recording, contract_agentos, record
from tests._support.running_agentos import running_agentos

_SLOW = frozenset({"slow-deployer", "boss-slow", "in-step-slow", "late-approve", "late-cancel", "late-skip"})


@dataclass(frozen=True)
class PausedRun:
    """A run that waits, as AgentOS has stored it."""

    ref: RunRef
    document: Mapping[str, Any]

    @property
    def requirements(self) -> tuple[Mapping[str, Any], ...]:
        found: tuple[Mapping[str, Any], ...] = read_requirements(self.document)["requirements"]
        return found


@dataclass(frozen=True)
class Corpus:
    """All that the targets need, the same in every process."""

    recordings: tuple[Recording, ...]
    paused: tuple[PausedRun, ...]

    @property
    def streams(self) -> list[bytes]:
        """The bodies of the streams of events."""
        found = [body for item in self.recordings for _, (_, kind, body) in item.replies if "event-stream" in kind]
        return list(dict.fromkeys(found))

    @property
    def runs(self) -> list[bytes]:
        """Stored runs."""
        documents = [
            body
            for item in self.recordings
            for _, (_, kind, body) in item.replies
            if "json" in kind and b'"run_id"' in body and isinstance(json.loads(body), dict)
        ]
        return list(dict.fromkeys([*documents, *(json.dumps(run.document).encode() for run in self.paused)]))

    @property
    def schemas(self) -> list[Any]:
        """Schemas of inputs and answers: AgentOS's own, and some with everything in them."""
        found = [dict(_EVERYTHING), dict(STORY)]
        for item in self.recordings:
            for _, (_, kind, body) in item.replies:
                if "json" in kind and b"schema" in body:
                    found += _schemas_in(json.loads(body))
        distinct = {json.dumps(schema, sort_keys=True): schema for schema in found if len(json.dumps(schema)) < 4_000}
        return list(distinct.values())


def _schemas_in(value: Any) -> list[dict[str, Any]]:
    found = []
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"input_schema", "factory_input_schema", "output_schema"} and isinstance(inner, dict):
                found.append(inner)
            found += _schemas_in(inner)
    elif isinstance(value, list):
        for inner in value:
            found += _schemas_in(inner)
    return found


_EVERYTHING: Mapping[str, Any] = {
    "type": "object",
    "$defs": {
        "Topic": {"type": "string", "enum": ["tea", "honey"]},
        "Part": {
            "type": "object",
            "properties": {"topic": {"$ref": "#/$defs/Topic"}, "next": {"$ref": "#/$defs/Part"}},
        },
    },
    "properties": {
        "topic": {"$ref": "#/$defs/Topic"},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}, "maxItems": 9},
        "length": {"anyOf": [{"type": "integer", "minimum": 1, "maximum": 500}, {"type": "null"}], "default": None},
        "tone": {"const": "dry", "description": "How it sounds"},
        "more": {"allOf": [{"type": "object", "properties": {"a": {"type": "number"}}}], "additionalProperties": False},
    },
    "required": ["topic"],
}


FOLDER = ROOT / ".fuzz"
_RECORDERS = (
    "tests/fuzz/corpus.py",
    "tests/_support/recorded_answers.py",
    "tests/_support/contract_calls.py",
    "tests/_support/factories.py",
    "tests/_support/agentos/contract.py",
    "tests/_support/agentos/pausing.py",
)
"""What decides, beside the version of agno, what is recorded."""


def kept_corpus() -> Path:
    """The file with the corpus. It is recorded once and kept: with another one the same seed makes other inputs."""
    recorders = b"".join((ROOT / name).read_bytes() for name in _RECORDERS)
    digest = hashlib.sha256(version("agno").encode() + recorders).hexdigest()[:16]
    path = FOLDER / f"corpus-{digest}"
    if not path.exists():
        FOLDER.mkdir(exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(pickle.dumps(record_corpus()))
        part.replace(path)
    return path


def record_corpus() -> Corpus:
    """What live AgentOSes say now."""
    with contract_agentos() as url:
        recordings = anyio.run(record, url)
    with tempfile.TemporaryDirectory() as folder:
        variables = {LEDGER_VARIABLE: f"{folder}/ledger"}
        with running_agentos(build="tests._support.agentos.pausing:build", environment=variables) as url:
            return Corpus(tuple(recordings), anyio.run(record_pauses, url))


def paused_runs(recording: Recording) -> list[PausedRun]:
    """The runs that wait, among the answers to one call."""
    if "run" not in recording.arguments:
        return []
    ref = RunRef.parse(str(recording.arguments["run"]))
    documents = [
        json.loads(body)
        for request, (_, kind, body) in recording.replies
        if "json" in kind and request.startswith("GET ") and b'"PAUSED"' in body
    ]
    runs = [PausedRun(ref, document) for document in documents if isinstance(document, dict)]
    return [run for run in runs if questions(run.ref, run.requirements)]


async def record_pauses(url: str) -> tuple[PausedRun, ...]:
    """Run every component of the AgentOS for pauses; the runs that wait then."""
    found: list[PausedRun] = []

    async def one(rest: httpx.AsyncClient, kind: Any, id: str) -> None:
        form = {"message": "do it, tag-fuzz", "stream": "false", "session_id": f"fuzz-{kind}-{id}"}
        answer = await rest.post(f"/{kind}s/{id}/runs", data=form)
        if not answer.is_success:
            return
        run = answer.json()
        path = f"/{kind}s/{id}/runs/{run['run_id']}"
        document = (await rest.get(path, params={"session_id": run["session_id"]})).json()
        paused = PausedRun(RunRef(kind, id, run["session_id"], run["run_id"]), document)
        if questions(paused.ref, paused.requirements):
            found.append(paused)

    async with httpx.AsyncClient(base_url=url, timeout=60) as rest, anyio.create_task_group() as tasks:
        config = (await rest.get("/config")).json()
        for kind in KINDS:
            for component in config[f"{kind}s"]:
                if component["id"] not in _SLOW:
                    tasks.start_soon(one, rest, kind, component["id"])
    return tuple(sorted(found, key=lambda run: str(run.ref.component)))
