# Everything a fresh clone needs: Python 3.11+, git and make. All of it stays inside the checkout (.venv).
SHELL := /bin/bash
.DEFAULT_GOAL := help
# A tab separates nothing here: the first interpreter that is new enough and can make environments is taken.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do command -v $$p >/dev/null 2>&1 && $$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
BIN := .venv/bin
MEMBERS := core plugins/zendesk plugins/intercom plugins/helpscout plugins/signals plugins/escalation plugins/leads plugins/votes plugins/email
SOURCES := core/src plugins/zendesk/src plugins/intercom/src plugins/helpscout/src plugins/signals/src plugins/escalation/src plugins/leads/src plugins/votes/src plugins/email/src

.PHONY: help
help: ## what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: setup
setup: .venv/ready ## .venv with everything in it, from the hashed lock

.venv/ready: requirements.lock $(addsuffix /pyproject.toml,$(MEMBERS))
	@test -n "$(PYTHON)" || { echo "Cornerdesk needs Python 3.11 or newer with venv and ensurepip (on Debian: apt-get install python3-venv); none was found. Name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Setting up .venv from requirements.lock (a minute or so the first time) ..."
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements.lock
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --no-index $(addprefix --editable ./,$(MEMBERS))
	@touch $@

.PHONY: demo
demo: .venv/ready ## the whole story in a minute; KEEP=1 leaves the dashboard up
	@$(BIN)/cornerdesk demo $(if $(KEEP),--keep)

.PHONY: test
test: .venv/ready ## the whole test suite
	@$(BIN)/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=worksteal $(PYTEST_ARGS)

.PHONY: bench
bench: .venv/ready ## what intake, rules and engine can do, beside bare limits; a few minutes
	@$(BIN)/python benchmarks/rules.py
	@$(BIN)/python benchmarks/intake.py
	@$(BIN)/python benchmarks/engine.py

.PHONY: kills
kills: .venv/ready ## kill -9 at random under load, on both databases: nothing lost, nothing doubled; takes a while
	@$(BIN)/python benchmarks/kills.py $(KILLS_ARGS)

.PHONY: fuzz
fuzz: .venv/ready ## coverage-guided fuzzing of one adapter's reading, ten minutes: make fuzz ADAPTER=zendesk
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes -r benchmarks/fuzz-requirements.lock
	@$(BIN)/python benchmarks/fuzz.py $(or $(ADAPTER),zendesk) $(FUZZ_ARGS)

.PHONY: bench-backfill
bench-backfill: .venv/ready ## all history of a large help desk: speed, memory, kill -9; TICKETS=100000
	@$(BIN)/python benchmarks/backfill.py --tickets $(or $(TICKETS),100000)

.PHONY: check
check: .venv/ready ## format, lint, strict types, architecture
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(SOURCES) tests benchmarks $(wildcard $(addsuffix /tests,$(MEMBERS)))
	@$(BIN)/lint-imports

.PHONY: format
format: .venv/ready ## put the code in its format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

.PHONY: lock
lock: .venv/ready ## requirements.lock anew, with hashes and without any index address
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	    $(foreach m,$(MEMBERS),--no-emit-package $$(grep -m1 '^name' $(m)/pyproject.toml | cut -d'"' -f2)) \
	    --group pyproject.toml:dev $(addsuffix /pyproject.toml,$(MEMBERS)) --output-file requirements.lock

.PHONY: clean
clean: ## remove .venv and caches
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
