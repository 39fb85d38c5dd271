# make quickstart   install into .venv and run the whole workflow on a synthetic sample
# make test         install what tests need and run them all
# make neo4j        fetch and run a Neo4j server without Docker (Java 17 or 21, Maven); Ctrl-C stops it
# make install      .venv/bin/patentcl with everything that users have
# make check        formatting, lint, types, and links of the documentation
# make docs         the documentation, in build/site
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# faiss-gpu and faiss-cpu share one module name and exclude each other
FAISS ?= $(shell nvidia-smi -L >/dev/null 2>&1 && echo gpu || echo cpu)

# Where it is set, every command would compile the whole of PyTorch again.
unexport PYTHONDONTWRITEBYTECODE

# uv, which pip fetches, installs in a fraction of pip's time; UV= does without it
UV ?= uv
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
define install
@if test -n "$(UV)" && { $(BIN)/python -m uv --version || $(PIP) $(UV); } >/dev/null 2>&1 && \
	$(BIN)/python -m uv pip install --quiet --native-tls \
		--python $(BIN)/python --editable ".[$(EXTRAS)]"; \
then :; else $(PIP) --editable ".[$(EXTRAS)]"; fi
@touch $@
endef

.PHONY: install quickstart test check docs clean neo4j

install: $(VENV)/.installed

# What draws maps is compiled once, in a minute or two: while the first stages run.
compile := import numpy; from patentcl.maps import cluster, project; \
	cluster(project(numpy.random.default_rng(0).normal(size=(600, 32)).astype("f4")))

quickstart: install
	@test -e artifacts/quickstart/reports/map || { nice $(BIN)/python -c '$(compile)' & compiling=$$!; }; \
	$(BIN)/patentcl run quickstart; status=$$?; kill $$compiling 2>/dev/null; exit $$status

test: $(VENV)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

neo4j: $(VENV)/.installed-neo4j
	$(BIN)/patentcl neo4j artifacts/neo4j

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check patentcl tests benchmarks
	$(BIN)/ruff check patentcl tests benchmarks
	$(BIN)/mypy
	$(docs)

define docs
NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
endef

docs: $(VENV)/.installed-dev
	$(docs)

clean:
	rm -rf $(VENV) artifacts build dist *.egg-info

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "patentcl needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: EXTRAS = $(FAISS),minilm
$(VENV)/.installed: $(BIN)/python pyproject.toml
	$(install)

$(VENV)/.installed-neo4j: EXTRAS = $(FAISS),minilm,neo4j
$(VENV)/.installed-neo4j: $(VENV)/.installed
	$(install)

$(VENV)/.installed-dev: EXTRAS = $(FAISS),minilm,neo4j,dev
$(VENV)/.installed-dev: $(VENV)/.installed
	$(install)
