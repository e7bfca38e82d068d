"""These tests put Windows' parts in place on another system; Windows itself has them."""

from __future__ import annotations

import sys

collect_ignore_glob = ["test_*.py"] if sys.platform == "win32" else []
