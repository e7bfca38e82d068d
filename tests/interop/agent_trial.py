"""Leads a client with a scripted model through all parts: it is installed, used, given up on, and uninstalled."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from agentos_mcp.install.client_table import CLIENTS, Client
from agentos_mcp.install.host_system import HostSystem
from tests._support.processes import ListeningProcess
from tests.interop.agent_clients import HTTP_TOKEN, PROMPT, AgentClient
from tests.interop.conversation import (
    CLIENT_LIMIT_SECONDS,
    PUBLISHED,
    WAIT_SECONDS,
    Play,
    Transcript,
    all_parts,
    describe,
    is_unfinished,
    one_long_run,
    one_question,
    script_of,
    transcript_of,
)
from tests.interop.loopback import end_leftover_processes, loopback_environment
from tests.interop.matrix import ClientReport, with_known_faults
from tests.interop.run_status import wait_for_status
from tests.interop.screen import ESCAPE, Screen, wait_until
from tests.interop.scripted_model import ScriptedModel, scripted_model
from tests.interop.server_command import DEFAULT_TOOLS
from tests.interop.wire_record import RecordedCall, WireRecord, read_wire_record, recorded_command

CONVERSATION_LIMIT = 120.0
"""Seconds for a conversation without a person; the longest takes about 30."""
START_LIMIT = 100.0
"""Seconds until a client at its screen has made its call; it takes 3 to 30 on a busy machine."""
NAME = "agentos"
_RECORDED_HTTP_SERVER = (sys.executable, "-m", "tests.interop.recorded_http_server")


def run_agent_client(client: AgentClient, agentos: str, folder: Path) -> ClientReport:
    """All parts, one after the other, in a home of its own."""
    try:
        return _Trial(client, agentos, folder).run()
    finally:
        end_leftover_processes(folder)


class _Trial:
    def __init__(self, client: AgentClient, agentos: str, folder: Path) -> None:
        self.client, self.agentos, self.home = client, agentos, folder
        self.work = folder / "work"
        self.work.mkdir(parents=True)
        self.table: Client = next(known for known in CLIENTS if known.key == client.install_key)
        self.config = self.table.config_path(HostSystem("linux", self.home, {}, self.work))
        self.report = ClientReport(client.name, client.version)
        self.command = client.program.command()

    def run(self) -> ClientReport:
        """All parts, one after the other."""
        self._write_files()
        before = self._data()
        if self.client.http_entry is not None:
            self.entry: dict[str, Any] | None = dict(self.client.http_entry)
            self._use()
        elif self._install(before):
            self._use()
            self._uninstall()
        return with_known_faults(self.report, self.client.faults)

    def _use(self) -> None:
        self._converse()
        self._ask_a_person()
        self._give_up()
        if refusals := [words for log in sorted(self.home.glob("*.log")) for words in read_wire_record(log).refusals]:
            self.report.breaks("list", f"requests of the client were refused: {describe(refusals)}")

    # Installing

    def _agentos_mcp(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "agentos_mcp", *arguments],
            env=loopback_environment(self.home),
            cwd=self.work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
        )

    def _install(self, before: dict[str, Any]) -> bool:
        done = self._agentos_mcp(
            "install",
            self.client.install_key,
            "--url",
            self.agentos,
            "--wait",
            str(WAIT_SECONDS),
            "--no-remember",
            "--json",
        )
        self.entry = self.table.section.entry(self.config.read_text(encoding="utf-8"), NAME)
        others = {key: value for key, value in self._data().items() if key in before}
        self.report.check(
            "install",
            done.returncode == 0 and self.entry is not None and others == before,
            "",
            f"exit code {done.returncode}: {describe(done.stdout + done.stderr)}",
        )
        return self.report.cells["install"].state == "works"

    def _uninstall(self) -> None:
        assert self.entry is not None
        self._put(self.entry)
        ours = {self.table.section.name, *self.table.top_level_settings}
        before = {key: value for key, value in self._data().items() if key not in ours}
        done = self._agentos_mcp("install", self.client.install_key, "--uninstall", "--json")
        left = self._data()
        others = {key: value for key, value in left.items() if key not in ours}
        self.report.check(
            "uninstall",
            done.returncode == 0 and NAME not in left.get(self.table.section.name, {}) and others == before,
            "",
            f"exit code {done.returncode}: {describe(done.stdout + done.stderr)}; the file has {', '.join(left)}",
        )

    def _data(self) -> dict[str, Any]:
        data: dict[str, Any] = self.table.section.format.read(self.config.read_text(encoding="utf-8"))
        return data

    def _put(self, entry: dict[str, Any]) -> None:
        text = self.config.read_text(encoding="utf-8")
        self.config.write_text(self.table.section.put(text, NAME, entry), encoding="utf-8")

    def _write_files(self) -> None:
        for name, text in self.client.files.items():
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("MODEL", self._model_url).replace("HOME", str(self.home)), encoding="utf-8")

    @contextmanager
    def _conversation(
        self, name: str, play: Callable[[], Play], *, limited: bool = False
    ) -> Iterator[tuple[ScriptedModel, Path]]:
        """A model that plays it, the entry so that what is said is recorded, and the record's path.

        `limited`: the entry says after how long the client gives a call up.
        """
        log = self.home / f"{name}.log"
        with ExitStack() as stack:
            model = stack.enter_context(scripted_model(script_of(play)))
            text = self.config.read_text(encoding="utf-8")
            self.config.write_text(text.replace(self._model_url, model.url), encoding="utf-8")
            self._model_url = model.url
            if self.client.http_entry is None:
                entry = self._recorded_entry(log)
            else:
                arguments = (str(log), self.agentos, str(WAIT_SECONDS), HTTP_TOKEN)
                server = stack.enter_context(ListeningProcess(*arguments, command=_RECORDED_HTTP_SERVER))
                entry = {**self.client.http_entry, self.client.http_url_key: server.url}
            self._put({**entry, **self.client.entry_additions, **(self.client.limit_in_entry if limited else {})})
            yield model, log

    def _recorded_entry(self, log: Path) -> dict[str, Any]:
        """The installed entry with the recorder before its command."""
        assert self.entry is not None
        command_key, arguments_key = self.table.command_key, self.table.arguments_key
        if not arguments_key:
            return {**self.entry, command_key: recorded_command(log, self.entry[command_key])}
        first, *rest = recorded_command(log, [self.entry[command_key], *self.entry[arguments_key]])
        return {**self.entry, command_key: first, arguments_key: rest}

    _model_url = "http://127.0.0.1:9"
    """Where the files say that the model is."""

    def _environment(self, model: ScriptedModel) -> dict[str, str]:
        variables = {name: value.replace("MODEL", model.url) for name, value in self.client.variables.items()}
        return {**loopback_environment(self.home), **variables}

    # Conversations

    def _converse(self) -> None:
        with self._conversation("all", all_parts, limited=True) as (model, log):
            command = [*self.command, *self.client.headless, PROMPT]
            try:
                done = subprocess.run(
                    command,
                    env={**self._environment(model), **self.client.limit_variables},
                    cwd=self.work,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    encoding="utf-8",
                    errors="replace",
                    timeout=CONVERSATION_LIMIT,
                )
                said = done.stdout
            except subprocess.TimeoutExpired as error:
                said = f"it did not end in {CONVERSATION_LIMIT:.0f} s: {error.stdout!r}"
        (self.home / "all.requests").write_text(json.dumps(model.requests), encoding="utf-8")
        (self.home / "all.out").write_text(said, encoding="utf-8")
        record, transcript = read_wire_record(log), transcript_of(all_parts, model.results)
        trouble = describe("; ".join(model.problems) or said[-300:])
        self.report.protocol = record.protocol_version
        self._judge_list(model, transcript, trouble)
        judge_run(self.report, transcript, record, trouble)
        judge_long_run(self.report, transcript, record, trouble)
        judge_question(self.report, transcript, record, trouble)

    def _judge_list(self, model: ScriptedModel, transcript: Transcript, trouble: str) -> None:
        requests = json.dumps([body for _, body in model.requests])
        missing = [tool for tool in DEFAULT_TOOLS if f"{tool}" not in model.offered and f"_{tool}" not in requests]
        self.report.check(
            "list",
            not missing and "content-pipeline" in transcript.last("list"),
            f"{len(DEFAULT_TOOLS)} tools",
            f"its model was not offered {', '.join(missing)}; {trouble}" if missing else trouble,
        )

    def _ask_a_person(self) -> None:
        """The same at its screen, where its form is filled in. Nothing is noted where it already failed without."""
        if not self.client.form_keys or self.report.cells["question"].state != "works":
            return
        with self._conversation("question", one_question) as (model, log):
            command = [*self.command, *self.client.interactive, PROMPT]
            with Screen(command, self._environment(model), self.work) as screen:
                asked = wait_until(lambda: any(call.asked for call in read_wire_record(log).calls), START_LIMIT)
                shown = asked and wait_until(lambda: screen.shows(self.client.form_words), 10)
                if shown:
                    screen.press(*self.client.form_keys)
                    wait_until(model.is_finished.is_set, 15)
                (self.home / "question.screen").write_text(screen.text, encoding="utf-8")
        self.report.check(
            "question",
            bool(model.results) and PUBLISHED in model.results[0],
            "a form; in words without a person",
            f"asked: {asked}, shown: {shown}, result: {describe(model.results)} {describe(model.problems)}",
        )

    def _give_up(self) -> None:
        session = f"interop-{self.client.key}"

        def play() -> Play:
            return one_long_run(session)

        with self._conversation("cancel", play) as (model, log):
            command = [*self.command, *self.client.interactive, PROMPT]
            with Screen(command, self._environment(model), self.work) as screen:
                started = wait_until(lambda: any(call.progress for call in read_wire_record(log).calls), START_LIMIT)
                screen.press(*[ESCAPE] * self.client.escapes)
                status = wait_for_status(self.agentos, session, "CANCELLED", seconds=8)
                (self.home / "cancel.screen").write_text(screen.text, encoding="utf-8")
            call = next(iter(read_wire_record(log).calls), None)
        self.report.check(
            "cancel",
            started and status == "CANCELLED",
            "Esc",
            f"the run was {status}, the call {_outcome(call)} {describe(model.problems)}",
        )


def _outcome(call: RecordedCall | None) -> str:
    if call is None:
        return "was never made"
    return "was cancelled" if call.is_cancelled else "was not cancelled"


def judge_run(report: ClientReport, transcript: Transcript, record: WireRecord, trouble: str) -> None:
    """Whether a workflow ran to its end, with progress."""
    calls = record.of("run_workflow")
    told = calls[0].progress if calls else []
    problem = (
        f"result: {describe(transcript.of('run'))}; {trouble}"
        if "completed" not in transcript.last("run")
        else f"{len(told)} notifications of progress"
    )
    holds = "completed" in transcript.last("run") and len(told) > 2 and calls[0].progress_increases
    report.check("run", holds, f"{len(told)} times progress", problem)


def judge_long_run(report: ClientReport, transcript: Transcript, record: WireRecord, trouble: str) -> None:
    """Whether a run that takes longer than the client waits came to its end, call by call."""
    results = transcript.of("long run")
    calls = [call for call in record.calls if call.tool == "get_run" or call.tool == "run_agent"][: len(results)]
    longest = max((call.seconds for call in calls), default=0)
    total = calls[-1].ended - calls[0].started if calls and calls[-1].ended else 0.0
    holds = (
        len(results) > 1
        and is_unfinished(results[0])
        and "completed" in results[-1]
        and longest < CLIENT_LIMIT_SECONDS < total
    )
    report.check(
        "long run",
        holds,
        f"{total:.0f} s in {len(calls)} calls, limit {CLIENT_LIMIT_SECONDS} s",
        f"{total:.1f} s, longest call {longest:.1f} s, results: {describe(results)}; {trouble}",
    )


def judge_question(report: ClientReport, transcript: Transcript, record: WireRecord, trouble: str) -> None:
    """Whether a run that asks was answered, by a form or in words."""
    results = transcript.of("question")
    report.check(
        "question",
        PUBLISHED in transcript.last("question"),
        "a form" if len(results) == 1 else "in words, continue_run",
        f"results: {describe(results)}; {trouble}",
    )
