# One command each; `make` alone lists them. Everything runs in .venv, made here with plain pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
WORKERS ?= 2
SOURCES := ingest models alerts pipeline tests docker

.DEFAULT_GOAL := help
.PHONY: help install dev demo run test check format lint types imports docs bench clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml requirements.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable .
	@touch $@

$(DEV_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable '.[dev]'
	@touch $@

install: $(STAMP) ## make .venv and install Bearwatch in it (the command is .venv/bin/bearwatch)

dev: $(DEV_STAMP) ## install, with what the tests and checks need

demo: $(STAMP) ## the main job on two weeks of sample news, in a fresh database
	$(BIN)/bearwatch demo

run: $(STAMP) ## the same on your own file: make run SOURCE=news.jsonl
	@test -n "$(SOURCE)" || { echo "say which file: make run SOURCE=news.jsonl" >&2; exit 2; }
	$(BIN)/bearwatch run --source $(SOURCE)

# Tests that time real servers are alone on the machine: beside others they would time those too.
TIMED := tests/integration tests/faults
test: $(DEV_STAMP) ## all tests; those without servers in two processes (WORKERS=0: in one)
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(TIMED:%=--ignore=%)
	$(BIN)/python -m pytest $(TIMED)

check: $(DEV_STAMP) format lint types imports test ## everything CI checks

format: $(DEV_STAMP)
	$(BIN)/ruff format --check $(SOURCES)

lint: $(DEV_STAMP)
	$(BIN)/ruff check $(SOURCES)

types: $(DEV_STAMP)
	$(BIN)/mypy

imports: $(DEV_STAMP)
	$(BIN)/lint-imports

docs: $(STAMP) ## write docs/configuration.md from the settings
	$(BIN)/python -m pipeline.settings_page docs/configuration.md

bench: $(DEV_STAMP) ## engine against transformers.pipeline and the processor's own bound
	$(BIN)/python -m tests.benchmarks.bench_engine $(if $(DATA),--data $(DATA))

clean: ## remove the virtual environment and the caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
