# `make` lists what there is. Needed: Python 3.11 or newer, make, and a package registry.
# Settings go in by the environment: AUTHSERVER_PORT=9000 make demo

.DEFAULT_GOAL := help
.PHONY: help demo test check fuzz mutants chaos bench bench-growth format audit lock clean

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/runtime.installed
DEVELOPMENT := $(VENV)/development.installed
# More than there are cores: some tests wait for programs to start and stop.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) \* 3 / 2)
# pip would compile on one core.
INSTALL := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet install --no-compile
# Where Python is told to write no bytecode (images often say so), each start would compile us anew, for half a second.
COMPILE := $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib authserver resource_api keys || true

help: ## List these targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNTIME) ## Start both services with people, apps and pictures to try; Ctrl-C stops them.
	@exec $(BIN)/authserver demo

test: $(DEVELOPMENT) ## Test everything, on SQLite and PostgreSQL, with a browser where there is one.
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

check: $(DEVELOPMENT) ## Check format, style, types, the direction of imports, pins, the settings' page.
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/pins.py
	$(BIN)/python .ci/reference.py --check

fuzz: $(DEVELOPMENT) ## Send both services what nobody in their right mind would, for about an hour.
	$(BIN)/python -m pytest tests/fuzzing --hypothesis-profile long --timeout 7200 --numprocesses $(WORKERS)

mutants: $(DEVELOPMENT) ## Open known holes one by one, and see that a test notices each; a quarter of an hour.
	$(BIN)/python -m tests.mutants

chaos: $(DEVELOPMENT) ## Kill, hang and fill up everything under load, for about a quarter of an hour.
	CHAOS_CYCLES=200 OUTAGE_SECONDS=30 $(BIN)/python -m pytest tests/faults --capture no --timeout 7200

bench: $(DEVELOPMENT) ## Measure speed, as ratios to what the machine can do at all; needs wrk and openssl.
	$(BIN)/python -m tests.benchmarks

bench-growth: $(DEVELOPMENT) ## Compare a full database with an empty one; writes some gigabytes into the temporary folder.
	$(BIN)/python -m tests.benchmarks.growth

format: $(DEVELOPMENT) ## Format the code, mend what needs no thought, write the settings' page anew.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/python .ci/reference.py

audit: $(DEVELOPMENT) ## Ask the advisory service about every pinned package.
	@$(BIN)/python .ci/audit.py

lock: ## Pin every dependency with its hashes; UPGRADE=1 takes the newest of each.
	@sh .ci/lock

clean: ## Remove what these targets made; the demo's data in var/ stays.
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find authserver resource_api keys tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@sh .ci/make-venv $(VENV)
	@sed -n '/^pip==/,/[^\\]$$/p' requirements-dev.txt >$(VENV)/pip.txt
	@$(INSTALL) --require-hashes --requirement $(VENV)/pip.txt # the one that Python brings may take twice as long

$(RUNTIME): $(VENV)/pyvenv.cfg requirements.txt pyproject.toml
	@echo "Installing what requirements.txt pins, once."
	@$(INSTALL) --require-hashes --requirement requirements.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@$(COMPILE)
	@touch $@

$(DEVELOPMENT): $(VENV)/pyvenv.cfg requirements-dev.txt pyproject.toml
	@echo "Installing what requirements-dev.txt pins, once."
	@$(INSTALL) --require-hashes --requirement requirements-dev.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@$(COMPILE)
	@touch $(RUNTIME) $@
