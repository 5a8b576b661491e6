# make demo   a published derivation beside minigrad, closed forms and finite differences
# make test   the tests
# make test-all  these, tables over every op, campaigns, and a browser, too
# make test-share  a twelfth of these and of the campaign, beside PyTorch; WORD=any draws another
# make examples  every example at a small setting
# make lint   style and types
# make pictures  draw docs/pictures anew, with the system's Graphviz or one from pip
# make docs   the documentation site, in build/site
# make matrix the tests of the ops, on every Python that is found and on the oldest NumPy
# make release  build, check, install in a clean environment, try it
# make bench  speed, next to the peers that are installed (make bench-peers installs them)
# make clean  remove what the others made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo examples pictures docs test test-all test-share matrix lint release bench bench-peers clean
.NOTPARALLEL:

help:
	@sed '/^$$/q; s/^# //' Makefile

demo: $(VENV)/.core
	$(BIN)/python examples/backprop_step_by_step.py

pictures: $(if $(shell command -v dot),$(VENV)/.core,$(VENV)/.viz)
	$(BIN)/python examples/draw_backprop.py --to docs/pictures --no-pages

examples: $(VENV)/.examples
	.ci/examples $(BIN)/python

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 -m "not full"

test-all: $(VENV)/.test
	$(BIN)/python -m pytest -n 2

test-share: $(VENV)/.peers
	.ci/share $(BIN)/python $(WORD)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict minigrad tests/typed_program.py

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/site
	@chromium --headless --no-sandbox --print-to-pdf=build/site/cheat_sheet.pdf \
		file://$(CURDIR)/build/site/cheat_sheet.html >/dev/null 2>&1 || echo "no chromium: no PDF of the cheat sheet"
	$(BIN)/python docs/check.py build/site
	@echo build/site/index.html

matrix:
	tests/matrix "$(PYTHON)"

release: $(VENV)/.test
	rm -rf dist build/clean
	$(PIP) build twine
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	"$(PYTHON)" -m venv build/clean
	build/clean/bin/pip install --quiet --disable-pip-version-check dist/*.whl
	cd build/clean && bin/python -I -c "import minigrad as mg; print(mg.__version__, mg.grad(mg.tanh)(0.5))"
	@echo "dist/ holds what can be uploaded"

bench: $(VENV)/.core
	$(BIN)/python -m benchmarks

bench-peers: $(VENV)/.bench

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp says that the environment holds what pyproject.toml asks for.

$(BIN)/python:
	@command -v "$(PYTHON)" >/dev/null || \
		{ echo "'$(PYTHON)' is not found: install Python 3.11 or newer, or name it, make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "minigrad needs Python 3.11 or newer, and '$(PYTHON)' is $$("$(PYTHON)" -V 2>&1): name another one, make PYTHON=python3.11" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.core: pyproject.toml | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(PIP) -e ".[test]"
	@touch $@ $(VENV)/.core

# The peer is large, and is not to be had everywhere: the tests beside it skip then.
$(VENV)/.peers: pyproject.toml | $(VENV)/.test
	$(PIP) --retries 1 -e ".[peers]" && touch $@ || echo "no PyTorch was installed"

$(VENV)/.examples: pyproject.toml | $(BIN)/python
	$(PIP) -e ".[test,examples]"
	@touch $@ $(VENV)/.core $(VENV)/.test

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(PIP) -e ".[docs]"
	$(PIP) --retries 1 -e ".[docs,lite]" || echo "no JupyterLite was installed: pages have no cells to try"
	@touch $@ $(VENV)/.core

$(VENV)/.viz: pyproject.toml | $(BIN)/python
	$(PIP) -e ".[viz]"
	@touch $@ $(VENV)/.core

$(VENV)/.bench: pyproject.toml | $(BIN)/python
	$(PIP) -e ".[bench]"
	@touch $@ $(VENV)/.core
