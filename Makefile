# make chat    a chat in the terminal; the first time it sets everything up
# make ask     one question: make ask Q="How much does the company match on my 401k?"
# make test    lint, types, tests
# make test-in-process   the extra that runs a model in this process, a gigabyte, and its tests
# make bench   the figures of the sample company, into benchmarks/company.md
# make lock    new versions into the lock files (needs uv)

PYTHON ?= python3
BIN := .venv/bin
TANDEM := $(BIN)/tandem
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tandem

.PHONY: chat ask serve setup test test-all test-in-process bench lock
.DEFAULT_GOAL := chat

chat: setup
	@$(TANDEM) chat

ask: setup
	@$(TANDEM) ask "$$Q"

serve: setup
	@$(TANDEM) serve

setup: .venv/run
test-setup: .venv/test

# uv is many times faster than pip, and takes the same hashes; where it cannot be had, pip does.
define install
@if command -v uv >/dev/null; then uv pip install -q --python $(BIN)/python --no-deps --require-hashes -r $(1); \
else $(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --require-hashes -r $(1); fi
endef

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tandem needs Python 3.11 or newer: make PYTHON=python3.12 chat")'
	@echo "Setting up in .venv: a minute or two, once."
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/run: requirements.lock pyproject.toml | .venv/made
	$(call install,requirements.lock)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m models.tokens "$(CACHE)/tiktoken"
	@touch $@

.venv/test: requirements-dev.lock .venv/run
	$(call install,requirements-dev.lock)
	@touch $@

.venv/transformers: requirements-transformers.txt .venv/test
	@$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-transformers.txt
	@touch $@

test: test-setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/mypy
	@$(BIN)/pytest -m "not slow"
	@test -e .venv/transformers || echo "Skipped: the model in this process, whose extra is not installed: make test-in-process"

test-all: test
	@$(BIN)/pytest -m slow

test-in-process: .venv/transformers
	@$(BIN)/pytest tests/test_in_process.py

bench: test-setup
	@$(BIN)/python -m benchmarks --keep benchmarks/company.md

lock:
	@uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header -q --upgrade -o requirements.lock
	@uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header -q --upgrade -c requirements.lock -o requirements-dev.lock
