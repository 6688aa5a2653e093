# Everything from a machine that has Python 3.11 or newer, make and package indexes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
TESTARGS ?=

.PHONY: setup console test test-faults lint demo bench clean

setup: $(STAMP) console

$(STAMP): pyproject.toml constraints.txt hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tocsin needs Python 3.11 or newer: make PYTHON=python3.11")'
	@test -x $(BIN)/python || { echo 'setting up, which takes a minute or two' >&2; $(PYTHON) -m venv $(VENV); }
	@TOCSIN_SKIP_CONSOLE=1 $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]' >&2
	@touch $@

console: $(STAMP)
	@$(BIN)/python scripts/build_console.py

test: setup
	$(BIN)/python scripts/fetch_samples.py
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder -m 'not browser and not faults' $(TESTARGS)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m browser $(TESTARGS)

# The fault matrix: nodes and relays killed, cut off, lied to. Ten minutes at most; FAULTS=FILE writes its table as JSON.
test-faults: setup
	timeout 600 $(BIN)/python -m pytest -n 4 tests/faults $(if $(FAULTS),--faults-json $(FAULTS)) $(TESTARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python scripts/check_console.py

demo: setup
	@$(BIN)/tocsin demo $(ARGS)

bench: setup
	$(BIN)/tocsin bench all $(ARGS)

clean:
	rm -rf $(VENV) .cache console/node_modules src/tocsin/node/static
