# Two commands do everything on a fresh machine: `make demo` and `make test`. `make help` lists the rest.
PY := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help setup demo up test check lint format lock bench compare chaos clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: ## make .venv with raylambda in it
	@scripts/setup.sh

demo: setup ## the main job from nothing: a cluster, a function, photographs; cleans up after itself
	@$(PY) -m examples.image_metadata.demo

up: setup ## leave a platform running (stop it with Ctrl-C)
	@.venv/bin/raylambda up

.venv-awscli/bin/aws: requirements/awscli.lock | setup
	@$(PY) -m venv --without-pip .venv-awscli
	@VIRTUAL_ENV=$(CURDIR)/.venv-awscli .venv/bin/uv pip sync --quiet --require-hashes requirements/awscli.lock
	@touch $@

test: lint .venv-awscli/bin/aws ## everything that CI runs
	$(PY) -m pytest

check: lint ## lint, then unit and contract tests
	$(PY) -m pytest tests/unit tests/contract

lint: setup ## format, lint, types, import contracts
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	cd raylambda/node/runtimes/bootstrap && $(CURDIR)/.venv/bin/mypy --config-file= --strict --explicit-package-bases --cache-dir $(CURDIR)/.mypy_cache/bootstrap *.py
	.venv/bin/lint-imports

format: setup ## rewrite the code in the project's format
	.venv/bin/ruff format
	.venv/bin/ruff check --fix

COMPILE = .venv/bin/uv pip compile --python-version 3.11 --upgrade --no-emit-index-url --no-emit-find-links \
  --generate-hashes --custom-compile-command "make lock" --quiet

lock: setup ## pin the newest versions that pyproject.toml and the tools' lists allow
	$(COMPILE) pyproject.toml requirements/build.in --extra dev --extra postgresql -o requirements/raylambda.lock
	$(COMPILE) requirements/awscli.in -o requirements/awscli.lock
	@for folder in python_clients python_functions; do \
	  $(COMPILE) tests/tools/$$folder/requirements.in -o tests/tools/$$folder/requirements.lock; done
	@for folder in node_clients node_functions; do \
	  npm install --prefix tests/tools/$$folder --package-lock-only --omit-lockfile-registry-resolved; done

bench: setup ## the table of speed and memory, with ratios from one run
	$(PY) -m bench.table

compare: setup ## the same of this checkout and of BASE=<another checkout>, side by side
	$(PY) -m bench.compare $(BASE)

chaos: setup ## kill runtimes, hosts and nodes under load for a while
	RAYLAMBDA_CHAOS_S=120 $(PY) -m pytest tests/chaos -s

clean: ## remove what setup and the tools made
	rm -rf .venv .venv-awscli .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist *.egg-info
