# The developer interface. Every target installs what it needs and is safe to repeat; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory
# Compiled modules are kept, whatever a container image says: the tests start hundreds of Python programs.
unexport PYTHONDONTWRITEBYTECODE

PYTHON := .venv/bin/python
CODE := stack gateways activities workflows cli local example tests worker.py starter.py
SIDE_BY_SIDE := -n 3 --dist worksteal
READY := .venv/.installed-$(shell sha256sum requirements.txt | cut -c1-12)

.PHONY: help demo test check audit format up down purge bench soak golden

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: up ## the main job, end to end: pull request 1 gets a preview, shown to answer
	@$(PYTHON) -m local.demo

test: check up /usr/bin/chromium ## every ring, on the real platform
	@$(PYTHON) -m pytest -q $(SIDE_BY_SIDE) tests/simulation
	source .local/env
	$(PYTHON) -m pytest -q tests/contract tests/workflows tests/e2e
	$(PYTHON) -m pytest -q tests/soak
	$(PYTHON) -m pytest -q tests/platform

check: $(READY) ## format, lint, types and fast tests, without a cluster
	@$(PYTHON) -m ruff format --check $(CODE)
	$(PYTHON) -m ruff check $(CODE)
	$(PYTHON) -m mypy
	$(PYTHON) -m mypy worker.py starter.py
	$(PYTHON) -m pytest -q $(SIDE_BY_SIDE) tests/unit tests/activities tests/replay example/tests -m "not e2e and not postgres and not platform"

audit: $(READY) ## scanners over manifests, tree and history, and known vulnerabilities; what cannot be checked fails
	@$(PYTHON) -m pytest -q tests/audit
	$(PYTHON) -m tests.audit.advisories

format: $(READY) ## format and fix what can be fixed by itself
	@$(PYTHON) -m ruff format $(CODE)
	$(PYTHON) -m ruff check --fix $(CODE)

up: $(READY) ## the local platform: Kubernetes, PostgreSQL, Temporal, the worker
	@$(PYTHON) -m local up

down: $(READY) ## stop it; .local/state stays
	@$(PYTHON) -m local down

purge: $(READY) ## stop it and forget its state
	@$(PYTHON) -m local purge

bench: up ## ratios against named baselines, in one run
	@source .local/env
	$(PYTHON) -m tests.bench

soak: up ## races, faults and random histories: [SEED=1] [SEQUENCES=200] [MINUTES=60] [LANES=4] [ONLY=…] [FRESH=1]
	@source .local/env
	SEED=$(SEED) SEQUENCES=$(SEQUENCES) MINUTES=$(MINUTES) LANES=$(LANES) ONLY=$(ONLY) FRESH=$(FRESH) $(PYTHON) -m tests.soak

golden: $(READY) ## write the golden YAML anew; look at the difference before you commit it
	@$(PYTHON) -m tests.update_golden

/usr/bin/chromium:
	@echo "Installing Chromium …"
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null

$(READY): requirements.txt
	@command -v python3 >/dev/null && python3 -c 'import ensurepip, sys; assert sys.version_info >= (3, 11)' 2>/dev/null || {
	  echo "Installing Python 3.11 …"
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv >/dev/null
	}
	echo "Installing the Python packages of requirements.txt …"
	python3 -m venv .venv
	.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	touch $@
