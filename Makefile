# linerate: `make run` measures on the embedded lab, `make test` runs the tests. `make help` lists all targets.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PLAYBOOK := $(BIN)/ansible-playbook
ARGS ?=

# Ansible needs UTF-8, and ignores an ansible.cfg in a world-writable folder unless this variable names it.
export LC_ALL := C.UTF-8
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run setup lab-down vm-up vm-run vm-down test test-long test-faults test-vm test-vm-sender test-vm-trials test-vm-kernels test-vm-zerocopy test-vm-ci test-packages lint types unit integration browser bench readmes pictures man lock clean
.DEFAULT_GOAL := help

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.run: tools/make-venv requirements.lock pyproject.toml
	tools/make-venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(BIN)/pip install --quiet --require-hashes --requirement requirements-dev.lock
	touch $@

setup: $(VENV)/.run ## Create .venv with the pinned dependencies and the linerate command

run: setup ## Send, measure and report on the embedded lab (ARGS is passed to ansible-playbook)
	@tools/need-sudo
	$(PLAYBOOK) site.yml $(ARGS)

lab-down: setup ## Remove the embedded lab
	$(PLAYBOOK) playbooks/lab_down.yml

vm-up: setup ## Start two QEMU guests, a sender and a receiver (the first run builds their image)
	$(PLAYBOOK) --inventory inventory/vm playbooks/vm_up.yml

vm-run: vm-up ## Send, measure and report in the guests (ARGS is passed to ansible-playbook)
	$(PLAYBOOK) --inventory inventory/vm site.yml $(ARGS)

vm-down: setup ## Stop the guests; their image stays
	$(PLAYBOOK) playbooks/vm_down.yml

test: lint types unit browser integration ## Run every check and test that needs no guest

lint: $(VENV)/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/yamllint --strict .
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/ansible-lint --offline --strict

types: $(VENV)/.dev
	$(BIN)/mypy

test-packages: $(VENV)/.dev
	$(PLAYBOOK) --inventory localhost, tests/packages.yml

unit: test-packages
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal tests/unit

browser: test-packages
	$(BIN)/python -m pytest tests/browser

integration: test-packages
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m "not long and not quiet" tests/integration tests/faults
	$(BIN)/python -m pytest -m "not long and quiet" tests/integration

test-long: test-packages ## Run the long integration tests: known losses, receivers, ratios, build failures
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m "long and not quiet" tests/integration
	$(BIN)/python -m pytest -m "long and quiet" tests/integration

test-faults: test-packages ## Inject each fault into tcpreplay alone and into linerate, and print the table (root)
	$(BIN)/python -m pytest --verbose --tb=short tests/faults --table results/faults.md $(ARGS)

# In parallel: each pair of guests leaves a core idle at times.
test-vm: $(VENV)/.dev ## Set up and restore a fresh guest as a sender; test the EL9 tasks, new kernels and zero-copy
	$(MAKE) --jobs=2 test-vm-sender test-vm-kernels test-vm-zerocopy

test-vm-trials: ## Test netmap faults, known losses and a tuned sender in guests

test-vm-sender test-vm-trials test-vm-kernels test-vm-zerocopy: $(VENV)/.dev
	$(BIN)/python -m pytest --verbose -m $(@:test-vm-%=%) tests/vm $(ARGS)

test-vm-ci: $(VENV)/.dev ## Run the guest tests of CI, with a stand-in for netmap
	LINERATE_TEST_NETMAP=standin $(BIN)/python -m pytest --verbose -m ci tests/vm

bench: $(VENV)/.dev ## Compare our speed with the alternatives, as ratios
	$(BIN)/python bench/pcap.py
	$(BIN)/python bench/report.py
	$(BIN)/python bench/store.py
	$(BIN)/python bench/xdp.py
	$(BIN)/python bench/queues.py
	$(BIN)/python bench/search.py
	$(BIN)/python bench/console.py

readmes: $(VENV)/.run ## Regenerate roles/*/README.md from argument_specs and defaults
	$(BIN)/python tools/role_readmes.py

pictures: $(VENV)/.dev ## Run the embedded lab and make the pictures of the README (root, tmux, Chromium)
	@tools/need-sudo
	$(BIN)/python tools/pictures.py

man: $(VENV)/.dev ## Write the man page, which man finds when .venv/bin is in PATH
	mkdir -p $(VENV)/share/man/man1
	$(BIN)/argparse-manpage --pyfile tools/man_page.py --function parser_with_examples --prog linerate \
		--description "measure what a Linux traffic generator sends and what arrives" --manual-title "User Commands" \
		--project-name linerate --author "The linerate contributors" --format single-commands-section --output $(VENV)/share/man/man1/linerate.1

lock: ## Regenerate the lock files from pyproject.toml
	$(BIN)/pip install --quiet uv==0.13.9
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra dev --output-file requirements-dev.lock pyproject.toml

clean: ## Remove .venv and the caches of the tools; results stay
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .ansible build
