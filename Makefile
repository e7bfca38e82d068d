# make demo   run the whole thing: a real AgentOS, an MCP client, a pipeline seen live
# make check  lint, types, and the tests that start no process of their own: for every save
# make test   lint, types, all tests, as CI runs them
# make test-long  the changed answers of test_malformed_answers.py, 100,000 of them
# make test-cluster  200 runs through two replicas, nginx, two AgentOS workers, PostgreSQL and Redis, each killed once
# make test-deploy  deploy/ by the published schemas of Kubernetes and Compose
# make soak   10,000 runs while connections break and AgentOS and the server are killed; RUNS=300 SEED=1 for fewer
# make fuzz   a million changed inputs to each thing that reads what others wrote; COUNT=50000 SEED=1 for fewer
# make conformance  the official conformance suite, at both versions: docs/conformance.md
# make interop  other people's clients against a scripted model: docs/interop.md (CLIENTS="codex gemini" for some)
# make lint   lint and types alone        make format   format the code
# make bench  compare with other ways to reach an AgentOS: docs/benchmarks.md; QUICK=1: one round, only printed
# make evals  play 43 requests as people phrase them, by a model where one is configured
# make bundle pack what Claude Desktop installs with a double click: dist/mcp-server-agentos-VERSION.mcpb
# make surface  write the generated parts of docs/ and the snapshots of the tools from the code
# make requirements  write what the Docker image installs, with the packages' hashes, from constraints.txt
# make picture  draw docs/images/: the running demo, and the views; and the pictures that tests compare the views with
# Each makes .venv if it must, with uv where there is one. PYTHON=python3.12 picks another Python.

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
UV := $(shell command -v uv 2>/dev/null)
INPUTS := pyproject.toml constraints.txt

# Without bytecode files each process that the tests start compiles the whole package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo check test test-long test-cluster test-deploy soak fuzz conformance interop lint format bench evals \
	bundle surface requirements picture clean

demo: $(VENV)/.with-demo
	@$(BIN)/agentos-mcp demo

check: lint
	$(BIN)/python -m pytest -m "not process and not waits" --one-era --hypothesis-profile=check

test: lint
	$(BIN)/python -m tests.whole_run --durations=20

test-long: $(VENV)/.with-dev
	AGENTOS_MCP_LONG=1 $(BIN)/python -m pytest tests/security/test_malformed_answers.py --dist=load

test-cluster: $(VENV)/.with-dev
	@$(BIN)/python -m tests.cluster $(if $(RUNS),--runs $(RUNS))

test-deploy: $(VENV)/.with-dev $(VENV)/.with-test-deploy
	$(BIN)/python -m pytest tests/cluster/test_deploy.py tests/cluster/test_deploy_schemas.py --numprocesses=0

soak: $(VENV)/.with-dev
	@$(BIN)/python -m tests.soak $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED))

fuzz: $(VENV)/.with-dev
	@$(BIN)/python -m tests.fuzz $(TARGETS) $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED))

conformance: $(VENV)/.with-dev
	@$(BIN)/python -m tests.conformance

interop: $(VENV)/.with-dev
	@$(BIN)/python -m tests.interop $(CLIENTS)

lint: $(VENV)/.with-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@# For the other systems, both at once.
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32 --package agentos_mcp & other=$$!; \
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin --package agentos_mcp && wait $$other

format: $(VENV)/.with-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.with-dev
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

evals: $(VENV)/.with-dev
	@$(BIN)/python -m evals

bundle: $(VENV)/.with-dev
	@$(BIN)/python -m scripts.bundle

surface: $(VENV)/.with-dev
	$(BIN)/python -m scripts.surface

requirements: $(VENV)/.with-dev
	@$(BIN)/python -m scripts.image_requirements

picture: $(VENV)/.with-dev
	@$(BIN)/python -m scripts.picture

clean:
	rm -rf $(VENV) .agno .node .interop .bench .fuzz dist .mypy_cache .ruff_cache .pytest_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "agentos-mcp needs Python 3.11 or later: install one, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@if [ -n "$(UV)" ]; then uv venv --quiet --seed --python "$(PYTHON)" $(VENV); else "$(PYTHON)" -m venv $(VENV); fi

$(VENV)/.with-%: $(INPUTS) | $(BIN)/python
	@# What an environment still has of this project under its old name would own the same program.
	@rm -rf $(VENV)/lib/python*/site-packages/agentos_mcp-*.dist-info $(VENV)/lib/python*/site-packages/_editable_impl_agentos_mcp.pth
	@echo "Installing mcp-server-agentos[$*] into $(VENV) ..."
	@if [ -n "$(UV)" ]; then uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[$*]'; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$*]'; fi
	@touch $@
