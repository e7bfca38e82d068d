"""`python -m tests.interop [CLIENT ...]`: lead MCP clients through our server and write the table in docs/interop.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests._support.running_agentos import running_agentos
from tests.interop.agent_clients import AGENT_CLIENTS
from tests.interop.agent_trial import Trial
from tests.interop.conversation import PACE
from tests.interop.matrix import reports_table


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.interop")
    parser.add_argument("clients", nargs="*")
    options = parser.parse_args()
    reports = []
    folder = Path(tempfile.mkdtemp(prefix="interop-"))
    print(folder)
    with running_agentos(pace=PACE) as agentos:
        for client in AGENT_CLIENTS:
            if options.clients and client.key not in options.clients:
                continue
            reports.append(Trial(client, agentos, folder / client.key).run())
    print(reports_table(reports))
    return 0


if __name__ == "__main__":
    sys.exit(main())
