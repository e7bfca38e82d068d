"""`agentos-mcp use`: what is remembered, what is refused, and what every other command makes of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from agentos_mcp.settings.profiles import ProfileFile
from tests._support.processes import DOWN
from tests._support.terminal_calls import CommandResult, invoke
from tests.conftest import KEY


class Home:
    """A user with a configuration folder of their own, and no address in the environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = ProfileFile(folder / "agentos-mcp" / "agentos.toml")

    def invoke(self, *arguments: str, **variables: str) -> CommandResult:
        return invoke("", *arguments, env={"XDG_CONFIG_HOME": str(self.folder), **variables})

    def ok(self, *arguments: str, **variables: str) -> CommandResult:
        result = self.invoke(*arguments, **variables)
        assert result.exit_code == 0, result
        return result

    def token_file(self, token: str) -> str:
        path = self.folder / "token"
        path.write_text(token)
        return str(path)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


class Recorder:
    """A server at another address, with the tokens that it was sent."""

    def __init__(self) -> None:
        self.credentials: list[str] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                recorder.credentials.append(self.headers.get("Authorization", ""))
                self.send_response(401)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    thread = threading.Thread(target=recorder.server.serve_forever)
    thread.start()
    yield recorder
    recorder.server.shutdown()
    thread.join()
    recorder.server.server_close()


def test_use_remembers_an_agentos_for_every_command(home: Home, demo: str) -> None:
    assert "No AgentOS is remembered yet. `agentos-mcp use URL` remembers one." in home.ok("use").stdout
    said = home.ok("use", demo).stdout
    assert f"The terminal uses demo-os now: {demo}." in said
    assert "The AgentOS demo-os answers there: 3 agents, 1 team, 2 workflows." in said
    result = home.ok("agents")
    assert result.agentos == f"demo-os at {demo}"
    assert "librarian" in result.stdout
    assert home.ok("agents", "--json").json["agentos"] == {"profile": "demo-os", "url": demo}
    assert home.ok("use").stdout.split() == ["PROFILE", "CURRENT", "URL", "demo-os", "yes", demo]


def test_use_and_run_are_all_that_a_new_user_types(home: Home, demo: str) -> None:
    home.ok("use", demo)
    assert home.ok("run", "agent", "assistant", "-m", "hi").stdout.startswith("You said: “hi”")


def test_use_switches_and_forgets(home: Home, demo: str, sample_agentos: str) -> None:
    home.ok("use", demo, "--name", "one")
    home.ok("use", sample_agentos, "--name", "two")
    assert home.ok("teams").agentos == f"two at {sample_agentos}"
    assert home.ok("teams", "--profile", "one").agentos == f"one at {demo}"
    assert home.ok("teams", AGENTOS_PROFILE="one").agentos == f"one at {demo}"
    assert home.ok("teams", "--url", demo).agentos.endswith(f" at {demo}")
    home.ok("use", "one")
    assert home.ok("teams").agentos == f"one at {demo}"
    listed = home.ok("use", "--json").json
    assert listed["current"] == "one"
    assert [(item["name"], item["url"], item["current"]) for item in listed["items"]] == [
        ("one", demo, True),
        ("two", sample_agentos, False),
    ]
    assert "No profile is in use now" in home.ok("use", "--forget", "one").stdout
    assert home.ok("use", "--json").json["current"] is None


def test_use_says_whether_the_token_is_accepted(home: Home, locked_agentos: str, demo: str) -> None:
    refused = home.invoke("use", locked_agentos)
    assert refused.exit_code == 1
    assert "requires a token" in refused.stderr
    assert f"`agentos-mcp use {locked_agentos} --token-file PATH`" in refused.stderr
    token_file = home.token_file("wrong-key")
    refused = home.invoke("use", locked_agentos, "--token-file", token_file, "--json")
    assert refused.exit_code == 1
    assert "refuses the token" in refused.json["error"]
    assert "wrong-key" not in refused.stdout + refused.stderr
    assert not home.file.path.exists()
    home.token_file(KEY)
    said = home.ok("use", locked_agentos, "--token-file", token_file, "--name", "locked")
    assert "answers there and accepts the token" in said.stdout
    assert home.ok("teams").agentos == f"locked at {locked_agentos}"
    assert KEY not in home.file.path.read_text() + said.stdout + said.stderr + home.ok("use").stdout
    assert "requires no token" in home.ok("use", demo, "--token-file", token_file).stdout
    # Seen again without its token, it keeps it.
    assert "accepts the token" in home.ok("use", locked_agentos).stdout


def test_use_remembers_the_variable_that_holds_the_token(home: Home, locked_agentos: str) -> None:
    home.ok("use", locked_agentos, AGENTOS_TOKEN=KEY)
    assert home.file.read().choose() is not None
    assert [profile.token_env for profile in home.file.read().by_name.values()] == ["AGENTOS_TOKEN"]
    missing = home.invoke("teams")
    assert missing.exit_code == 2
    assert "takes its token from the variable AGENTOS_TOKEN, which is not set here" in missing.stderr
    home.ok("use", locked_agentos, "--token-env", "MY_TOKEN", MY_TOKEN=KEY)
    home.ok("teams", MY_TOKEN=KEY)


