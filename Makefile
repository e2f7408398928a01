# Every target does the set-up that it needs; completed steps are not repeated.
#
#   make install   .venv with eventkeep, all its extras and the development tools
#   make demo      a real server, 69,659 real purchases imported, and read back
#   make test      the whole test suite, several files at a time (JOBS); ARGS="-k cursor" narrows it
#   make lint      formatting, lint rules, strict types, and whether the sync client is made from the async one
#   make bench     the benchmarks
#   make wheel     a manylinux wheel with the compiled reader, and a source distribution, in dist/
#   make docs      the documentation as a site, in .cache/site (make docs-serve reloads it while you write)
#   make reference the pages of docs/reference, made anew from the code
#   make clean     removes the output of the targets above

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIENTS := 7.0.0 9.0.0 25.0.0
CLIENT_STAMPS := $(CLIENTS:%=.cache/clients/%/.installed)
PROGRAMS := celery klaviyo-cli tap-klaviyo
PROGRAM_STAMPS := $(PROGRAMS:%=.cache/programs/%/.installed)
ARGS ?=
# Test files that run at the same time: tests wait more than they compute. A narrowed run starts sooner in one process.
JOBS ?= $(if $(ARGS),0,3)

# The temporary files of the tests are in memory if there is room: thousands of tests would wait for a disk otherwise.
TEST_TMPDIR ?= $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 8000000 { print "/dev/shm" }')

.DEFAULT_GOAL := install
.DELETE_ON_ERROR:
.PHONY: install compile demo test lint format bench wheel docs docs-serve reference clean

install: $(VENV)/.installed

# Without the development tools, which are five times as large: enough to run eventkeep.
$(VENV)/.installed-server: pyproject.toml constraints.txt hatch_build.py $(wildcard src/eventkeep/native/*.[ch])
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "eventkeep needs Python 3.11 or newer; '$(PYTHON)' is older. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[server]'
	@$(BIN)/python -c 'from eventkeep.native.library import is_built; is_built() or print("There is no C compiler: \
	eventkeep works without its compiled reader, at about half of its rate. To get it, install gcc and run: make clean install")'
	@touch $@

$(VENV)/.installed: $(VENV)/.installed-server
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[server,dev,docs]'
	@touch $@

# If Python may not write compiled files (PYTHONDONTWRITEBYTECODE), as in many containers, each of the hundreds of
# processes of a test run would compile the whole product again, which is a fifth of a start.
compile: install
	@$(BIN)/python -m compileall -q src

# The official clients need different versions of pydantic, so each has an environment of its own.
.cache/clients/%/.installed: tests/contract/clients/%.txt
	$(PYTHON) -m venv .cache/clients/$*
	.cache/clients/$*/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# The official client for Node.js, with which a test of the stand-in's faults runs if it is there.
.PHONY: node-client
node-client:
	npm install --silent --no-audit --no-fund --prefix .cache/node-client klaviyo-api@23.0.0

# Programs of others, each with what it was tested with.
.cache/programs/%/.installed: tests/contract/programs/%.txt
	$(PYTHON) -m venv .cache/programs/$*
	.cache/programs/$*/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

demo: $(VENV)/.installed-server
	@$(BIN)/python -m compileall -q src
	$(BIN)/python examples/demo.py

test: compile $(CLIENT_STAMPS) $(PROGRAM_STAMPS)
	$(if $(TEST_TMPDIR),TMPDIR=$(TEST_TMPDIR)) $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/async_to_sync.py --check
	$(BIN)/python -m tools.reference_pages --check

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.installed-bench compile
	$(BIN)/python -m bench $(ARGS)

$(VENV)/.installed-bench: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	@touch $@

.cache/packaging/.installed: tools/packaging.txt
	$(PYTHON) -m venv .cache/packaging
	.cache/packaging/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# auditwheel names the oldest glibc that the compiled reader runs with, by the symbols that it uses, and fails without one.
wheel: .cache/packaging/.installed
	rm -rf dist .cache/packaging/dist
	.cache/packaging/bin/python -m build --outdir .cache/packaging/dist .
	PATH=$(CURDIR)/.cache/packaging/bin:$$PATH auditwheel repair --wheel-dir dist .cache/packaging/dist/*-linux_*.whl
	cp .cache/packaging/dist/*.tar.gz dist
	.cache/packaging/bin/twine check --strict dist/*

# NO_MKDOCS_2_WARNING: otherwise the theme advertises its successor on every build.
docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The pages of docs/reference that follow from the code.
reference: install
	$(BIN)/python -m tools.reference_pages

docs-serve: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

clean:
	rm -rf $(VENV) .cache dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
