# govlake: everything a fresh machine needs is Python 3.11+, make and a package index.
# The environment is made once in .venv (by uv where it is installed, else by venv and pip) and made again when its pins change.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.govlake-installed
UV := $(shell command -v uv 2>/dev/null)
PORT ?= 3000
# The demo and the page work on a home inside the checkout, unless GOVLAKE_HOME names another; tests never see it.
demo ui: export GOVLAKE_HOME := $(or $(GOVLAKE_HOME),$(CURDIR)/.govlake)

.DEFAULT_GOAL := help
.PHONY: help install demo ui test test-all check format bench bench-link docs bundle pins clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

$(STAMP): pyproject.toml constraints.txt
ifneq ($(UV),)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[dev]'
else
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "govlake needs Python 3.11 or newer; name one: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
endif
	@touch $@

install: $(STAMP)  ## make .venv with govlake and its tools

demo: $(STAMP)  ## write the demo city's deliveries, run the whole job, print the summary
	$(BIN)/govlake demo

ui: $(STAMP)  ## Dagster on http://127.0.0.1:3000 (PORT=… for another port)
	$(BIN)/govlake ui --district demo --port $(PORT)

test: $(STAMP)  ## all tests but the slow ones
	$(BIN)/python -m pytest -n auto --dist loadscope

test-all: $(STAMP)  ## all tests
	$(BIN)/python -m pytest -n auto --dist loadscope -m 'slow or not slow'

check: $(STAMP)  ## lint, format, types, import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)  ## bring the code into form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)  ## time and memory of the main job against plain DuckDB
	$(BIN)/python -m benchmarks.job

bench-link: $(STAMP)  ## accuracy and speed of linking, side by side with others
	$(BIN)/python -m benchmarks.link

docs: $(STAMP)  ## dist/docs: these documents as static pages, to read without a server or the internet
	$(BIN)/python docs/build.py

bundle: $(STAMP)  ## dist/govlake-…-bundle.tar.gz: installer and all wheels for a closed network
	$(BIN)/python scripts/bundle.py

pins:  ## constraints.txt anew from pyproject.toml (needs uv)
	uv pip compile --no-header --no-emit-index-url --no-annotate --python-version 3.11 pyproject.toml --all-extras -o constraints.txt

clean:  ## remove what was made: environment, caches, bundle; never a home
	rm -rf $(VENV) dist build *.egg-info .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
