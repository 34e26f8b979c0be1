# stridor: `make` lists what there is to do.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
# DVC runs the stages with the first `python` on the PATH.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
# Packages and code come from .venv alone.
unexport PYTHONHOME PYTHONPATH

# These count on the command line only: a shell has a NAME or a MACHINE for other reasons. Recipes get them as
# variables of the shell, which takes any character.
OPTIONS := DATASET DETECTORS FORCE FROM GROUND_TRUTH JOBS MACHINE MACHINES NAME PORT SEEDS SETS TRIALS
$(foreach option,$(OPTIONS),$(if $(filter command,$(origin $(option))),,$(eval override $(option) :=)))
export $(OPTIONS)

READY := $(VENV)/.ready
# The scripts of an environment name it by its absolute path: one that was moved or copied runs the code of another
# folder, or none; a link was set on purpose. One of another Python than the one asked for will not do either.
FOREIGN := $(shell test -L $(VENV) || test ! -e $(VENV)/bin/stridor || grep -qF '$(CURDIR)/$(VENV)/bin/' $(VENV)/bin/stridor || echo yes)
ifeq ($(origin PYTHON),command line)
FOREIGN += $(shell test ! -x $(VENV)/bin/python || test "$$($(VENV)/bin/python -V)" = "$$($(PYTHON) -V)" || echo yes)
endif
FOREIGN := $(strip $(FOREIGN))
# What an environment is made with, or was.
BASE := $(if $(FOREIGN),$(PYTHON),$(if $(wildcard $(VENV)/bin/python),$(VENV)/bin/python,$(PYTHON)))

.PHONY: help setup data checkpoint profile plan repro serve test test-quick test-hard coverage lint docs bench ui tune tune-apply sweep select table submission register clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## */\1\t/' | while IFS=$$'\t' read -r target text; do printf '  make %-10s %s\n' "$$target" "$$text"; done

setup: $(READY)  ## create the environment from requirements.lock and the MLflow store, and put clips into data/
	stridor data ready || echo 'stridor: the environment is ready; data/ is not, for the reason above.' >&2

$(READY): requirements.lock pyproject.toml $(if $(FOREIGN),foreign)
	@command -v $(BASE) > /dev/null || { echo 'stridor: there is no $(BASE); name a Python 3.11 to 3.14 by PYTHON=...' >&2; exit 2; }
	@$(BASE) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v <= (3, 14) else "stridor: Python 3.11 to 3.14 is needed, %s is %d.%d; name another by PYTHON=..." % ((sys.argv[1],) + v))' $(BASE)
	$(if $(FOREIGN),,test -x $(VENV)/bin/pip ||) $(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(VENV)/bin/stridor store create
	$(if $(FOREIGN),env -u MLFLOW_TRACKING_URI $(VENV)/bin/stridor store relocate)
	touch $@

.PHONY: foreign
foreign:
	@echo 'stridor: $(VENV) belongs to another folder or Python and is made anew.'

# DATASET=dcase2025 downloads the real recordings; SETS, MACHINES and GROUND_TRUTH narrow and name them.
DOWNLOAD = stridor data dcase --year "$${DATASET\#dcase}" $${SETS:+--set "$$SETS"} \
	$${MACHINES:+--machines "$$MACHINES"} $${GROUND_TRUTH:+--ground-truth "$$GROUND_TRUTH"}

data: $(READY)  ## put clips into data/: those of data.dvc (the demo is synthesised), or DATASET=dcase2025
	$(if $(DATASET),$(DOWNLOAD),stridor data ready)

checkpoint: $(READY)  ## fetch a published checkpoint: make checkpoint [NAME=mn04_as_mAP_432] [FROM=file downloaded by hand]
	stridor checkpoint fetch $${NAME:+"$$NAME"} $${FROM:+--from "$$FROM"}

profile: $(READY)  ## switch params.yaml to another set of values: make profile NAME=paper (or dcase2025, demo)
	@test -n "$$NAME" || { echo 'stridor: name a profile: make profile NAME=paper' >&2; exit 2; }
	stridor profile "$$NAME"

plan: data  ## estimate how long the run will take on this machine
	stridor plan

repro: data  ## run the whole pipeline, detectors in parallel; later calls run what changed
	stridor repro $${JOBS:+--jobs "$$JOBS"}

# A file's tests stay together: they share what takes long to set up. Slow files come first (tests/conftest.py).
PYTEST := pytest -q --numprocesses 2 --dist loadfile --no-loadscope-reorder

test: $(READY)  ## run all tests
	$(PYTEST)

test-quick: $(READY)  ## run the tests that take no more than a second each, in two minutes
	$(PYTEST) -m 'not slow'

test-hard: $(READY)  ## run the tests by machine, in up to an hour: kills, full disks, long use, a container's steps
	pytest -q --numprocesses 2 --dist loadfile --no-loadscope-reorder tests/hard

coverage: $(READY)  ## run all tests and print which share of the lines they reach
	$(PYTEST) --cov=stridor --cov-report=term

lint: $(READY)  ## check style and types
	ruff check src tests benchmarks pretrained
	ruff format --check src tests benchmarks pretrained
	mypy

docs: $(VENV)/.docs  ## build the site of the documents in build/docs/; warnings and broken internal links fail
	sphinx-build -E -W --keep-going --quiet -b html -c docs . build/docs
	@echo 'Open build/docs/index.html'

$(VENV)/.docs: $(READY)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[docs]'
	touch $@

bench: $(READY)  ## run the benchmarks: make bench [ONLY="encoder startup"] [SAVE=1]
	python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(SAVE),--save)

