# agentos-mcp over HTTP on port 7800, for MCP clients that send a token. How to run it: docs/http.md

FROM python:3.13-slim AS build
WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY agentos_mcp ./agentos_mcp
# The environment gets no pip of its own; what is installed is what was tested.
RUN python -m venv --without-pip /opt/agentos-mcp \
    && python -m pip --python /opt/agentos-mcp/bin/python install --no-cache-dir --disable-pip-version-check \
        --constraint constraints.txt .

FROM python:3.13-slim
COPY --from=build /opt/agentos-mcp /opt/agentos-mcp
ENV PATH=/opt/agentos-mcp/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 7800
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7800/health', timeout=4)"]
ENTRYPOINT ["agentos-mcp"]
CMD ["serve", "--http", "--host", "0.0.0.0", "--port", "7800"]
