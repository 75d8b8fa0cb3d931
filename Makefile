# `make` alone lists the targets. Each sets up .venv by itself when it has to.
#
#   PYTHON=python3.13   the interpreter, 3.11 or newer; an existing .venv keeps its own
#   PORT=9000           where `run` listens and `client` connects
#   STAGE=dev           the stage in .chalice/config.json
#   S3_BUCKET=name      the bucket that `deploy` sends code through
#   ARGS="..."          further arguments of the command behind the target

PORT ?= 8000
STAGE ?= dev
S3_BUCKET ?=
ARGS ?=

BIN := .venv/bin
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell $(BIN)/python -c '' 2>/dev/null && echo $(BIN)/python || echo python3)
endif

# Two environments in one: what running needs is there sooner than what developing needs.
RUNNABLE := .venv/.runnable
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

##@ Run
.PHONY: run
run: $(RUNNABLE) ## serve the app on this machine: ws://127.0.0.1:PORT/v1, Ctrl-C ends it
	@echo "In other terminals: make client$(if $(filter-out 8000,$(PORT)), PORT=$(PORT))"
	@exec $(BIN)/python -m decanter local --stage $(STAGE) --port $(PORT) $(ARGS)

.PHONY: client
client: $(RUNNABLE) ## connect to it: what you type is sent, what arrives is printed
	@exec $(BIN)/python -m decanter client ws://127.0.0.1:$(PORT)/v1 $(ARGS)

##@ Develop
.PHONY: test
test: .venv ## run the tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder \
	  -m "not open_row" $(ARGS)

.PHONY: coverage
coverage: .venv ## run them and report branch coverage, which takes longer
	$(MAKE) test ARGS='--cov --cov-report=term $(ARGS)'

# CHAOS_SEED=7 plays one seed again; CHAOS_CLIENTS=500 is the most that is worth while here.
.PHONY: chaos
chaos: export CHAOS_SEED ?= 1,2,3
chaos: export CHAOS_CLIENTS ?= 200
chaos: export TEST_SECONDS ?= 60
chaos: .venv ## play the fault scenarios with 200 clients on three seeds, 25 minutes
	$(BIN)/python -m pytest -m chaos tests/chaos tests/aws $(ARGS)

.PHONY: field-cases
field-cases: .venv ## list what applications of others need: what works, and what is open
	$(BIN)/python -m pytest -q -r fE --numprocesses 2 --dist loadfile tests/field_cases $(ARGS)

.PHONY: check
check: .venv ## format, lint and types, changing nothing
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m ruff check
	$(BIN)/python -m mypy
	for app in examples/*/; do $(BIN)/python -m mypy $${app}app.py $${app}tests/*.py || exit 1; done

# Fails where PyPI's advisories cannot be had: what nobody looked up is not known to be good.
.PHONY: audit
audit: .venv ## look for known weaknesses in the code, and by PyPI's advisories in what it needs
	@$(PIP) -q 'bandit>=1.9,<2' 'pip-audit>=2.10,<3'
	$(BIN)/python -m bandit -q -c pyproject.toml -r app.py chalicelib decanter
	$(BIN)/python -m pip freeze --exclude-editable | \
	  $(BIN)/python -m pip_audit --strict --no-deps --disable-pip -r /dev/stdin

.PHONY: format
format: .venv ## format, and mend what ruff can mend
	$(BIN)/python -m ruff format
	$(BIN)/python -m ruff check --fix

.PHONY: bench
bench: .venv ## measure what the documentation says of speed and size
	$(BIN)/python -m bench $(ARGS)

##@ Onto AWS
.PHONY: package
package: $(RUNNABLE) ## make the zip and the template for STAGE, and touch nothing on AWS
	$(BIN)/python -m decanter package --stage $(STAGE) $(ARGS)

.PHONY: deploy
deploy: $(RUNNABLE) ## bring STAGE's stack up to date, through S3_BUCKET
	@test -n "$(S3_BUCKET)" || { echo "name a bucket of yours, as in" \
	  "'make deploy STAGE=$(STAGE) S3_BUCKET=my-bucket'" >&2; exit 1; }
	$(BIN)/python -m decanter provision --stage $(STAGE) --s3-bucket $(S3_BUCKET) $(ARGS)

.PHONY: delete
delete: $(RUNNABLE) ## delete STAGE's stack, after a question
	$(BIN)/python -m decanter delete --stage $(STAGE) $(ARGS)

##@ Housekeeping
.PHONY: clean
clean: ## remove .venv and everything else that the targets make
	rm -rf .venv .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf build out *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@printf '\nPYTHON=python3.13, PORT=9000, STAGE=dev and ARGS="..." pass through.\n'

# Stamps, each written only when its step has succeeded: `made` names the interpreter and this
# folder (a moved .venv is broken), the others are as new as the files that say what to install.
KEY := $(shell $(PYTHON) -c 'import os, sys, zlib; \
  print("%d.%d-%08x" % (sys.version_info[:2] + (zlib.crc32(os.getcwd().encode()),)))' 2>/dev/null)
MADE := .venv/.made-$(KEY)
PIP := $(BIN)/python -m pip --disable-pip-version-check install

.PHONY: .venv
.venv: $(INSTALLED)

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "$(PYTHON) is $$($(PYTHON) -V 2>/dev/null || echo not there); Python 3.11 or newer is needed:" \
	    "name one, as in 'make PYTHON=python3.13 $(MAKECMDGOALS)'" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments:" \
	    "install its venv module, on Debian 'apt-get install python3-venv'" >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv --clear .venv
	@touch $@

$(RUNNABLE): $(MADE) pyproject.toml requirements.txt
	@echo "Installing what running needs into .venv, about a minute the first time"
	@$(PIP) -r requirements.txt -e '.[local]'
	@touch $@

$(INSTALLED): $(MADE) pyproject.toml requirements.txt requirements-dev.txt
	@echo "Installing what requirements-dev.txt names into .venv, two minutes the first time"
	@$(PIP) -r requirements-dev.txt
	@touch $(RUNNABLE) $@
