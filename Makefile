# The newcomer's way in. Every target works in a fresh clone, with nothing but make, Python >= 3.11 and a package index.
#
#   make run      the demo: servers, worker, a customer's life (ONCE=1: told once, then everything stops)
#   make test     the quick tests
#   make check    what CI runs, and all of the tests of which it runs a fixed part (marked exhaustive)
#   make format   lay the code out, mend what ruff can mend
#   make simulate random worlds under audit (SEED=... RUNS=...); a seed is drawn and printed where none is given
#   make faults   real servers and workers, and what breaks (SEED=... SUBSCRIPTIONS=...): lost or doubled: nothing
#   make messages 10,000 messages (SEED=... MESSAGES=...) to runs that end under them: lost, doubled, wrongly answered: 0
#   make bench    what it costs, beside what the bare engine costs (FULL=1: with larger counts): docs/performance.md
#   make defects  plant defects into a copy, one at a time; each must be found (NAME=... plants one)
#   make setup    only the virtual environment (PYTHON=python3.12 chooses another Python)
#   make audit    the pinned packages against published vulnerabilities, where those can be asked for
#   make histories  record what this release lacks of histories, and the fingerprint of its commands
#   make pins     compile requirements*.in into requirements*.txt again
#   make clean    remove what make and the demo have made

SHELL := /bin/sh
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help setup run bench faults messages defects simulate test check format histories audit pins clean

PYTHON ?= python3
PIP_TOOLS := pip-tools==7.6.2

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/requirements.stamp
PINS := .pins
PINNED := requirements requirements-dev bench/requirements bench/race/requirements
WORKERS ?= 2

# The sandbox imports workflow code anew for every workflow: without a cache of its bytecode, each compiles it again.
export PYTHONDONTWRITEBYTECODE :=

QUIET_PIP := --quiet --disable-pip-version-check --no-input

# A Python asked for by name (`make test PYTHON=python3.12`) replaces the environment that another one made.
ifneq ($(origin PYTHON),file)
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(PYTHON))
.PHONY: $(STAMP)
endif
endif

help:
	@sed -n 's/^#   //p' Makefile

setup: $(STAMP)
	@:

# A venv is made anew with every change of the pins: what is installed is what is written, nothing older stays behind.
$(STAMP): requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Perennial needs Python 3.11 or newer, and '$(PYTHON)' is none:" >&2; $(PYTHON) --version >&2; \
	  echo "Install one, or name it: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version): about a minute, once ..."
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install $(QUIET_PIP) --only-binary :all: --require-hashes -r requirements-dev.txt || { \
	  echo "The packages of requirements-dev.txt could not be installed; pip says why above." >&2; exit 1; }
	@echo '$(PYTHON)' > $@

run: setup
	@exec $(BIN)/python starter.py demo $(if $(ONCE),--once)

simulate: setup
	@$(BIN)/python -m proof.simulation $(if $(SEED),--seed $(SEED)) --runs $(or $(RUNS),2000)

faults: setup
	@$(BIN)/python -m proof.faults $(if $(SEED),--seed $(SEED)) $(if $(SUBSCRIPTIONS),--subscriptions $(SUBSCRIPTIONS))

messages: setup
	@$(BIN)/python -m proof.messages $(if $(SEED),--seed $(SEED)) $(if $(MESSAGES),--messages $(MESSAGES))

bench: setup
	@$(BIN)/python -m pip install $(QUIET_PIP) --only-binary :all: --require-hashes -r bench/requirements.txt
	@$(BIN)/python -m bench $(if $(FULL),--full)

defects: setup
	@$(BIN)/python -m proof.defects $(NAME)

test: setup
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m "not slow" $(ARGS)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m policies.schema --check
	$(BIN)/python -m docs.generate --check
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

histories: setup
	@$(BIN)/python -m tests.replay.record
	@$(BIN)/python -m tests.replay.fingerprint --write

audit: setup
	@$(BIN)/python -m proof.dependencies

# Compiled with the oldest Python that is served; the pins hold for the newer ones too (make check runs on any).
pins:
	@test -x $(PINS)/bin/pip-compile || { $(PYTHON) -m venv $(PINS) && \
	  $(PINS)/bin/python -m pip install $(QUIET_PIP) $(PIP_TOOLS); }
	@for name in $(PINNED); do \
	  CUSTOM_COMPILE_COMMAND='make pins' $(PINS)/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --upgrade \
	    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
	    --output-file $$name.txt $$name.in || exit 1; \
	done
	@! grep -nE '^[^#]*(://|file:)|^--' $(PINNED:=.txt)

clean:
	rm -rf $(VENV) $(PINS) .bench .perennial .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
