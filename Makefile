# What a person types. Everything is installed into .venv from requirements.lock, pinned with hashes.
.DEFAULT_GOAL := help
.PHONY: help demo next-day dev aws-demo aws-stop test check format bench lock clean

PORT ?= 3000
# The first Python on the path that is 3.11, 3.12 or 3.13.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(SUITABLE)' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
DEPLOYMENT ?= embedded
ON_embedded :=
ON_aws := SEGMENT_ASSETS_HOME=.home/aws $(BIN)/python -m segment_assets_tests.aws_double
ON = $(if $(filter embedded aws,$(DEPLOYMENT)),$(ON_$(DEPLOYMENT)),$(error DEPLOYMENT=$(DEPLOYMENT): it is embedded or aws))

help: ## what can be typed
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(READY) ## replay a year of a real grocer's data and build everything (again: only what changed)
	@$(BIN)/segment-assets demo

next-day: $(READY) ## drop the next day of data into the landing place (DEPLOYMENT=aws: through a Firehose stream)
	@$(ON) $(BIN)/segment-assets next-day

dev: $(READY) ## open the Dagster UI on the same instance (PORT=3000, DEPLOYMENT=embedded or aws)
	@$(ON) $(BIN)/segment-assets dev --port $(PORT)

aws-demo: $(READY) ## the whole demo with the AWS adapters, on a double of AWS on this machine
	@$(ON_aws) $(BIN)/segment-assets aws apply
	@$(ON_aws) $(BIN)/segment-assets demo

aws-stop: $(READY) ## stop that double; what it holds is gone
	@$(ON_aws) stop

test: $(READY) ## run every test
	@$(BIN)/python -m pytest

check: $(READY) ## lint, formatting, types, import contracts, definitions, mutations of the query checker
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/segment-assets validate
	@$(BIN)/python -m segment_assets_tests.clean_room.mutations

format: $(READY) ## mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY) ## time and peak memory of each step at two sizes; ingest, sensor and clean room beside their peers
	@$(BIN)/python -m benchmarks

COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --no-strip-extras \
  --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q

lock: $(READY) ## renew requirements.lock, and of its packages those of the image in deploy/ (needs uv)
	@$(COMPILE) --all-extras -o requirements.lock
	@$(COMPILE) --extra aws --extra build --no-annotate -c requirements.lock -o deploy/requirements.lock

clean: ## remove everything that was built: .venv and .home
	@rm -rf .venv .home

# The lock names every package, so nothing is resolved; the last step makes this folder the installed package.
$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed, and none is on the path."; exit 1; }
	@echo "Installing into .venv with $(PYTHON); this takes a minute or two, once."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
