# agentos-mcp over HTTP on port 7800, for MCP clients that send a token. How to run it: docs/http.md

# The base is 3.13.15-slim-trixie; another one goes into both lines, by its digest.
FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b AS build
WORKDIR /src
COPY scripts/requirements.txt scripts/build-requirements.txt pyproject.toml hatch_build.py README.md LICENSE ./
COPY agentos_mcp ./agentos_mcp
# Every package is known by its hashes; what is installed is what was tested. The environment gets no pip of its own.
RUN python -m venv --without-pip /opt/build \
    && python -m pip --python /opt/build/bin/python install --no-cache-dir --disable-pip-version-check \
        --require-hashes --requirement build-requirements.txt \
    && python -m pip --python /opt/build/bin/python wheel --no-cache-dir --disable-pip-version-check \
        --no-build-isolation --no-deps --wheel-dir /opt/wheel . \
    && python -m venv --without-pip /opt/agentos-mcp \
    && python -m pip --python /opt/agentos-mcp/bin/python install --no-cache-dir --disable-pip-version-check \
        --require-hashes --requirement requirements.txt \
    && python -m pip --python /opt/agentos-mcp/bin/python install --no-cache-dir --disable-pip-version-check \
        --no-index --no-deps /opt/wheel/*.whl

FROM python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
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
