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

.PHONY: help setup setup-remote demo test test-random check lint types imports house generated format generate bench-peeking bench-serving bench-peers \
	bench-faults bench-release bench-analysis bench-quality bench-score bench-drift infra-test policy images-check images clean

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

setup-remote: $(filter-out $(shell command -v uv 2>/dev/null),$(UV)) ## .venv with what `contender cluster run` needs and no more
	@$(UV) sync --locked --no-default-groups --group remote --no-progress --quiet

demo: setup ## the whole story on this machine: train, serve, split, judge, promote, undo
	@$(BIN)/contender demo

test: setup ## every test, with the coverage gates
	@rm -f .coverage .coverage.*
	@$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report= $(PYTEST_ARGS)
	@$(BIN)/coverage report --include='contender/*' --omit='contender/adapters/*' --fail-under=100
	@$(BIN)/coverage report --fail-under=80 --format=total

test-random: setup ## every test, its files in a random order; SEED=… draws one again
	@seed="$${SEED:-$$RANDOM}"; echo "files in the order of SEED=$$seed" >&2; \
	$(BIN)/pytest -n 2 --dist loadfile --file-order "$$seed" $(PYTEST_ARGS)

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
	@$(BIN)/contender dash generate --check
	@$(BIN)/python -m infrastructure.policy reachability --check
	@$(BIN)/python -m cli.reference --check

generate: setup ## write the generated files anew
	@$(BIN)/contender pipeline compile
	@$(BIN)/contender release diagram
	@$(BIN)/contender dash generate
	@$(BIN)/python -m infrastructure.policy reachability
	@$(BIN)/python -m cli.reference

format: setup ## format and fix what can be fixed
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench-peeking: setup ## error control and power by simulation
	@$(BIN)/python -m benchmarks.peeking

bench-serving: setup ## latency, rate, processor time, memory of the servers
	@$(BIN)/python -m benchmarks.serving

bench-peers: setup ## other people's model servers, installed and measured beside ours
	@$(BIN)/python -m benchmarks.peers
	@$(BIN)/python -m benchmarks.serving --peers

bench-faults: setup ## kills, hangs, overload, hostile clients
	@$(BIN)/python -m benchmarks.faults

bench-release: setup ## crash matrix, races, approvals, audit
	@$(BIN)/python -m benchmarks.release

bench-analysis: setup ## ten million exposures, in SQLite and PostgreSQL
	@$(BIN)/python -m benchmarks.analysis

bench-quality: setup ## every fault type at every rate; a million rows checked
	@$(BIN)/python -m benchmarks.quality

bench-score: setup ## scheduled scoring of a million rows
	@$(BIN)/python -m benchmarks.score

bench-drift: setup ## false alarms and detection delay
	@$(BIN)/python -m benchmarks.drift

infra-test: ## Terraform: format, validate, logic with mocks, then apply and destroy on moto_server
	@infrastructure/terraform/check.sh
	@infrastructure/terraform/check.sh --moto

policy: setup ## every overlay and workflow against schemas, scanners, our rules, and bad twins
	@infrastructure/policy/check.sh

images-check: ## lint the Dockerfiles
	@infrastructure/images/check.sh

images: ## install what each image installs, hold the sizes, write SBOMs to dist/sbom
	@infrastructure/images/check.sh --install

clean: ## remove the environment and caches
	@rm -rf .venv .tools .mypy_cache .pytest_cache .ruff_cache .coverage .coverage.*
