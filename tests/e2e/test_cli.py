"""The command line: its commands, its flags, and the errors for those that are invalid."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from agentos_mcp import __version__
from agentos_mcp.cli import COMMANDS
from agentos_mcp.tools import TOOLSET_MODULES, TOOLSETS
from tests._support.processes import DOWN, MODULE, SCRIPT, RawServer, run

WRITING_TOOLS = {"run_agent", "run_team", "run_workflow", "cancel_run"}


@pytest.mark.parametrize(
    ("command", "arguments"),
    [(SCRIPT, ()), (MODULE, ()), (SCRIPT, ("--log-level", "error"))],
    ids=["agentos-mcp", "python -m agentos_mcp", "agentos-mcp and a flag"],
)
def test_bare_command_without_a_terminal_serves(
    sample_agentos: str, command: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    with RawServer(*arguments, command=command, given={"AGENTOS_URL": sample_agentos}) as server:
        assert server.shake_hands()["serverInfo"]["version"] == __version__
        assert server.call("run_agent", agent_id="echo", message="hi")[0].startswith("echo: hi")
        server.close_stdin()
        assert server.exit_code() == 0


@pytest.mark.parametrize("command", [SCRIPT, MODULE], ids=["agentos-mcp", "python -m agentos_mcp"])
def test_version_flag_prints_the_version(command: tuple[str, ...]) -> None:
    result = run("--version", command=command)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"agentos-mcp {__version__}\n", "")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_the_commands(flag: str) -> None:
    result = run(flag)
    assert result.returncode == 0
    assert result.stdout.startswith("usage: agentos-mcp COMMAND ...\n")
    for name, command in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(command.summary)}$", result.stdout, re.MULTILINE), name
    assert "serve MCP (the default command)" in result.stdout
    assert result.stderr == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    result = run(name, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: agentos-mcp {name} ")
    assert result.stderr == ""


def test_serve_loads_nothing_of_the_other_commands() -> None:
    # A tenth of a second here is one for every client that starts.
    code = (
        "import sys; from agentos_mcp.cli import COMMANDS; COMMANDS['serve'].parser('serve').parse_args([]);"
        "print(*sorted(sys.modules));"
        "from agentos_mcp.server.sdk_import import import_sdk; import_sdk(serves_http=False);"
        "from agentos_mcp.server.build import build_server; from agentos_mcp.settings import Settings;"
        "build_server(Settings()); print(*sorted(sys.modules))"
    )
    parsed, built = (set(line.split()) for line in run("-c", code, command=(sys.executable,)).stdout.splitlines())
    # Libraries for terminals, those that serve HTTP, and an HTTP client beside the SDK's own.
    assert not {"click", "rich", "uvicorn", "httpx", "opentelemetry.sdk", "prometheus_client"} & built
    toolsets = {module.module or module.name for module in TOOLSET_MODULES if not module.has_default}
    assert toolsets
    assert not {f"agentos_mcp.tools.{name}" for name in toolsets} & built
    own_modules = {
        name
        for name in parsed
        if re.match(r"agentos_mcp\.(terminal|doctor|install|demo|tools|runs|tooling|agentos)", name)
    }
    light_modules = {
        "agentos_mcp.agentos",
        *(
            f"agentos_mcp.agentos.{name}"
            for name in ("broken_pipe", "errors", "hints", "open_file", "plain_text", "redaction")
        ),
    }
    assert own_modules - light_modules == {
        "agentos_mcp.terminal",
        "agentos_mcp.terminal.error_output",
        "agentos_mcp.terminal.exit_codes",
        "agentos_mcp.terminal.usage_errors",
    }
    assert not {"asyncio", "difflib", "mcp", "pydantic", "shtab"} & parsed


def test_serve_help_names_flags_with_their_variables() -> None:
    result = run("serve", "--help")
    assert result.returncode == 0
    help_text = " ".join(result.stdout.split())
    for flag in ("--url URL", "--token TOKEN", "--token-file PATH", "--toolsets NAMES", "--read-only", "--http"):
        assert flag in help_text
    for variable in ("AGENTOS_URL", "AGENTOS_TOKEN", "AGENTOS_TOKEN_FILE", "AGENTOS_MCP_TOOLSETS"):
        assert variable in help_text


@pytest.mark.parametrize(
    ("arguments", "given", "error"),
    [
        (["--url", "localhost"], {}, "--url='localhost' cannot be used: give a complete URL"),
        (["--url", "http://ann:pw@host"], {}, "give the credential as AGENTOS_TOKEN"),
        ([], {"AGENTOS_URL": "ftp://host"}, "AGENTOS_URL='ftp://host' cannot be used"),
        (["--timeout", "0"], {}, "--timeout='0' cannot be used: use a number from 1 to 3600"),
        ([], {"AGENTOS_MCP_TIMEOUT": "soon"}, "AGENTOS_MCP_TIMEOUT='soon' cannot be used"),
        (["--toolsets", "runs,magic"], {}, "'magic' is not a toolset"),
        ([], {"AGENTOS_MCP_TOOLSETS": "magic"}, "AGENTOS_MCP_TOOLSETS='magic' cannot be used"),
        (["--result-tokens", "1"], {}, "use a number from 200 to 50000"),
        (["--log-level", "loud"], {}, "use one of debug, info, warning, error"),
        ([], {"AGENTOS_MCP_READ_ONLY": "maybe"}, "AGENTOS_MCP_READ_ONLY='maybe' cannot be used: use true or false"),
        (["--token-file", "/no/such/file"], {}, "there is no such file"),
        ([], {"AGENTOS_TOKEN": "two words"}, "AGENTOS_TOKEN=******** cannot be used"),
        (["--token", "two words"], {}, "--token=******** cannot be used"),
    ],
)
def test_invalid_setting_is_a_one_line_error(arguments: list[str], given: dict[str, str], error: str) -> None:
    result = run("serve", *arguments, given=given)
    assert result.returncode == 2
    assert result.stderr.startswith("agentos-mcp: ")
    assert result.stderr.splitlines() == [result.stderr.strip()]
    assert error in result.stderr
    assert "two words" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("arguments", [["--nope"], ["serve", "--nope"], ["demo", "--nope"]])
def test_unknown_flag_is_refused(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert f"unrecognized arguments: {arguments[-1]}" in result.stderr
    assert result.stdout == ""


def test_unknown_command_is_answered_with_a_similar_one() -> None:
    result = run("sevre")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "agentos-mcp: There is no command 'sevre'. Did you mean serve?\n"


def test_unknown_flag_is_answered_with_a_similar_one() -> None:
    result = run("serve", "--tool-sets", "runs")
    assert (result.returncode, result.stdout) == (2, "")
    assert "Did you mean --toolsets?" in result.stderr


def test_flag_overrides_the_environment(sample_agentos: str) -> None:
    with RawServer("serve", "--url", sample_agentos, given={"AGENTOS_URL": DOWN}) as server:
        server.shake_hands()
        assert not server.call("list_agents")[1]


def test_token_file_is_reread_for_a_locked_agentos(locked_agentos: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("wrong\n", encoding="utf-8")
    with RawServer("serve", "--url", locked_agentos, "--token-file", str(file)) as server:
        server.shake_hands()
        assert "refuses the token" in server.call("list_agents")[0]
        file.write_text("a-secret-key\n", encoding="utf-8")
        assert not server.call("list_agents")[1]


@pytest.mark.parametrize(("arguments", "given"), [(["--read-only"], {}), ([], {"AGENTOS_MCP_READ_ONLY": "yes"})])
def test_read_only_server_has_no_writing_tools(
    sample_agentos: str, arguments: list[str], given: dict[str, str]
) -> None:
    with RawServer("serve", "--url", sample_agentos, *arguments, given=given) as server:
        assert "Read-only: nothing can be run or changed." in server.shake_hands()["instructions"]
        tools = server.result("tools/list")["tools"]
        names = {tool["name"] for tool in tools}
        assert all(tool["annotations"]["readOnlyHint"] for tool in tools)
        assert {"list_agents", "get_run"} <= names
        assert not WRITING_TOOLS & names
        text, is_error = server.call("run_agent", agent_id="echo", message="hi")
        assert is_error
        assert text.startswith("Unknown tool: run_agent.")
        assert not server.call("list_agents")[1]


def test_toolsets_flag_selects_the_tools(sample_agentos: str) -> None:
    with RawServer("serve", "--url", sample_agentos, "--toolsets", "runs") as server:
        server.shake_hands()
        names = server.tool_names()
        assert WRITING_TOOLS | {"get_run"} <= set(names)
        assert names == [tool.name for toolset in TOOLSETS if toolset.name == "runs" for tool in toolset.tools]
        assert server.call("list_agents")[0].startswith("Unknown tool: list_agents.")
        assert server.call("run_agent", agent_id="Echo", message="hi")[0].startswith("echo: hi")


def test_install_and_doctor_print_json(sample_agentos: str, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / ".config")}
    installed = run("install", "cursor", "--dry-run", "--json", "--url", sample_agentos, given=home)
    assert installed.returncode == 0
    assert [change["client"] for change in json.loads(installed.stdout)["results"]] == ["Cursor"]
    assert not list(tmp_path.iterdir())
    diagnosis = run("doctor", "--url", DOWN, "--json", given=home)
    assert diagnosis.returncode == 1
    assert json.loads(diagnosis.stdout)["healthy"] is False


def test_invalid_proxy_ends_the_server_with_a_one_line_error() -> None:
    result = run("serve", given={"ALL_PROXY": "socks5://ann:pw-secret@host:1"})
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("agentos-mcp: A proxy that the environment names cannot be used.")
    assert "pw-secret" not in result.stderr
    assert len(result.stderr.splitlines()) == 1
