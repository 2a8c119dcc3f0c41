# `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# The tests start hundreds of processes; each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

# The lowest of these versions at hand is taken. The system's interpreter comes before another of its version: distributions
# build theirs with a profile, and the services cost a seventh less on it than on one that was built without.
VERSIONS := 3.11 3.12 3.13 3.14
accepted = import ensurepip, sys; "%d.%d" % sys.version_info[:2] in "$(VERSIONS)".split() and print("$(1)")
usable = $(shell $(1) -c '$(accepted)' 2>/dev/null)
candidates = $(foreach version,$(VERSIONS),/usr/bin/python$(version) python$(version)) python3
none = $(error none of Python $(VERSIONS) is installed with venv; name an interpreter: PYTHON=path/to/python)
PYTHON ?= $(or $(firstword $(foreach python,$(candidates),$(call usable,$(python)))),$(none))
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MUTANTS := var/mutants
MINUTES ?= 10
SEED ?= 7
CODE := services shared deploy tests docs/contracts/check_books.py
QUICK := $(addprefix tests/,unit properties contracts architecture model)

.PHONY: help
help: ## Print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

.PHONY: venv
venv: $(STAMP) ## Make the virtual environment from the locked requirements, with PYTHON=python3.13 if named

# The stamp is newer than the lock only after a complete installation, so an interrupted one starts again. An interpreter
# that is named (`make test PYTHON=python3.13`) replaces the environment of another version.
ifneq ($(origin PYTHON),file)
ifneq ($(shell $(PYTHON) -V),$(shell $(BIN)/python -V 2>/dev/null))
$(STAMP): other-interpreter
endif
endif
.PHONY: other-interpreter

$(STAMP): requirements/test.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --no-input --disable-pip-version-check --require-hashes -r requirements/test.txt
	touch $@

.PHONY: demo
demo: $(STAMP) ## Put a cohort through the whole programme, with trouble in it; exits 0 only if it balances
	$(BIN)/python -m deploy.demo

.PHONY: up
up: $(STAMP) ## Start Kafka, Postgres, three services and the partner simulator, and leave them running
	$(BIN)/python -m deploy.local.up

.PHONY: down
down: $(STAMP) ## Stop what `make up` started; the data stays
	$(BIN)/python -m deploy.local.down

.PHONY: clean
clean: $(STAMP) ## Stop what `make up` started and throw its data, keys and logs away
	$(BIN)/python -m deploy.local.down --clean

.PHONY: test
test: check ## Run the whole test ladder on a real Kafka and a real Postgres
	$(BIN)/python -V
	$(BIN)/python -m deploy.local.jars
	$(BIN)/python -m pytest tests --ignore=tests/benchmarks --numprocesses=2 --dist=loadfile --no-loadscope-reorder

.PHONY: quick
quick: check ## Everything that needs no server: lint, types, layers, rules, properties, contracts, models
	$(BIN)/python -m pytest $(wildcard $(QUICK)) -m "not server" --numprocesses=2 --dist=loadfile

.PHONY: storm
storm: $(STAMP) ## Random faults under load, MINUTES=10 SEED=7; what came of it goes to var/storm/<seed>.json
	MINUTES=$(MINUTES) SEED=$(SEED) $(BIN)/python -m tests.storm

.PHONY: mutants
mutants: $(MUTANTS)/.installed ## Change the domains one operator at a time, and list the changes that no test notices
	JOURNEYS=20 nice -n 15 $(MUTANTS)/bin/mutmut run --max-children 1
	$(MUTANTS)/bin/mutmut results

$(MUTANTS)/.installed: requirements/mutants.txt
	$(PYTHON) -m venv --clear $(MUTANTS)
	$(MUTANTS)/bin/python -m pip install --quiet --no-input --disable-pip-version-check --require-hashes -r $<
	touch $@

.PHONY: check
check: $(STAMP) ## Lint, types and the layers of the architecture
	$(BIN)/ruff check $(wildcard $(CODE))
	$(BIN)/ruff format --check $(wildcard $(CODE))
	$(BIN)/mypy $(wildcard $(CODE))
	$(BIN)/lint-imports

.PHONY: bench
bench: $(STAMP) ## Measure; figures go to var/bench/<name>.json
	$(BIN)/python -m deploy.local.jars
	$(BIN)/python -m tests.benchmarks.seals
	$(BIN)/python -m tests.benchmarks.journey
	$(BIN)/python -m tests.benchmarks.latency
	$(BIN)/python -m tests.benchmarks.blocks
	$(BIN)/python -m tests.benchmarks.halts
	$(BIN)/python -m tests.benchmarks.drain
	$(BIN)/python -m tests.benchmarks.overhead
	$(BIN)/python -m tests.benchmarks.growth
	$(BIN)/python -m tests.benchmarks.deferral
	$(BIN)/python -m tests.benchmarks.sweeps
	$(BIN)/python -m tests.benchmarks.statements

.PHONY: format
format: $(STAMP) ## Format the code and mend what the linter can mend
	$(BIN)/ruff format $(wildcard $(CODE))
	$(BIN)/ruff check --fix $(wildcard $(CODE))

.PHONY: schemas
schemas: $(STAMP) ## Write the JSON Schemas of events, the dumps of database schemas, the pages of schemes and reasons
	$(BIN)/python -m shared.contracts.published_files
	$(BIN)/python -m services.enrollment.schemes.page
	$(BIN)/python -m services.payment.reason_page
	$(BIN)/python -m deploy.local.schema_dumps

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements"

.PHONY: requirements
requirements: $(STAMP) ## Lock the newest versions that requirements/*.in allow
	$(COMPILE) requirements/run.in -o requirements/run.txt
	$(COMPILE) requirements/local.in -o requirements/local.txt
	$(COMPILE) requirements/test.in -o requirements/test.txt
	$(COMPILE) requirements/mutants.in -o requirements/mutants.txt
