# The course from a fresh machine. Needed: Python 3.11 to 3.13, make, and an index of Python packages.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

PYTHON ?=
PORT ?=
ARGS ?=
TORCH_INDEX ?=

BIN := .venv/bin
READY := .venv/.ready
EXTRAS := torch,nbgrader,dev
AUTOGRADER_EXTRAS := dask,postgresql

# .ready holds the folder that .venv was made for: one that was moved, or whose Python is gone, is made again.
ifneq ($(shell $(BIN)/python -c "" 2>/dev/null && cat $(READY) 2>/dev/null),$(CURDIR))
.PHONY: $(READY)
endif

.PHONY: help
help:  ## This list.
	@echo "usage: make TARGET [PORT=8899] [ARGS=--no-browser] [PYTHON=python3.12] [TORCH_INDEX=https://...]"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: setup
setup: $(READY)  ## Make .venv and install everything (the other targets do it by themselves).

.PHONY: lab
lab: $(READY)  ## Copy the lectures to workspace/ and open JupyterLab there.
	@$(BIN)/edf-course lab --dir workspace $(if $(PORT),--port $(PORT)) $(ARGS)

.PHONY: test
test: lint  ## Set up, lint, check types and imports, and run every test.
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

.PHONY: lint
lint: $(READY)  ## Check style, types and who imports whom.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(READY)  ## Put the code into its standard form.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: lectures
lectures: $(READY)  ## Build lectures/ from solutions/.
	$(BIN)/edf-course release $(ARGS)

.PHONY: grade
grade: $(READY)  ## Grade the sample class into workspace/course/ and print its table.
	$(BIN)/edf-course grade $(ARGS)

.PHONY: grade-dask
grade-dask: $(READY)  ## The same on a Dask cluster: a scheduler and two workers of this machine, for this once.
	$(BIN)/python -m autograder.classroom.cluster $(ARGS)

.PHONY: formgrader
formgrader: $(READY)  ## Open nbgrader's formgrader, for instructors.
	@$(BIN)/edf-course formgrader $(if $(PORT),--port $(PORT)) $(ARGS)

.PHONY: bench
bench: $(READY)  ## Measure speed and memory, and print the table.
	$(BIN)/python -m tests.benchmarks $(ARGS)

.PHONY: constraints
constraints: $(READY)  ## Choose the newest versions of all packages and pin them in constraints.txt.
	rm -rf build/pins
	$(BIN)/python -m venv build/pins
	build/pins/bin/python -m pip install torch==2.13.0 -e '.[$(EXTRAS)]' -e 'autograder[$(AUTOGRADER_EXTRAS)]'
	{ sed '/^[^#]/,$$d' constraints.txt; build/pins/bin/python -m pip freeze --all --exclude-editable \
	  | sed -E '/^(pip|cuda-|nvidia-|triton)/d; s/\+.*//'; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

.PHONY: clean
clean:  ## Remove build/ and caches. workspace/ and .venv stay.
	rm -rf build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name .venv -prune -o -name workspace -prune -o -name __pycache__ -type d -exec rm -rf {} +

# While it is being changed .ready is called .stale. So a set-up that was cut off begins anew, one that failed (without
# a network, say) leaves the old state to work with, and one after a change of pins only installs what changed.
$(READY): pyproject.toml autograder/pyproject.toml constraints.txt
	@if [ -n "$(PYTHON)" ]; then set -- "$(PYTHON)"; else set -- python3 python3.13 python3.12 python3.11; fi; \
	for python in "$$@"; do \
	  "$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && break; \
	  python=; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "The course needs Python 3.11, 3.12 or 3.13, and none was found (tried: $$*). Install one, or name yours: make PYTHON=/path/to/python3.12" >&2; \
	  exit 1; \
	fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$python cannot make virtual environments: install its venv module (Debian, Ubuntu: apt install python3-venv), then run make again." >&2; \
	  exit 1; \
	fi; \
	if [ "$$(cat $@ 2>/dev/null)" = "$(CURDIR)" ] && $(BIN)/python -c '' 2>/dev/null; then \
	  mv $@ .venv/.stale; \
	else \
	  echo "Making .venv; this takes some minutes the first time."; \
	  "$$python" -m venv --clear .venv || exit 1; \
	fi; \
	{ $(BIN)/python -m pip install -q -c constraints.txt hatchling setuptools && \
	  { [ -z "$(TORCH_INDEX)" ] || $(BIN)/python -m pip install --no-deps -c constraints.txt --index-url "$(TORCH_INDEX)" torch; } && \
	  $(BIN)/python -m pip install -c constraints.txt --no-build-isolation -e '.[$(EXTRAS)]' -e 'autograder[$(AUTOGRADER_EXTRAS)]'; \
	} || { \
	  [ ! -e .venv/.stale ] || mv .venv/.stale $@; \
	  echo "Setting up failed; the lines above say why. Run make again when that is put right." >&2; \
	  exit 1; \
	}; \
	echo "$(CURDIR)" > $@; rm -f .venv/.stale
