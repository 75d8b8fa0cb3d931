# `make` without a target lists all targets. Each sets up .venv if necessary.
#
#   PYTHON=python3.13   the interpreter, 3.11 or newer; an existing .venv keeps its own
#   PORT=9000           where `run` listens and `client` connects
#   STAGE=dev           the stage in .chalice/config.json
#   S3_BUCKET=name      the bucket that `deploy` sends code through
#   ARGS="..."          more arguments for the target's command

PORT ?= 8000
STAGE ?= dev
S3_BUCKET ?=
ARGS ?=

BIN := .venv/bin
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell $(BIN)/python -c '' 2>/dev/null && echo $(BIN)/python || echo python3)
endif

# .venv is installed in two steps: running needs less than developing, so it is ready sooner.
RUNNABLE := .venv/.runnable
INSTALLED := .venv/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

##@ Run
.PHONY: run
run: $(RUNNABLE) ## run the app on this machine: ws://127.0.0.1:PORT/v1, Ctrl-C stops it
	@echo "In other terminals: make client$(if $(filter-out 8000,$(PORT)), PORT=$(PORT))"
	@exec $(BIN)/python -m decanter local --stage $(STAGE) --port $(PORT) $(ARGS)

.PHONY: client
client: $(RUNNABLE) ## connect to it: send lines that you type, print messages
	@exec $(BIN)/python -m decanter client ws://127.0.0.1:$(PORT)/v1 $(ARGS)

##@ Develop
# Without byte code, each process that the tests start would compile what it imports.
# Tests often wait for gateways and browsers, so four workers keep two processors busy.
TESTS := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: test
test: .venv ## run the tests
	$(TESTS) -m "not open_row and not thorough" $(ARGS)

# npm takes exactly the versions in package-lock.json, checks their hashes and runs no script of them.
NODE := tests/support/node
.PHONY: node
node: $(NODE)/node_modules/.package-lock.json ## install the clients for Node and browsers, for the tests

$(NODE)/node_modules/.package-lock.json: $(NODE)/package.json $(NODE)/package-lock.json
	npm ci --prefix $(NODE) --ignore-scripts --no-fund --no-audit --loglevel=error
	@touch $@

.PHONY: thorough
thorough: .venv ## run the slow variants that `make test` leaves out, and properties with more examples
	$(TESTS) -m "thorough or hypothesis" --hypothesis-profile thorough $(ARGS)

.PHONY: coverage
coverage: .venv ## run the tests with branch coverage, which takes longer
	$(MAKE) test ARGS='--cov --cov-report=term $(ARGS)'

# CHAOS_SEED=7 repeats one seed; more than CHAOS_CLIENTS=500 is of no use here.
.PHONY: chaos
chaos: export CHAOS_SEED ?= 1,2,3
chaos: export CHAOS_CLIENTS ?= 200
chaos: export TEST_SECONDS ?= 60
chaos: .venv ## run the fault scenarios with 200 clients and three seeds, 40 minutes
	$(BIN)/python -m pytest --timeout 900 -m chaos tests/chaos tests/aws $(ARGS)

# SOAK_SEED=7 repeats one seed; the seed is in each test's name.
.PHONY: soak
soak: COUNT ?= 10000
soak: export SOAK_COUNT = $(COUNT)
soak: export SOAK_SEED ?= $(shell date +%s)
soak: export QUEUE_MESSAGES = $(COUNT)
soak: .venv ## play random faults in COUNT runs, 10,000 by default, two hours
	$(BIN)/python -m pytest --timeout 0 tests/soak tests/contract/test_router_queue.py $(ARGS)

.PHONY: field-cases
field-cases: .venv ## test needs of real applications, and list which are met and which are open
	$(BIN)/python -m pytest -q -r fE --numprocesses 2 --dist loadfile tests/field_cases $(ARGS)

.PHONY: check
check: .venv ## check format, lint and types without changes
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m ruff check
	$(BIN)/python -m mypy
	for app in examples/*/app.py; do \
	  $(BIN)/python -m mypy $$app $$(dirname $$app)/tests/*.py || exit 1; done

# Fails if PyPI's advisories are unavailable: without them, a package is not known to be safe.
.PHONY: audit
audit: .venv ## look for known weaknesses in the code and, in PyPI's advisories, in its dependencies
	@$(PIP) -q 'bandit>=1.9,<2' 'pip-audit>=2.10,<3'
	$(BIN)/python -m bandit -q -c pyproject.toml -r app.py chalicelib decanter
	$(BIN)/python -m pip freeze --exclude-editable | \
	  $(BIN)/python -m pip_audit --strict --no-deps --disable-pip -r /dev/stdin

# `uv` resolves for all interpreters and systems together. ARGS=--upgrade takes newer versions.
.PHONY: lock
lock: .venv ## write locks/ again from the requirements files
	@$(PIP) -q 'uv>=0.13,<1'
	$(call compile,develop,requirements-dev.txt,)
	$(call compile,run,locks/run.in,-c locks/develop.txt)
	$(call compile,ship,requirements.txt,-c locks/develop.txt)
	$(BIN)/python -m tests.docs.licences

compile = $(BIN)/python -m uv pip compile -q --universal --python-version $(firstword $(LOCKED)) \
  --generate-hashes --no-emit-package chalice-decanter --no-header --no-annotate \
  --no-emit-index-url --no-emit-find-links $(2) $(3) -o locks/$(1).txt $(ARGS)

.PHONY: format
format: .venv ## format, and apply ruff's fixes
	$(BIN)/python -m ruff format
	$(BIN)/python -m ruff check --fix

.PHONY: bench
bench: .venv ## measure the documentation's figures of speed and size
	$(BIN)/python -m bench $(ARGS)

##@ Deploy to AWS
.PHONY: package
package: $(RUNNABLE) ## make the zip and the template for STAGE; changes nothing on AWS
	$(BIN)/python -m decanter package --stage $(STAGE) $(ARGS)

.PHONY: deploy
deploy: $(RUNNABLE) ## create or update STAGE's stack, through S3_BUCKET
	@test -n "$(S3_BUCKET)" || { echo "name your own bucket, as in" \
	  "'make deploy STAGE=$(STAGE) S3_BUCKET=my-bucket'" >&2; exit 1; }
	$(BIN)/python -m decanter provision --stage $(STAGE) --s3-bucket $(S3_BUCKET) $(ARGS)

.PHONY: delete
delete: $(RUNNABLE) ## delete STAGE's stack, after confirmation
	$(BIN)/python -m decanter delete --stage $(STAGE) $(ARGS)

##@ Housekeeping
.PHONY: clean
clean: ## remove .venv and all other files that the targets make
	rm -rf .venv .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf build out *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile
	@printf '\nPYTHON=python3.13, PORT=9000, STAGE=dev and ARGS="..." are passed on.\n'

# Stamps, each written only after its step has succeeded. `made` names the interpreter and this
# folder, because a moved .venv is broken. The others are compared with the requirements files.
KEY := $(shell $(PYTHON) -c 'import os, sys, zlib; \
  print("%d.%d-%08x" % (sys.version_info[:2] + (zlib.crc32(os.getcwd().encode()),)))' 2>/dev/null)
MADE := .venv/.made-$(KEY)
PIP := $(BIN)/python -m pip --disable-pip-version-check install

# The versions of Python that the locks are tested with. Others get what the requirements allow.
LOCKED := 3.11 3.12 3.13 3.14
INTERPRETER := $(firstword $(subst -, ,$(KEY)))
define install
  $(if $(filter $(INTERPRETER),$(LOCKED)),\
    @$(PIP) --require-hashes -r locks/$(1).txt && $(PIP) -q --no-deps --no-build-isolation -e .,\
    @echo "locks/$(1).txt is for Python $(LOCKED), not $(INTERPRETER):" \
      "installing what $(2) allows, without hashes" >&2 && $(PIP) $(3))
endef

.PHONY: .venv
.venv: $(INSTALLED)

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "$(PYTHON) is $$($(PYTHON) -V 2>/dev/null || echo missing); Python 3.11 or newer is needed:" \
	    "name one, as in 'make PYTHON=python3.13 $(MAKECMDGOALS)'" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) cannot make virtual environments:" \
	    "install its venv module, on Debian 'apt-get install python3-venv'" >&2; exit 1; }
	@echo "Making .venv with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv --clear .venv
	@touch $@

$(RUNNABLE): $(MADE) pyproject.toml requirements.txt locks/run.txt
	@echo "Installing the packages to run into .venv, about one minute the first time"
	$(call install,run,requirements.txt,-r requirements.txt -e '.[local]')
	@touch $@

$(INSTALLED): $(MADE) pyproject.toml requirements.txt requirements-dev.txt locks/develop.txt
	@echo "Installing the packages to develop into .venv, two minutes the first time"
	$(call install,develop,requirements-dev.txt,-r requirements-dev.txt)
	@touch $(RUNNABLE) $@
