# Copyright (c) 2026, the bandr.postgres authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything that is made is in one folder; each part can be given another place: make VENV=/tmp/venv test
BUILD ?= build
VENV ?= $(BUILD)/environment
DIST ?= $(BUILD)/dist

# The Python to make the environment with: the first one here that is new enough.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && echo $$python && break; done)

# What to run of the tests, and how: make unit UNIT=tests/unit/test_names.py ARGS='-k suffix -x'
UNIT ?= tests/unit
INTEGRATION ?= tests/integration
ARGS ?=
# How many tests run at a time, and what else every run of them is told.
WORKERS ?= auto
PYTEST = python -m pytest --numprocesses $(WORKERS) --dist worksteal
# Which of molecule's scenarios to run; all of them unless named.
SCENARIOS ?=

VERSION := $(shell sed -n 's/^version: *//p' galaxy.yml)
TARBALL := $(DIST)/bandr-postgres-$(VERSION).tar.gz
INSTALLED := $(BUILD)/collections
SHIPPED := $(shell find galaxy.yml README.md CHANGELOG.rst LICENSE changelogs docs meta plugins roles playbooks -not -path '*/__pycache__*' 2> /dev/null)

# An environment is ready for exactly the requirement files it was made from.
requirements_sum = $(shell cat requirements/collections.txt requirements/constraints.txt $(1) | cksum | cut -d ' ' -f 1)
READY_TO_RUN := $(VENV)/.ready-to-run-$(call requirements_sum,requirements/run.txt requirements/runtime.txt requirements/servers.txt)
READY_TO_TEST := $(VENV)/.ready-to-test-$(call requirements_sum,requirements/runtime.txt requirements/servers.txt requirements/test.txt)

# Everything below runs in the environment and sees the collection as it ships, not the checkout.
IN_ENVIRONMENT = env PATH="$(abspath $(VENV))/bin:$$PATH" PYTHONPATH="$(abspath $(INSTALLED))" \
	ANSIBLE_COLLECTIONS_PATH="$(abspath $(INSTALLED))" BANDR_COLLECTIONS="$(abspath $(INSTALLED))" \
	ANSIBLE_HOME="$(abspath $(BUILD))/ansible" PYTHONDONTWRITEBYTECODE=1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

##@ Try it

.PHONY: help
help: ## Say what can be made (this text)
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z][a-z-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY_TO_RUN) $(INSTALLED)/.made ## Back up, lose and restore a PostgreSQL server before your eyes (three minutes)
	@DEMO_FOLDER="$(abspath $(BUILD))/demo" $(IN_ENVIRONMENT) tests/demo/run

.PHONY: demo-cluster
demo-cluster: $(READY_TO_RUN) $(INSTALLED)/.made ## The same on a cluster, KUBECONFIG's with its REGISTRY or one that is made for it
	@DEMO_FOLDER="$(abspath $(BUILD))/demo-cluster" $(IN_ENVIRONMENT) tests/demo/run demo_cluster

##@ Test it

.PHONY: test
test: lint unit integration ## Everything that is quick enough for every change: lint, unit and integration tests

.PHONY: unit
unit: $(READY_TO_TEST) $(INSTALLED)/.made ## Tests that need no server
	@$(IN_ENVIRONMENT) $(PYTEST) $(UNIT) $(ARGS)

.PHONY: integration
integration: $(READY_TO_TEST) $(INSTALLED)/.made ## Tests on real PostgreSQL servers of several major versions
	@$(IN_ENVIRONMENT) $(PYTEST) $(INTEGRATION) $(ARGS)

.PHONY: lint
lint: $(READY_TO_TEST) $(INSTALLED)/.made ## Read the sources: ruff, mypy, yamllint, shellcheck, ansible-lint, changelog, documentation
	@$(IN_ENVIRONMENT) tests/gates/lint

.PHONY: format
format: $(READY_TO_TEST) ## Format the sources and mend what can be mended by itself
	@$(IN_ENVIRONMENT) ruff format --quiet .
	@$(IN_ENVIRONMENT) ruff check --quiet --fix .

.PHONY: docs-lint
docs-lint: $(READY_TO_TEST) $(INSTALLED)/.made ## The part of lint that reads the documentation
	@$(IN_ENVIRONMENT) tests/gates/lint documentation

.PHONY: sanity
sanity: $(READY_TO_TEST) ## ansible-test sanity, with nothing ignored
	@$(IN_ENVIRONMENT) tests/gates/sanity $(BUILD)/sanity $(VENV)/sanity $(VENV)/collections $(ARGS)

.PHONY: importer
importer: $(READY_TO_TEST) $(TARBALL) ## What Galaxy would say to the tarball
	@$(IN_ENVIRONMENT) python tests/gates/importer.py $(TARBALL)

.PHONY: molecule
molecule: $(READY_TO_TEST) $(INSTALLED)/.made ## Everything on a real cluster: KUBECONFIG's, or one that is made for it; SCENARIOS='default restore' for some of it
	@$(IN_ENVIRONMENT) tests/cluster/run $(SCENARIOS)

.PHONY: bench
bench: $(READY_TO_RUN) $(INSTALLED)/.made ## Time and memory beside pg_dumpall, gzip and psql
	@$(IN_ENVIRONMENT) tests/bench/run

.PHONY: takeover
takeover: $(READY_TO_RUN) $(INSTALLED)/.made ## Take over a volume of the predecessor and let a year go by, both side by side
	@$(IN_ENVIRONMENT) tests/takeover/run $(ARGS)

.PHONY: bench-deploy
bench-deploy: $(READY_TO_TEST) $(INSTALLED)/.made ## Time a deploy of 100 servers to KUBECONFIG's cluster beside kubectl; ARGS=30 for fewer
	@$(IN_ENVIRONMENT) tests/cluster/bench_deploy $(ARGS)

##@ Ship it

.PHONY: dist
dist: $(TARBALL) ## Build the tarball of the collection
	@echo $(TARBALL)

.PHONY: changelog
changelog: $(READY_TO_TEST) $(INSTALLED)/.made ## Write CHANGELOG.rst of this version from changelogs/fragments
	@$(IN_ENVIRONMENT) antsibull-changelog release --version $(VERSION) --update-existing --reload-plugins --refresh

.PHONY: environment
environment: $(READY_TO_TEST) ## Make the Python environment that all of this runs in
	@echo $(VENV)

.PHONY: clean
clean: ## Remove what was made, but for the environment
	find $(BUILD) -mindepth 1 -maxdepth 1 -not -path '$(VENV)' -exec rm -rf {} +

.PHONY: distclean
distclean: ## Remove what was made, and the environment
	rm -rf $(BUILD) $(DIST) $(VENV)

$(READY_TO_RUN):
	@tests/gates/environment $(VENV) "$(PYTHON)" requirements/run.txt
	@rm -f $(VENV)/.ready-to-run-* && touch $@

$(READY_TO_TEST): | $(READY_TO_RUN)
	@tests/gates/environment $(VENV) "$(PYTHON)" requirements/test.txt
	@rm -f $(VENV)/.ready-to-test-* && touch $@

$(TARBALL): $(SHIPPED) | $(READY_TO_RUN)
	@$(IN_ENVIRONMENT) ansible-galaxy collection build --force --output-path $(DIST) > /dev/null

$(INSTALLED)/.made: $(TARBALL) tests/gates/install
	@$(IN_ENVIRONMENT) tests/gates/install $(TARBALL) $(INSTALLED) $(VENV)/collections
	@touch $@
