"""Starts the server from where a bundle was unpacked to: Python finds the package beside this file."""

import os
import sys

from agentos_mcp.cli import main

for name, value in list(os.environ.items()):
    # Some clients hand over the placeholder itself where a person left a setting empty.
    if value.startswith("${user_config."):
        del os.environ[name]

sys.exit(main(["serve"]))
