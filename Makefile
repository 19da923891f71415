# make run    the dashboard on http://127.0.0.1:8501 (make run PORT=8600 for another port)
# make test   lint, format, types and all tests, the browser's too
#
# Both make .venv first and install what is pinned; both do nothing twice. Every path is relative to
# this file, so that a checkout may lie in a folder with spaces in its name.

PYTHON ?= python3
PORT ?= 8501
VENV := .venv/bin/python

# Where a machine forbids Python to keep what it compiled, each process would compile torch anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: run test install install-dev venv

run: install
	@$(VENV) -m radar_core dashboard --port '$(PORT)'

test: install-dev
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	$(VENV) -m pytest --numprocesses 2 --timeout 300

# What was installed last is kept beside the packages: pip runs only when the pins differ from it.
install: venv
	@cmp -s requirements.txt .venv/installed.txt || { \
	  echo "Installing RADAR's packages into .venv; the first time takes some minutes." && \
	  $(VENV) -m pip install --disable-pip-version-check --no-compile -r requirements.txt && \
	  cp requirements.txt .venv/installed.txt; }

install-dev: install
	@cat requirements.txt requirements-dev.txt | cmp -s - .venv/installed-dev.txt || { \
	  echo "Installing what the tests need into .venv." && \
	  $(VENV) -m pip install --disable-pip-version-check --no-compile -r requirements-dev.txt && \
	  cat requirements.txt requirements-dev.txt > .venv/installed-dev.txt; }

# A .venv without a working pip (an interrupted start, a Python that has gone) is made anew.
venv:
	@$(VENV) -c 'import pip' 2>/dev/null || { \
	  found=$$("$(PYTHON)" --version 2>&1) || found="not there"; \
	  "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	    echo "RADAR needs Python 3.11 or newer, and $(PYTHON) is $$found;" \
	      "install one and name it: make run PYTHON=python3.12" >&2; \
	    exit 1; }; \
	  echo "Making .venv with $$found." && \
	  "$(PYTHON)" -m venv --clear .venv; }
