"""Every client, on every system: an entry is there once, and uninstalling gives back what was there before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentos_mcp.install.client_entry import start_of
from agentos_mcp.settings import SettingsError
from tests._support.client_files import SAMPLES, SECRET
from tests._support.machines import BY_KEY, URL, Machine

KEYS = tuple(SAMPLES)
OTHER_URL = "https://os.example.com"


def variants(text: str) -> dict[str, bytes]:
    """The same file as different editors leave it."""
    return {
        "as it is": text.encode(),
        "CRLF": text.replace("\n", "\r\n").encode(),
        "with a byte order mark": b"\xef\xbb\xbf" + text.encode(),
        "without a final newline": text.rstrip("\n").encode(),
    }


def test_every_client_has_a_sample() -> None:
    assert set(BY_KEY) == set(SAMPLES)


@pytest.mark.parametrize("key", KEYS)
class TestEachClient:
    def test_starts_the_server_and_keeps_everything_else(self, any_machine: Machine, key: str) -> None:
        client, text = BY_KEY[key], SAMPLES[key]
        place = any_machine.has(key, text)
        assert any_machine.install(key).ok
        entry = any_machine.entry(key)
        assert entry is not None
        start = start_of(client, entry, {})
        assert Path(start.command).is_absolute()
        assert start.arguments[-3:] == ("serve", "--url", URL)
        others = client.section.entries(place.read_text(encoding="utf-8"))
        assert others is not None
        del others["agentos"]
        assert others == (client.section.entries(text) or {})
        if "\n" in text:
            written = place.read_text(encoding="utf-8").replace(",", "").splitlines()
            assert not [line for line in text.replace(",", "").splitlines() if line not in written]

    @pytest.mark.parametrize("variant", variants(""))
    def test_gives_back_the_file_byte_for_byte(self, machine: Machine, key: str, variant: str) -> None:
        machine.has(key, variants(SAMPLES[key])[variant])
        before = machine.everything()
        assert machine.install(key).ok
        assert machine.everything() != before
        assert machine.install(key, url=OTHER_URL).ok
        assert machine.uninstall(key).ok
        assert machine.everything() == before

    def test_gives_back_the_file_in_its_own_manner_when_nothing_is_remembered(self, machine: Machine, key: str) -> None:
        place = machine.has(key, SAMPLES[key])
        machine.install(key)
        (machine.system.state / "installed.json").unlink()
        machine.uninstall(key)
        left = BY_KEY[key].section
        assert left.entry(place.read_text(encoding="utf-8"), "agentos") is None
        if left.entries(SAMPLES[key]) is not None:
            assert place.read_text(encoding="utf-8") == SAMPLES[key]

    def test_a_second_time_changes_nothing_and_says_so(self, machine: Machine, key: str) -> None:
        place = machine.has(key, SAMPLES[key])
        machine.install(key)
        before, known = machine.everything(), place.stat()
        assert "already; nothing was changed" in str(machine.install(key))
        assert machine.everything() == before
        assert (place.stat().st_ino, place.stat().st_mtime_ns) == (known.st_ino, known.st_mtime_ns)

    def test_another_url_changes_nothing_but_the_url(self, machine: Machine, key: str) -> None:
        place = machine.has(key, SAMPLES[key])
        machine.install(key)
        before = place.read_text(encoding="utf-8")
        assert "updated in" in str(machine.install(key, url=OTHER_URL))
        assert place.read_text(encoding="utf-8") == before.replace(URL, OTHER_URL)

    def test_makes_the_file_where_there_is_none_and_takes_it_away_again(self, any_machine: Machine, key: str) -> None:
        before = any_machine.everything()
        assert any_machine.install(key).ok
        assert any_machine.entry(key) is not None
        assert any_machine.uninstall(key).ok
        assert any_machine.everything() == before

    @pytest.mark.parametrize("text", ["", "\n"])
    def test_fills_an_empty_file_and_empties_it_again(self, machine: Machine, key: str, text: str) -> None:
        machine.has(key, text)
        before = machine.everything()
        assert machine.install(key).ok
        assert machine.entry(key) is not None
        machine.uninstall(key)
        assert machine.everything() == before

    def test_keeps_what_was_added_since(self, machine: Machine, key: str) -> None:
        client, place = BY_KEY[key], machine.has(key, SAMPLES[key])
        machine.install(key)
        entry = machine.entry(key)
        assert entry is not None
        later = client.section.put(place.read_text(encoding="utf-8"), "later", entry)
        place.write_text(later, encoding="utf-8")
        assert machine.uninstall(key).ok
        text = place.read_text(encoding="utf-8")
        assert client.section.entry(text, "agentos") is None
        assert client.section.entry(text, "later") == entry

    def test_two_names_live_side_by_side_and_leave_nothing(self, machine: Machine, key: str) -> None:
        machine.has(key, SAMPLES[key])
        before = machine.everything()
        machine.install(key)
        machine.install(key, name="second", url=OTHER_URL)
        assert machine.entry(key) != machine.entry(key, "second")
        machine.uninstall(key)
        assert machine.entry(key) is None
        assert machine.entry(key, "second") is not None
        machine.uninstall(key, name="second")
        assert machine.everything() == before

    def test_a_dry_run_shows_a_diff_and_writes_nothing(self, machine: Machine, key: str) -> None:
        machine.has(key, SAMPLES[key])
        before = machine.everything()
        told = str(machine.install(key, dry_run=True))
        assert machine.everything() == before
        assert not (machine.system.state / "installed.json").exists()
        assert f"+++ {machine.place(key)}" in told
        assert URL in told
        machine.install(key)
        before = machine.everything()
        assert f"--- {machine.place(key)}" in str(machine.uninstall(key, dry_run=True))
        assert machine.everything() == before

    def test_never_shows_a_secret(self, machine: Machine, key: str) -> None:
        machine.has(key, SAMPLES[key])
        told = [
            machine.install(key, dry_run=True),
            machine.install(key),
            machine.install(key, url=OTHER_URL, dry_run=True),
            machine.uninstall(key, dry_run=True),
            machine.uninstall(key),
        ]
        assert not [words for words in map(str, told) if SECRET in words or "4711" in words]

    def test_another_server_of_that_name_is_left_alone(self, machine: Machine, key: str) -> None:
        client = BY_KEY[key]
        entry = {client.command: ["npx", "x"] if not client.arguments else "npx"}
        machine.has(key, client.section.put(SAMPLES[key], "agentos", entry))
        before = machine.everything()
        for outcome in (machine.install(key), machine.uninstall(key)):
            assert not outcome.ok
            assert "another server named 'agentos' (it starts npx)" in str(outcome)
            assert "--name" in str(outcome)
        assert machine.everything() == before


def test_what_a_person_changed_in_the_entry_stays(machine: Machine) -> None:
    machine.install("cursor")
    place = machine.place("cursor")
    text = place.read_text(encoding="utf-8")
    place.write_text(text.replace('"command"', '"disabled": true,\n      "env": {"PROXY": "x"},\n      "command"'))
    machine.install("cursor", url=OTHER_URL)
    entry = machine.entry("cursor")
    assert entry is not None
    assert (entry["disabled"], entry["env"]) == (True, {"PROXY": "x"})


def test_a_persons_timeout_stays_unless_calls_are_told_to_wait_longer(machine: Machine) -> None:
    place = machine.has("codex", "")
    machine.install("codex")
    place.write_text(place.read_text().replace("tool_timeout_sec = 600", "tool_timeout_sec = 90"))
    machine.install("codex", url=OTHER_URL)
    assert (machine.entry("codex") or {})["tool_timeout_sec"] == 90
    machine.install("codex", wait="900")
    assert (machine.entry("codex") or {})["tool_timeout_sec"] == 960


class TestAll:
    def test_takes_the_clients_that_are_there_and_names_the_others(self, any_machine: Machine) -> None:
        any_machine.has("cursor", "{}")
        any_machine.has("codex", "")
        outcome = any_machine.install("all")
        assert [result.client for result in outcome.results] == ["Cursor", "Codex"]
        assert "Not found here, so left out: Claude Desktop (claude-desktop)" in outcome.notes[-1]
        assert "workspace" not in outcome.notes[-1]
        assert not any_machine.place("claude-desktop").exists()

    def test_says_so_where_none_is_there(self, machine: Machine) -> None:
        outcome = machine.install("all")
        assert not outcome.ok
        assert "No client was found here. Name one: claude-desktop," in str(outcome)
        assert machine.uninstall("all").ok, "there is nothing to take out, and that is what was asked for"

    def test_takes_a_client_that_is_named_besides(self, machine: Machine) -> None:
        outcome = machine.install("all", "zed")
        assert [result.client for result in outcome.results] == ["Zed"]
        assert "Zed was not found here: the entry waits for it" in str(outcome)

    def test_one_broken_client_does_not_keep_the_others_from_theirs(self, machine: Machine) -> None:
        machine.has("cursor", "{")
        machine.has("codex", "")
        outcome = machine.install("all")
        assert not outcome.ok
        assert [str(result)[0] for result in outcome.results] == ["✘", "✔"]

    def test_uninstalls_everywhere(self, machine: Machine) -> None:
        for key, text in SAMPLES.items():
            machine.has(key, text)
        before = machine.everything()
        machine.install("all")
        assert machine.uninstall("all").ok
        assert machine.everything() == before


@pytest.mark.parametrize(
    ("keys", "options", "words"),
    [
        (("emacs",), {}, "there is no client 'emacs'; use claude-desktop, "),
        ((), {}, "name a client: claude-desktop, "),
        (("zed",), {"name": "My OS"}, "--name My OS cannot be used"),
        (("zed",), {"name": "x" * 21}, "at most 20"),
        (("zed",), {"url": "localhost"}, "--url='localhost' cannot be used"),
        (("zed",), {"token_variable": SECRET}, "takes the name of an environment variable"),
    ],
)
def test_what_cannot_be_used_is_said_at_once(
    machine: Machine, keys: tuple[str, ...], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        machine.install(*keys, **options)
    assert words in str(raised.value)
    assert SECRET not in str(raised.value)