def test_use_saves_an_agentos_that_is_down_with_a_warning(home: Home) -> None:
    said = home.ok("use", f"{DOWN}/", "--name", "later").stdout
    assert f"Warning: No AgentOS answers at {DOWN}. The profile was saved all the same." in said
    missing = home.invoke("teams")
    assert (missing.exit_code, missing.agentos) == (1, f"later at {DOWN}")
    as_json = home.invoke("teams", "--json").json
    assert as_json["agentos"] == {"profile": "later", "url": DOWN}


def test_use_does_not_save_what_is_no_agentos(home: Home, demo: str, recorder: Recorder) -> None:
    for target in (f"{demo}/nothing", recorder.url):
        result = home.invoke("use", target)
        assert result.exit_code == 1
        assert "Nothing was saved." in result.stderr
    assert not home.file.path.exists()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["localhost:8000"], "localhost:8000 is not a complete URL. Use `agentos-mcp use http://localhost:8000`."),
        (["nobody"], "There is no profile 'nobody'; there are: none yet. `agentos-mcp use` lists them."),
        (["http://u:p@host"], "give the credential as AGENTOS_TOKEN, not in the URL"),
        (["ftp://a.test"], "agentos-mcp: The URL of the AgentOS cannot be used: give a complete URL"),
        (["http://a.test", "--name", "../x"], "--name ../x cannot be used"),
        (["http://a.test", "--token", "s3cret"], "A token is not kept in the profile"),
        (["http://a.test", "--token-env", "s3cret!"], "--token-env takes the name of an environment variable"),
        (["http://a.test", "--token-env", "A", "--token-file", "b"], "give --token-file or --token-env, not both"),
        (["http://a.test", "--token-file", "/no/file"], "there is no such file"),
        (["--forget", "nobody"], "There is no profile 'nobody'"),
        (["--forget", "a", "b"], "--forget NAME stands alone"),
        (["--name", "a"], "give the URL of the AgentOS"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_use_refuses_what_makes_no_sense(home: Home, arguments: list[str], error: str) -> None:
    result = home.invoke("use", *arguments)
    assert result.exit_code == 2
    assert error in result.stderr
    assert "s3cret" not in result.stderr
    assert not home.file.path.exists()


def test_use_of_a_name_for_another_address_does_not_take_its_token_along(
    home: Home, locked_agentos: str, recorder: Recorder
) -> None:
    home.ok("use", locked_agentos, "--token-file", home.token_file(KEY), "--name", "prod")
    home.invoke("use", recorder.url, "--name", "prod")
    home.invoke("use", recorder.url)
    assert home.file.read().by_name["prod"].url == locked_agentos
    assert recorder.credentials
    assert not any(recorder.credentials)


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--url", "{url}"], {}),
        (["--url", "{url}", "--profile", "prod"], {}),
        (["--url", "{url}"], {"AGENTOS_PROFILE": "prod"}),
        ([], {"AGENTOS_URL": "{url}"}),
        ([], {"AGENTOS_URL": "{url}", "AGENTOS_PROFILE": "prod"}),
        (["--profile", "other"], {}),
        ([], {"AGENTOS_PROFILE": "other"}),
    ],
)
def test_token_of_a_profile_reaches_no_other_server(
    home: Home, locked_agentos: str, recorder: Recorder, arguments: list[str], variables: dict[str, str]
) -> None:
    home.ok("use", locked_agentos, "--token-file", home.token_file(KEY), "--name", "prod")
    text = home.file.path.read_text()
    home.file.path.write_text(f'{text}\n[agentos.other]\nurl = "{recorder.url}"\n')
    flags = [argument.format(url=recorder.url) for argument in arguments]
    env = {name: value.format(url=recorder.url) for name, value in variables.items()}
    assert home.invoke("agents", *flags, **env).exit_code == 1
    assert recorder.credentials
    assert not any(recorder.credentials)


def test_agentos_name_that_is_hostile_becomes_a_plain_profile_name(home: Home) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"os_id": "x", "name": "\\u001b]0;x\\u0007../../[agentos.prod]\\n\\"", "agents": []}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        said = home.ok("use", f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()
    assert "\x1b" not in said.stdout
    assert list(home.file.read().by_name) == ["agentos-prod"]


def test_variable_that_goes_before_the_profile_is_said(home: Home, demo: str) -> None:
    said = home.ok("use", demo, AGENTOS_URL=DOWN).stdout
    assert "AGENTOS_URL is set here to another address, and goes before the profile." in said
    assert "--profile demo-os" in said


def test_profile_file_that_is_wrong_is_one_line_and_leaves_explicit_addresses_alone(home: Home, demo: str) -> None:
    home.file.path.parent.mkdir()
    home.file.path.write_text("[agentos.x\n")
    home.file.path.chmod(0o600)
    for arguments in (["use"], ["use", demo], ["agents"], ["agents", "--json"]):
        result = home.invoke(*arguments)
        assert result.exit_code == 2
        assert f"{home.file.path}, line 1:" in result.stderr
        assert len(result.stderr.splitlines()) == 1
    assert home.ok("agents", "--url", demo).agentos == f"demo-os at {demo}"