serve: $(READY)  ## serve a registered detector: make serve MACHINE=valve [PORT=8080]
	@test -n "$$MACHINE" || { echo 'stridor: name a detector: make serve MACHINE=valve' >&2; exit 2; }
	mlflow models serve -m "models:/stridor-$$MACHINE@champion" --env-manager local -p $${PORT:-8080}

ui: $(READY)  ## serve the MLflow pages on http://127.0.0.1:5000
	stridor store check
	@echo 'Open http://127.0.0.1:5000/#/experiments?workflowType=machine_learning (Ctrl-C ends it).'
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false mlflow ui --workers 1

tune: data  ## search learning rate and noise SNR: make tune MACHINE=valve [TRIALS=20] [JOBS=1]
	@test -n "$$MACHINE" || { echo 'stridor: name a machine: make tune MACHINE=valve' >&2; exit 2; }
	stridor tune --machine "$$MACHINE" $${TRIALS:+--trials "$$TRIALS"} $${JOBS:+--jobs "$$JOBS"}

tune-apply: $(READY)  ## write the best values of that study to params.yaml: make tune-apply MACHINE=valve [FORCE=1]
	@test -n "$$MACHINE" || { echo 'stridor: name a machine: make tune-apply MACHINE=valve' >&2; exit 2; }
	stridor tune --machine "$$MACHINE" --trials 0 --apply $${FORCE:+--force}

sweep: data  ## compare scoring options: make sweep [DETECTORS="fan valve"]
	dvc repro $(if $(DETECTORS),$(DETECTORS:%=experiments/sweep/dvc.yaml:pool@%),experiments/sweep/dvc.yaml)
	$(if $(DETECTORS),stridor sweep $(DETECTORS))

select: data  ## rank ways to score by injected faults, without labels: make select [DETECTORS="fan valve"]
	stridor select $(DETECTORS)

table: data  ## compare all systems and variants: make table [SEEDS=4] [JOBS=2]
	stridor table $${SEEDS:+--seeds "$$SEEDS"} $${JOBS:+--jobs "$$JOBS"}

submission: data  ## official result files, labels or not: make submission [NAME=...]
	dvc repro --glob 'index@*' 'autoencoder@*'
	stridor submission $${NAME:+--name "$$NAME"}

register: $(READY)  ## put every trained detector into the model registry (again)
	stridor register

clean:  ## remove the environment and what the pipeline wrote; keeps data/, mlruns/ and mlflow.db
	rm -rf $(VENV) artifacts experiments/table/artifacts experiments/table/results experiments/sweep/pooled results/*/scores results/*/figures build .pytest_cache .ruff_cache .mypy_cache .coverage src/*.egg-info
