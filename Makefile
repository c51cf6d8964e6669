# `make demo` and `make test` need Python 3.11 or newer, git and make; everything else they install into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test chromium page-tools check page docs bench campaign litellm clean

demo: $(VENV)/demo.stamp
	$(BIN)/binex hello
	@echo "binex is in $(BIN); to have it at hand: . $(BIN)/activate" >&2

test: $(VENV)/dev.stamp check chromium page-tools
	$(BIN)/binex hello --quiet > /dev/null
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile

check: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The tests open pages in Debian's Chromium; those that do are skipped without it.
chromium:
	@if [ -x /usr/bin/chromium ]; then :; \
	elif ! command -v apt-get > /dev/null; then echo "no Chromium, and no apt-get to install it: pages are not tested" >&2; \
	elif [ "$$(id -u)" != 0 ]; then echo "no Chromium: pages are not tested (as root: apt-get install chromium)" >&2; \
	else apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium > /dev/null \
		|| echo "Chromium could not be installed: pages are not tested" >&2; fi

# What the page is built with: its types are checked, and what edits workflows is tried on its own.
page-tools:
	@if [ ui/node_modules/.package-lock.json -nt ui/package-lock.json ]; then :; \
	elif ! command -v npm > /dev/null; then echo "no npm: what the page is built from is not tested" >&2; \
	else (cd ui && npm ci --ignore-scripts --no-audit --no-fund --silent) \
		|| echo "npm could not install: what the page is built from is not tested" >&2; fi

# What is built is kept beside the server, so that nobody needs Node to install Binex; this builds it again.
page: $(VENV)/dev.stamp
	$(BIN)/python ui/scripts/write_types.py
	cd ui && npm ci --ignore-scripts && npm run build

docs: $(VENV)/dev.stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

bench: $(VENV)/dev.stamp
	$(BIN)/python -m benchmarks

campaign: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m campaign

# LiteLLM and binex[agents] need different versions of one library, and so different environments.
litellm:
	$(PYTHON) -m venv $(VENV)-litellm
	$(VENV)-litellm/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[litellm]' \
		aiohttp hypothesis pytest pytest-asyncio requests uvicorn
	$(VENV)-litellm/bin/python -m pytest tests/adapters/llm/test_litellm.py tests/adapters/llm/test_litellm_wire.py

clean:
	rm -rf $(VENV) $(VENV)-litellm site dist build .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/dev.stamp: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/demo.stamp
