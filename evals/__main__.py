"""`python -m evals [ID ...] [--player NAME] [--output FILE]`: play requests as people phrase them, and count.

A model plays them where EVALS_MODEL names one, behind an endpoint that OPENAI_BASE_URL and OPENAI_API_KEY, or
ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY, tell; a script where it does not.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
import httpx

from agentos_mcp.demo.host_process import DemoError
from evals.chat_endpoints import (
    ANTHROPIC_URL,
    OPENAI_URL,
    AnthropicEndpoint,
    ChatEndpoint,
    EndpointError,
    OpenAIEndpoint,
)
from evals.players import ChatPlayer, Player, ScriptedPlayer
from evals.report import PlayerKind, Report, make_report
from evals.requests import REQUESTS, Request
from evals.runner import PlayedRequest, play_requests, run_eval_agentos

PLAYERS = ("auto", "scripted", "openai", "anthropic")
MODEL_VARIABLE = "EVALS_MODEL"


class ConfigurationError(ValueError):
    """The environment and the flags name no player; the message says what to do."""


def choose_player(name: str, environment: Mapping[str, str]) -> str:
    """The player's kind, `scripted`, `openai` or `anthropic`, where the flag leaves it to the environment."""
    model = environment.get(MODEL_VARIABLE, "")
    if name == "scripted" or (name == "auto" and not model):
        return "scripted"
    if not model:
        raise ConfigurationError(f"No model is named. Set {MODEL_VARIABLE}, or play with --player scripted.")
    if name != "auto":
        return name
    configured = [
        kind
        for kind in ("openai", "anthropic")
        if environment.get(f"{kind.upper()}_BASE_URL") or environment.get(f"{kind.upper()}_API_KEY")
    ]
    if not configured:
        raise ConfigurationError(
            f"{MODEL_VARIABLE} is set, but no endpoint. Set OPENAI_BASE_URL or OPENAI_API_KEY, or "
            "ANTHROPIC_BASE_URL or ANTHROPIC_API_KEY."
        )
    if len(configured) > 1:
        raise ConfigurationError("Two endpoints are configured. Choose with --player openai or --player anthropic.")
    return configured[0]


def make_endpoint(kind: str, http: httpx.AsyncClient, environment: Mapping[str, str]) -> ChatEndpoint:
    """The endpoint that the environment describes, for the model that it names."""
    model = environment[MODEL_VARIABLE]
    base_url = environment.get(f"{kind.upper()}_BASE_URL", "")
    key = environment.get(f"{kind.upper()}_API_KEY", "")
    if kind == "openai":
        return OpenAIEndpoint(http, model, base_url or OPENAI_URL, key)
    return AnthropicEndpoint(http, model, base_url or ANTHROPIC_URL, key)


async def run_evals(kind: str, requests: Sequence[Request], environment: Mapping[str, str]) -> Report:
    """Play the requests on an AgentOS that is started for them."""
    async with run_eval_agentos() as agentos, httpx.AsyncClient() as http:
        player: Player
        player_kind: PlayerKind = "chat"
        if kind == "scripted":
            player, player_kind = ScriptedPlayer(await agentos.component_kinds()), "scripted"
        else:
            player = ChatPlayer(make_endpoint(kind, http, environment))
        played_requests = await play_requests(agentos, player, requests, on_played=_print_progress)
    return make_report(player.name, player_kind, played_requests)


def _print_progress(played_request: PlayedRequest) -> None:
    print(f"{played_request.request.id}: {'; '.join(played_request.problems) or 'right'}", file=sys.stderr, flush=True)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evals", description="Play requests as people phrase them, and count calls and outcomes."
    )
    parser.add_argument("ids", nargs="*", metavar="ID", help="requests to play (default: all)")
    parser.add_argument(
        "--player",
        choices=PLAYERS,
        default="auto",
        help=f"who plays them (default: auto, a model where {MODEL_VARIABLE} names one)",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="write the report there too: JSON in a .json file, else markdown"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where the bars of bars.toml are kept, 1 where not, 2 where nothing could be played."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    by_id = {request.id: request for request in REQUESTS}
    if unknown := [name for name in options.ids if name not in by_id]:
        parser.error(f"there is no request '{unknown[0]}'; choose from {', '.join(by_id)}")
    requests = [by_id[name] for name in options.ids] or list(REQUESTS)
    try:
        kind = choose_player(options.player, os.environ)
        report = anyio.run(run_evals, kind, requests, os.environ)
    except (ConfigurationError, DemoError, EndpointError) as error:
        print(error, file=sys.stderr)
        return 2
    print(report.to_markdown(), end="")
    if options.output:
        text = (
            json.dumps(report.to_json(), indent=2) + "\n" if options.output.suffix == ".json" else report.to_markdown()
        )
        options.output.write_text(text, encoding="utf-8")
    return 1 if report.missed_bars() else 0


if __name__ == "__main__":
    sys.exit(main())
