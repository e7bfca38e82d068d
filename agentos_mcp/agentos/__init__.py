"""AgentOS as a Python library: one HTTP client, the run engine, the catalog. Knows nothing of MCP."""

import sys

# Where click and rich are installed, httpx imports its own command with them: a tenth of a start. It does without.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None is how Python is told not to import
