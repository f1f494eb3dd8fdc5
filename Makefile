# driftline: what there is to do here. A bare `make` shows this menu.
#
# Everything is installed into .venv of this checkout, from the versions in constraints.txt.

VENV := .venv
BIN := $(VENV)/bin
# The newest Python that TensorFlow has a release for.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys, venv; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1 \
	&& { echo "$$p"; break; }; done)

.DEFAULT_GOAL := menu
.PHONY: menu demo test lint types test-fast test-faults test-faults-broker fuzz schemas constraints clean

menu:  ## Show this menu
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.demo  ## Watch the whole loop on real data (installs what it needs; then under three minutes)
	$(BIN)/driftline demo $(ARGS)

# Two at once, and which tests those may be: tests/side_by_side.py.
test: $(VENV)/.dev lint types  ## Run every check and test (installs what it needs)
	$(BIN)/python -m pytest -n 2 $(ARGS)

test-fast: $(VENV)/.dev  ## Only the tests that start no broker and train no model
	$(BIN)/python -m pytest tests --ignore=tests/kafka --ignore=tests/e2e --ignore=tests/training --ignore=tests/broker $(ARGS)

test-faults: $(VENV)/.dev  ## Kill services 200 times under a million records and count what is lost (under 20 minutes; build/faults.json)
	$(BIN)/python -m tests.faults $(ARGS)

test-faults-broker: $(VENV)/.dev  ## Brokers that die, restart, answer late or are cut off: every scenario (about 20 minutes; build/faults-broker.jsonl)
	DRIFTLINE_FAULTS=full $(BIN)/python -m pytest tests/faults/broker $(ARGS)

fuzz: $(VENV)/.dev  ## Search for bytes that a decoder reads wrongly (Linux on x86-64; SECONDS=60 for each of three)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'atheris>=3,<4'
	@for kind in features labels predictions; do mkdir -p build/fuzz/$$kind && $(BIN)/python -m tests.fuzz.fuzz_$$kind \
		-max_total_time=$(or $(SECONDS),60) -max_len=8192 -artifact_prefix=build/fuzz/$$kind- \
		build/fuzz/$$kind tests/fuzz/seeds/$$kind || exit 1; done

lint: $(VENV)/.dev  ## Style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## Types
	$(BIN)/mypy

schemas: $(VENV)/.dev  ## Write docs/schemas anew from the records
	$(BIN)/python -m driftline.records.schemas docs/schemas

constraints: $(VENV)/.dev  ## Resolve constraints.txt anew, to the newest versions pyproject.toml allows
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
		--no-header --no-annotate --quiet --upgrade --output-file constraints.txt

clean:  ## Remove what was installed and made here
	rm -rf $(VENV) build driftline-demo .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "driftline needs Python 3.11, 3.12 or 3.13 with the venv module (PYTHON=/path/to/python3 names one)"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing into $(VENV): about 2.2 GB, most of it TensorFlow; a few minutes the first time"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
