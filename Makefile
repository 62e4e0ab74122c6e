# The front door. On a fresh machine with Python >= 3.11 and make: `make demo`, `make test`.
PYTHON ?= python3
# uv lives in a folder of its own, so that syncing the project's environment cannot remove it.
UV := .tools/bin/uv
export UV_PYTHON_DOWNLOADS := never
export UV_PYTHON := $(PYTHON)
# Compiled once at install: every later start is quicker, also where Python may not write its cache.
export UV_COMPILE_BYTECODE := 1
RUN := $(UV) run --frozen --no-sync
# Each worker starts a Neo4j of its own; a server that is given has room for one.
WORKERS := $(if $(NEO4J_URI),0,2)
.DEFAULT_GOAL := help
.PHONY: help demo test check bench faults neo4j explore docs scale

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(UV):
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet 'uv>=0.9,<1'

.venv/core: $(UV) uv.lock pyproject.toml
	$(UV) sync --frozen --inexact --no-default-groups --quiet
	@touch $@

.venv/full: .venv/core
	$(UV) sync --frozen --inexact --all-groups --extra ml --extra dask --extra geff --extra py2neo --extra s3 --extra web --quiet
	@touch $@

demo: .venv/core ## make a small 4D sample, ingest it, answer five questions, write demo/report.html
	$(RUN) xctgraph demo demo

test: .venv/full ## run every test (starts a Neo4j server where Java and Maven are there)
	$(RUN) pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS)

check: .venv/full ## lint, types, layers, docker
	$(RUN) ruff check xctgraph tests benchmarks
	$(RUN) ruff format --check xctgraph tests benchmarks
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) hadolint docker/Dockerfile
	@if command -v docker-compose >/dev/null; then NEO4J_PASSWORD=unused docker-compose -f docker/compose.yaml config --quiet; \
	else echo "docker-compose is not installed: docker/compose.yaml was NOT checked"; fi

bench: .venv/full ## measure against peers on the same data in the same run
	$(RUN) python -m benchmarks

faults: .venv/full ## kill commands at 1000 random instants and tell what was lost (KILLS=, ARGS=)
	$(RUN) python -m tests.faults.kills $(or $(KILLS),1000) $(ARGS)

neo4j: .venv/core ## run a Neo4j server without Docker, data in ./neo4j (needs Java and Maven)
	$(RUN) python -m xctgraph.store.neo4j_server

demo/xct.store: .venv/core
	$(RUN) xctgraph demo demo

.venv/web: .venv/core
	$(UV) sync --frozen --inexact --no-default-groups --extra web --quiet
	@touch $@

explore: .venv/web demo/xct.store ## the web page on the demo's store (STORE=)
	$(RUN) xctgraph explore --store $(or $(STORE),demo/xct.store)

docs: .venv/full ## regenerate the pages that are made from the code
	$(RUN) python -m xctgraph.store.schema_docs docs/schema.md
	$(RUN) python -m xctgraph.analysis.query_docs docs/queries.md
	$(RUN) python -m xctgraph.ingest.config_docs docs/dataset.md
	$(RUN) python -m tests.supply.licences docs/licences.md

scale: .venv/full ## the whole reference size: 30 scans of 165,000 features, then one volume of 5.5 billion voxels (FOLDER=)
	$(RUN) python -m benchmarks.scale $(or $(FOLDER),/tmp/xctgraph-scale)
	$(RUN) python -m benchmarks.scale $(or $(FOLDER),/tmp/xctgraph-scale)/volume --volume 1000,2160,2560
