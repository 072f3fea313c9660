# The whole developer interface. `make run` and `make test` each work first after a clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# A run of the tests starts some hundred processes: what one has compiled the next need not.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup run test lint fix bench fuzz soak build test-vm
.DEFAULT_GOAL := run

setup: $(VENV)/.dev

# What running needs. Node comes from the same package index as the rest, for its npm.
$(VENV)/.run: pyproject.toml constraints.txt web/package-lock.json web/vendor.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Derny needs Python 3.11 or newer; say which with: make PYTHON=python3.12 ...' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'This Python cannot make virtual environments; install the package: apt install python3-venv' >&2; exit 1; }
	@echo 'Setting up .venv (once; about half a minute)'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade 'pip>=25.1'
	@$(PIP) -c constraints.txt -e '.[all]' --group web
	@$(BIN)/python web/vendor.py
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo 'Setting up what tests and lint need (once)'
	@$(PIP) -c constraints.txt --group dev
	@$(BIN)/python web/vendor.py --dev
	@$(BIN)/python -m compileall -q hub gateway firmware-sim
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null  # compiled once, and not by each worker
	@touch $@

run: $(VENV)/.run
	@exec $(BIN)/derny up

# Half of the workers wait for processes and clocks: three for each of two cores.
test: setup
	$(BIN)/python -m pytest -n 6 --dist loadfile

# The radio's contract against the real bluetoothd, in a virtual machine: before a release.
test-vm: setup
	cd tests && ../$(BIN)/python -m vm

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python web/check.py
	$(BIN)/python docs/asyncapi.py --check

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	cd tests && ../$(BIN)/python -m bench --write

fuzz: setup
	FUZZ=1 $(BIN)/python -m pytest tests/fuzz tests/gateway tests/hub

soak: setup
	SOAK=1 $(BIN)/python -m pytest tests/contract/test_radio_gauge.py tests/journeys

build: setup
	$(BIN)/python -m build
