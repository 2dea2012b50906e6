# Every target sets up what it needs in .venv first; `make help` lists them.
# ARGS are handed to the program a target runs: make serve ARGS="--port 11500", make test ARGS="-k names".

.DEFAULT_GOAL := help
.PHONY: help demo run serve dev install install-dev test test-unit test-cov windows-test windows-installer-test \
	package-linux lint format type-check check-all lock lock-check docker-build docker-run clean
ARGS ?=
# What was typed at a prompt belongs to this project's environment, not to one that happens to be active.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH
# Much of what the tests do is wait, for a program to start say: three at a time keep two cores busy. A file's tests stay
# together, since they share a desktop or a browser. ARGS="-n 0" runs one after the other.
AT_ONCE = -n 3 --dist loadfile --no-loadscope-reorder

help: ## Show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: install ## Try it out: an embedded stand-in for OpenRouter, no account, no cost
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; then \
		exec .venv/bin/tray-proxy --demo $(ARGS); \
	else \
		echo "There is no display here, so there is no tray icon: running headless. Ctrl+C stops it."; \
		exec .venv/bin/tray-proxy serve --demo $(ARGS); \
	fi

run: install ## Run with a tray icon
	@exec .venv/bin/tray-proxy $(ARGS)

serve: install ## Run without a tray icon
	@exec .venv/bin/tray-proxy serve $(ARGS)

dev: install-dev ## Serve at DEBUG, starting again whenever a source file changes
	@exec .venv/bin/watchfiles --target-type command \
		'.venv/bin/tray-proxy serve --log-level DEBUG $(ARGS)' tray_proxy

install: ## Install into .venv, with the system packages the tray needs where that is possible
	@scripts/setup runtime

install-dev: ## The same, with what the tests and the checks need
	@scripts/setup dev

test: install-dev ## Run every test, the desktop's too
	@exec .venv/bin/pytest $(AT_ONCE) $(ARGS)

test-unit: install-dev ## Run the tests that need neither a desktop nor a running proxy
	@exec .venv/bin/pytest $(AT_ONCE) -m "not desktop and not running" $(ARGS)

test-cov: install-dev ## Run every test and measure branch coverage
	@exec .venv/bin/pytest --cov --cov-report=term-missing $(AT_ONCE) $(ARGS)

windows-test: install-dev ## Try it in Windows Python under Wine: tray, key store, start at login, unit tests
	@scripts/wine
	@exec .venv/bin/pytest tests/windows $(ARGS)

windows-installer-test: install-dev ## Build program and installer for Windows under Wine: install, upgrade, uninstall
	@scripts/wine
	@scripts/wine-package
	@exec .venv/bin/pytest tests/windows/installer $(ARGS)

package-linux: install-dev ## Build the program for Linux, dist/tray-proxy-….tar.xz, and try what was built
	@scripts/package
	@exec .venv/bin/pytest tests/package $(ARGS)

lint: install-dev ## Check style, formatting and the import rule
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports

format: install-dev ## Format the code and put right what can be put right by machine
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

type-check: install-dev ## Check the types
	.venv/bin/mypy

check-all: lint type-check lock-check test-cov ## All checks and all tests

lock: install-dev ## Pin the versions of a release after pyproject.toml has changed; ARGS=--upgrade takes newer ones
	@scripts/lock $(ARGS)

lock-check: install-dev ## Check that the pinned versions still fit pyproject.toml
	@scripts/lock --check

docker-build: ## Build the container's image, tray-proxy
	docker build --file packaging/docker/Dockerfile --tag tray-proxy $(ARGS) .

docker-run: ## Run it for this computer; OPENROUTER_API_KEY and PROXY_API_KEY come from the environment
	docker run --rm --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
		--publish 127.0.0.1:11434:11434 --volume tray-proxy:/data \
		--env OPENROUTER_API_KEY --env PROXY_API_KEY tray-proxy $(ARGS)

clean: ## Remove the environment and everything that was built
	rm -rf .venv .clients .wine build dist .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache \
		.hypothesis .import_linter_cache
