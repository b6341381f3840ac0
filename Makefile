# make run           the window; without a display, the sample pictures in the terminal
# make test          ruff, mypy, import-linter, pytest
# make test-display  only the tests on an X server, which they start themselves
# make screenshots   the window in all its states, to build/screenshots
# make benchmark-app smoothness while reading, and time to the window and to the first reading
# make draw-test     twenty drawings with the mouse: equal to the terminal's reading, and time from pen-up to LaTeX
# make kill-test     200 kills at random moments: nothing finished may be lost
# make offline-test  the whole app without a network, and under strace: no socket but local ones (Linux)
# make bundle        one program to double-click, in build/bundle, made in an environment of its own (.venv-bundle);
#                    on Windows too, in Git's bash: make bundle PYTHON=python
# make bundle-test   tries it: read-only, as nobody, without Python and network; the .deb installed and taken away (Linux)
# make clean         forget the virtual environments
#
# They set up .venv by themselves (Linux, macOS; Python 3.11 or newer). The pip lines they stand for are in the README.
# On Linux, PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu spares the tests the gigabytes of CUDA.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
BUNDLE_VENV ?= .venv-bundle
BUNDLE_FLAGS ?=
BUNDLE_BIN := $(BUNDLE_VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
SAMPLES := $(sort $(wildcard resources/samples/*.png resources/samples/*.jpg))

.PHONY: run test test-display screenshots benchmark-app draw-test kill-test offline-test bundle bundle-test lint clean

run: $(VENV)/.installed-base
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; then $(BIN)/formulens; else \
	  echo "formulens recognize resources/samples/*.png resources/samples/*.jpg"; \
	  $(BIN)/formulens recognize $(SAMPLES); fi

test: $(VENV)/.installed-test lint
	$(BIN)/python -m pytest -n auto --dist loadfile --durations 10

test-display: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m display

screenshots: $(VENV)/.installed-test
	$(BIN)/python -m tests.checks.screenshots --out build/screenshots

benchmark-app: $(VENV)/.installed-test
	$(BIN)/python -m tests.checks.benchmark_app

draw-test: $(VENV)/.installed-test
	$(BIN)/python -m tests.checks.draw

kill-test: $(VENV)/.installed-test
	$(BIN)/python -m tests.checks.kill --times 200

offline-test: $(VENV)/.installed-test
	$(BIN)/python -m tests.checks.offline

bundle: $(BUNDLE_VENV)/.installed
	$(BUNDLE_BIN)/python -m build_spec.build $(BUNDLE_FLAGS)

bundle-test: $(VENV)/.installed-test
	$(BIN)/python -m tests.checks.bundle

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) $(BUNDLE_VENV)

# Without Debian's python3-venv half an environment is left: it must not pass for a whole one the next time.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Formulens needs Python 3.11 or newer; name one: make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -f $@; exit 1; }

$(VENV)/.installed-base: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable .
	@touch $@

$(VENV)/.installed-test: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.installed-base

# Only what the lock names: --no-deps lets nothing else in, and `pip check` sees that nothing is missing.
$(BUNDLE_VENV)/.installed: pyproject.toml build_spec/lock.txt
	rm -rf $(BUNDLE_VENV)
	$(PYTHON) -m venv $(BUNDLE_VENV)
	$(BUNDLE_BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r build_spec/lock.txt
	$(BUNDLE_BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(BUNDLE_BIN)/python -m pip check
	@touch $@
