"""`python -m scripts.score_card`: what directories and scanners say of this server, in front of the demo's AgentOS."""

from __future__ import annotations

import argparse
import logging
import sys

import anyio

from agentos_mcp.demo.host_process import demo_agentos
from scripts.score_card import tool_definitions
from scripts.score_card.card import as_text, score_card
from scripts.score_card.server_listing import list_server


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m scripts.score_card", description=__doc__)
    parser.add_argument(
        "--tools", action="store_true", help="a line for each tool, too: what its definition tells a judge"
    )
    options = parser.parse_args(arguments)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    with demo_agentos() as url:
        everything = anyio.run(lambda: list_server(url, toolsets=("all",)))
        by_default = anyio.run(lambda: list_server(url))
        structured = anyio.run(lambda: list_server(url, toolsets=("all",), structured_output=True))
    card = score_card(everything, by_default, structured)
    if options.tools:
        print("\n".join(map(tool_definitions.signals, everything.tools)), end="\n\n")
    print(as_text(card))
    return 0 if all(criterion.is_as_it_should_be for criterion in card) else 1


if __name__ == "__main__":
    sys.exit(main())
