# Everything runs from .venv, which `setup` makes; `make` alone lists the targets.
PYTHON ?= python3
export PYTHON
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

setup: ## make .venv with the locked packages and this project
	@scripts/setup

demo: setup ## 20 virtual boards and a gateway on this machine: a staged rollout to them
	@.venv/bin/python -m tests.support.firmware_samples >/dev/null 2>&1 || true
	@.venv/bin/python -m meshward.demo $$(ls build/test-images/024d68bd6f2830c4.bin 2>/dev/null) $(ARGS)

test: setup ## run the tests (ARGS="-k tree" and the like go to pytest)
	@scripts/setup-browser
	@scripts/setup-bridges
	@.venv/bin/pytest -n 3 --dist loadgroup $(ARGS)

check: setup ## lint, format, types, spelling
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/codespell

bench: setup ## measure what the README claims
	@scripts/setup-browser
	@.venv/bin/python -m bench $(ARGS)

clean: ## remove .venv and everything generated
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
