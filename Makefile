# make run    set up, run the whole graph on the sample data, show the mastery table, back up if a drive is set
# make test   set up, run the test suite
# make lint   ruff and mypy
# Both set up first, so either works first on a fresh machine with Python 3.11, git, make and gcc.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Stages call `python`, which must be the environment's own.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
export GX_ANALYTICS_ENABLED := false
export HF_HUB_DISABLE_TELEMETRY := 1

# Without an NVIDIA driver, torch's CPU build: a tenth of the download. Where that index cannot be reached, pip
# takes whatever build of the same version it finds.
TORCH := torch==2.13.0
TORCH_INDEX := $(if $(shell command -v nvidia-smi),,--retries 1 --extra-index-url https://download.pytorch.org/whl/cpu)

.PHONY: run test test-slow test-gpu lint format benchmarks lock clean
.DEFAULT_GOAL := run

$(VENV)/.ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Bluebook needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps $(TORCH_INDEX) $(TORCH)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

run: $(VENV)/.ready
	dvc repro
	bluebook status
	bluebook backup milestone

# A worker for each core, and in each one thread: torch's own threads would wait for one another.
test: $(VENV)/.ready
	OMP_NUM_THREADS=1 pytest --numprocesses auto --dist loadfile -m "not slow and not gpu"

test-slow: $(VENV)/.ready
	pytest -m slow

test-gpu: $(VENV)/.ready
	pytest -m gpu

lint: $(VENV)/.ready
	ruff check .
	ruff format --check .
	mypy

format: $(VENV)/.ready
	ruff check --fix .
	ruff format .

benchmarks: $(VENV)/.ready
	for script in benchmarks/*.py; do echo "== $$script"; python $$script || exit 1; done

# After changing pyproject.toml: resolve afresh, then commit the new lock file.
lock: $(VENV)/.ready
	pip install --quiet --upgrade --editable .[test] $(TORCH)
	pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock

clean:
	rm -rf $(VENV) logs reports
