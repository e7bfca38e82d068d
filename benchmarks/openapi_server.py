"""FastMCP.from_openapi over a running AgentOS, over stdio, in a venv of its own: `python openapi_server.py URL`."""

import sys

import httpx2 as httpx
from fastmcp import FastMCP  # type: ignore[import-not-found]  # it is installed beside this one only

url = sys.argv[1]
server = FastMCP.from_openapi(
    openapi_spec=httpx.get(f"{url}/openapi.json", timeout=60).json(),
    client=httpx.AsyncClient(base_url=url, timeout=None),
    name="AgentOS",
)

if __name__ == "__main__":
    server.run("stdio", show_banner=False)
