# Every target runs on a laptop as it runs in CI. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

UV_VERSION := 0.13.8
PYTHON ?= python3
UV := $(or $(shell command -v uv 2>/dev/null),.tools/uv/bin/uv)
BIN := .venv/bin
# Telemetry of every library is off; model servers and tests use one thread a process.
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export OMP_NUM_THREADS ?= 1

.PHONY: help setup demo test check lint types imports house generated format generate bench-peeking bench-serving bench-faults bench-release \
	infra-test serve-size clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.tools/uv/bin/uv:
	@echo "setup: installing uv $(UV_VERSION) into .tools/uv" >&2
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "setup: Python 3.11 or newer is needed; name one with PYTHON=…")'
	@$(PYTHON) -m venv .tools/uv
	@.tools/uv/bin/pip install --quiet uv==$(UV_VERSION)

.venv/.complete: $(filter-out $(shell command -v uv 2>/dev/null),$(UV)) pyproject.toml uv.lock
	@echo "setup: installing the locked dependencies into .venv (about a minute)" >&2
	@$(UV) sync --locked --compile-bytecode --no-progress --quiet
	@touch $@

setup: .venv/.complete ## .venv with every dependency group; .venv/bin/contender is the command

demo: setup ## the whole story on this machine: train, serve, split, judge, promote, undo
	@$(BIN)/contender demo

test: setup ## every test, with the coverage gates
	@rm -f .coverage .coverage.*
	@$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report= $(PYTEST_ARGS)
	@$(BIN)/coverage report --include='contender/*' --omit='contender/adapters/*' --fail-under=100
	@$(BIN)/coverage report --fail-under=80 --format=total

check: setup lint types imports house generated ## lint, types, import contracts, house rules, generated files

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup
	@$(BIN)/mypy

imports: setup
	@$(BIN)/lint-imports

house: setup
	@$(BIN)/pytest -q tests/house

generated: setup
	@$(BIN)/contender pipeline compile --check
	@$(BIN)/contender release diagram --check
	@$(BIN)/python -m cli.reference --check

generate: setup ## write the generated files anew
	@$(BIN)/contender pipeline compile
	@$(BIN)/contender release diagram
	@$(BIN)/python -m cli.reference

format: setup ## format and fix what can be fixed
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench-peeking: setup ## error control and power by simulation
	@$(BIN)/python -m benchmarks.peeking

bench-serving: setup ## latency, rate, processor time, memory of the servers
	@$(BIN)/python -m benchmarks.serving

bench-faults: setup ## kills, hangs, overload, hostile clients
	@$(BIN)/python -m benchmarks.faults

bench-release: setup ## crash matrix, races, approvals, audit
	@$(BIN)/python -m benchmarks.release

infra-test: ## Terraform: format, validate, logic with mocks, then apply and destroy on moto_server
	@infrastructure/terraform/check.sh
	@infrastructure/terraform/check.sh --moto

serve-size: ## install what a model server needs into a fresh environment and print its size
	@rm -rf .tools/serve && UV_PROJECT_ENVIRONMENT=.tools/serve $(UV) sync --locked --quiet --no-default-groups --group serve --no-editable
	@du -sm .tools/serve | awk '{print $$1 " MB"; exit $$1 > 450}'

clean: ## remove the environment and caches
	@rm -rf .venv .tools .mypy_cache .pytest_cache .ruff_cache .coverage .coverage.*
