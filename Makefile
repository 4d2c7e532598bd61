# Every target first makes .venv when it is missing or older than the lock.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
UV := $(shell command -v uv 2>/dev/null)
# What somebody gives goes to the shell as it stands, through the environment: in a
# recipe it would be read as part of the command.
override DATASET := $(value DATASET)
override MODEL := $(value MODEL)
override PROFILE := $(value PROFILE)
override IMAGE_SIZE := $(value IMAGE_SIZE)
override SETTING := $(value SETTING)
override SETTINGS := $(value SETTINGS)
export DATASET MODEL PROFILE IMAGE_SIZE SETTING SETTINGS

.PHONY: help report test portable check unit lab lint lock notebooks clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(STAMP): requirements.lock pyproject.toml
	@echo "Setting up .venv from requirements.lock ($(if $(UV),uv,pip)) ..."
	@rm -f $@; start=$$(date +%s); set -e; \
	if [ -n "$(UV)" ]; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) .venv; \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock; \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
	  $(PYTHON) -m venv .venv; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	fi; \
	touch $@; echo "Set up in $$(( $$(date +%s) - start )) s."

report: $(STAMP) ## run the experiments and build reports/index.html [DATASET= MODEL= PROFILE= IMAGE_SIZE= OPTIONS=]
	@$(BIN)/happymaps report $${DATASET:+--dataset "$$DATASET"} $${MODEL:+--model "$$MODEL"} \
	  $${PROFILE:+--profile "$$PROFILE"} $${IMAGE_SIZE:+--image-size "$$IMAGE_SIZE"} $(OPTIONS)

test: $(STAMP) lint unit ## lint, unit tests, and nbval on the committed notebooks [SETTING=, as of portable]
	@echo "Comparing the committed notebooks with a fresh run (nbval) ..."
	@$(BIN)/python -m $(if $(SETTING),happymaps_runs.portable --due --settings "$$SETTING",pytest --nbval --due notebooks experiments -n 2 --dist loadfile -q)

portable: $(STAMP) ## nbval as on other processors, and the cells that differ [NOTEBOOKS= SETTINGS=]
	@$(BIN)/python -m happymaps_runs.portable --settings "$$SETTINGS" $(NOTEBOOKS)

check: $(STAMP) lint ## a minute: lint, rules, and the tests of the rooms that the change touches
	@$(BIN)/python -m pytest $$($(BIN)/python tests/touched_rooms.py) -n 2 --dist worksteal -q -p no:nbval

unit: $(STAMP) ## all tests but the comparison of the notebooks
	@echo "Unit tests ..."
	@$(BIN)/python -m pytest tests -n auto --dist loadfile --no-loadscope-reorder -q -p no:nbval

lab: $(STAMP) ## open JupyterLab on the repository, set up as .jupyter/ says [LAB_OPTIONS=]
	@JUPYTER_PREFER_ENV_PATH=1 JUPYTER_CONFIG_PATH="$(CURDIR)/.jupyter" \
	  JUPYTER_PATH="$(CURDIR)/.jupyter" $(BIN)/jupyter lab $(LAB_OPTIONS)

lint: $(STAMP) ## ruff: rules and format, notebooks too
	@echo "Lint ..."
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check .

lock: ## resolve the newest versions into requirements.lock and constraints.txt (needs uv)
	@uv pip compile pyproject.toml --extra pretrained --extra test --universal \
	  --python-version 3.11 --upgrade --generate-hashes --no-header --no-annotate \
	  --no-emit-index-url -q -o requirements.lock
	@uv pip compile pyproject.toml --extra pretrained --extra test --universal \
	  --python-version 3.11 --no-header --no-annotate --no-emit-index-url -q \
	  -o constraints.txt --constraint requirements.lock

notebooks: $(STAMP) ## execute the committed notebooks in place, as nbval will compare them
	@$(BIN)/happymaps refresh $(NOTEBOOKS)

clean: ## remove .venv, reports and caches (downloaded data stays)
	@rm -rf .venv reports build lib/*.egg-info .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +
