"""`python -m agentos_mcp`: the same as the `agentos-mcp` command."""

import sys

from agentos_mcp.cli import main

sys.exit(main())
