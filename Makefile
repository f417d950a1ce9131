# Every target is listed by `make help`.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
DEVICES ?= 24
OUT ?=
SECONDS ?= 30
FUZZ_SECONDS ?= 600
STORES ?= 300
HISTORIES ?= 1000
REAL_HISTORIES ?= 20
COUNTS ?= 1 9 24 40 100
SOAK_MINUTES ?= 30
LATER_DAYS ?= 400

# Where this is set, each of the hundreds of programs a test starts would compile the house anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo walls test test-later fuzz attack histories histories-real soak bench-plots audit sbom lint types package clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup: $(STAMP) ## make the environment (.venv) and, as root, install missing Debian packages

$(STAMP): pyproject.toml installer/debian-packages.sh
	@bash installer/debian-packages.sh
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: setup ## play the scripted lesson, then keep the walls (DEVICES=24, OUT=a new folder)
	@$(BIN)/python -m classroom_app demo --headless --walls --devices $(DEVICES) $(if $(OUT),--out $(OUT))

walls: setup ## the walls of 1 to 100 devices, light and dark (COUNTS, OUT=demo-out/walls)
	@$(BIN)/python -m classroom_app.demo.walls --devices $(COUNTS) $(if $(OUT),--out $(OUT))

test: setup ## all tests, a whole small demo among them
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal

# Native tracebacks: Python 3.11 fails to parse sources below a greenlet, and the whole run would end.
# The library lies where PostgreSQL's own user may read it.
test-later: setup ## all tests as LATER_DAYS=400 from now: none may depend on today
	@set -e; made=$$(mktemp -d); trap 'rm -rf "$$made"' EXIT; chmod 755 "$$made"; \
	$(CC) -O2 -fPIC -shared -Wall -Wextra -Werror -o "$$made/later.so" tests/later.c; \
	LATER_SECONDS=$$(( $(LATER_DAYS) * 86400 )) LD_PRELOAD="$$made/later.so" \
		$(BIN)/python -m pytest --numprocesses auto --dist worksteal --tb=native

fuzz: setup ## damage STORES=300 stores, then search the edges where strangers speak and every state machine, FUZZ_SECONDS=600 each
	@$(BIN)/python -m tests.stores.harming --count $(STORES)
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

attack: setup ## besiege a guard (SECONDS=30), then make every listed attack, and count
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -m tests.attack --seconds $(SECONDS)

histories: setup ## teachers, devices and server under faults, HISTORIES=1000 times, then three planted bugs
	@set -e; for plant in acknowledge-before-commit cursor-by-autoincrement retry-without-id; do \
		$(BIN)/python -m tests.histories --count 200 --plant $$plant; done
	@$(BIN)/python -m tests.histories --count $(HISTORIES)

histories-real: setup ## the same of real processes and PostgreSQL, killed by kill -9, REAL_HISTORIES=20 times
	@$(BIN)/python -m tests.histories.real --count $(REAL_HISTORIES)

soak: setup ## 40 devices for SOAK_MINUTES=30: memory has to stay flat within 5 %
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -m tests.benchmarks.soak --minutes $(SOAK_MINUTES)

bench-plots: setup ## measure the wall at 10, 20, 40, 100 devices and draw docs/pictures
	@$(BIN)/python -m pip install --quiet --editable '.[plots]'
	@QT_QPA_PLATFORM=offscreen $(BIN)/python -m tests.benchmarks.plots

lint: setup ## ruff, import contracts, dead code
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports
	@$(BIN)/vulture

types: setup ## pyright, strict
	@$(BIN)/pyright

audit: setup ## ask whether a library we use has a known hole
	@$(BIN)/python -m tests.audit

sbom: setup ## write dist/pupitre.cdx.json: what the three programs are made of (CycloneDX)
	@bash installer/sbom.sh

package: setup ## build dist/pupitre (three programs, one folder), check its limits, smoke-test it
	@bash installer/package.sh

clean: ## remove what the other targets made
	@rm -rf .venv build dist demo-out demo-out-[0-9]* histories-failed .hypothesis .ruff_cache
