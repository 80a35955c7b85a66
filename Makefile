# Two commands do all on a fresh machine with Python >= 3.11: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Idle learning threads give up their core instead of spinning on it.
export OMP_WAIT_POLICY ?= passive

.PHONY: help demo demo-elastic demo-splunk test docs check unit packages benchmark acceptance lock schema clean

help:
	@echo "make demo           the whole cycle on the embedded SIEM, with a simulated company"
	@echo "make demo-elastic   the same on a real Elasticsearch node and a simulator of Kibana"
	@echo "make demo-splunk    the same over a simulator of Splunk with Enterprise Security"
	@echo "make test           all tests"
	@echo "make docs           the documentation as a site, in build/site"
	@echo "make check          ruff, ruff format, mypy --strict, import-linter"
	@echo "make packages       what a SIEM installs: dist/scoreback-{splunk,elastic}-<version>"
	@echo "make benchmark      speed and memory, as ratios in one run"
	@echo "make acceptance     what is too long for every change: real data, benchmarks"
	@echo "make lock           resolve requirements-dev.in into requirements-dev.lock (needs uv)"

# The product alone: what a user installs.
$(VENV)/product: setup.cfg requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Scoreback needs Python 3.11 or newer; call make with PYTHON=python3.12, say"; exit 1; }
	@test -x $(BIN)/python || echo "Installing Scoreback and its libraries into $(VENV), once: about 620 MB, a minute or two"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements-dev.lock "setuptools>=77"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements-dev.lock \
		--no-build-isolation -e .
	@touch $@

# And what tests and checks need.
$(VENV)/development: $(VENV)/product
	@echo "Installing what tests and checks need into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	@touch $@

demo: $(VENV)/product
	$(BIN)/scoreback demo

# The same on a real Elasticsearch node, which is fetched, started and stopped again, and the
# simulator of Kibana that the tests have.
demo-elastic: $(VENV)/development
	$(BIN)/python -m tests.kibana.demo

# The same over the simulator of splunkd that the tests have.
demo-splunk: $(VENV)/development
	$(BIN)/python -m tests.splunkd.demo

# One Elasticsearch node for the whole run, if this machine has what it needs.
test: $(VENV)/development
	@echo "All tests, on two cores: up to 45 minutes. What a test lacks on this machine is said at the"
	@echo "end, beside each test that is skipped. For work in between: make unit, about 4 minutes."
	$(BIN)/python tests/elasticsearch/node.py --optional -- $(BIN)/pytest -n 2 --dist loadfile -rs

unit: $(VENV)/development
	@echo "Unit and contract tests that need no server, on two cores: about 4 minutes"
	$(BIN)/pytest -n 2 --dist loadfile -m "not server" tests/unit tests/contract

# Strictly: a link that leads nowhere is an error.
docs: $(VENV)/development
	$(BIN)/mkdocs build --strict --quiet

check: $(VENV)/development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=src:benchmarks $(BIN)/mypy --explicit-package-bases benchmarks/*.py
	$(BIN)/lint-imports

# The Splunk app. Its tools pin much, so they have an environment of their own.
.venv-splunk-app/tools: packaging/splunk/requirements.txt
	$(PYTHON) -m venv .venv-splunk-app
	.venv-splunk-app/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# What Splunk's own detections are built with, which our alert rules are compared with.
.venv-splunk-content/tools: packaging/splunk/content-requirements.txt
	$(PYTHON) -m venv .venv-splunk-content
	.venv-splunk-content/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Elastic's own parsers of ES|QL and EQL. They need Python 3.12.
PYTHON312 ?= python3.12
.venv-elastic-content/tools: packaging/elastic/content-requirements.txt
	$(PYTHON312) -m venv .venv-elastic-content
	.venv-elastic-content/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

packages: .venv-splunk-app/tools $(VENV)/product
	.venv-splunk-app/bin/python packaging/splunk/build.py
	$(BIN)/python packaging/elastic/build.py

# Elastic's own check of integration packages; needs Go, and is no part of what is shipped.
build/package-check: packaging/elastic/check/main.go packaging/elastic/check/go.mod packaging/elastic/check/go.sum
	@mkdir -p build
	cd packaging/elastic/check && go build -o ../../../$@ .

benchmark: $(VENV)/development
	$(BIN)/python benchmarks/explaining.py
	$(BIN)/python benchmarks/features.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/native.py
	$(BIN)/python benchmarks/shadow.py
	$(BIN)/python benchmarks/splunk_read.py
	$(BIN)/python benchmarks/splunk_command.py
	$(BIN)/python benchmarks/texts.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/windows.py

acceptance: test benchmark
	.ci/units_on 3.12
	.ci/units_on 3.13
	$(BIN)/python benchmarks/audit.py
	$(BIN)/python benchmarks/budget.py ../shared/data
	$(BIN)/python benchmarks/drift.py
	$(BIN)/python benchmarks/kills.py
	$(BIN)/python benchmarks/noise.py
	$(BIN)/python benchmarks/pipeline.py
	$(BIN)/python benchmarks/real_data.py ../shared/data
	$(BIN)/python benchmarks/quality.py ../shared/data
	$(BIN)/python benchmarks/promises.py ../shared/data
	$(BIN)/python benchmarks/steering.py

schema: $(VENV)/development
	$(BIN)/scoreback validate --schema > examples/detectors/detector.schema.json
	$(BIN)/scoreback validate --tests-schema > examples/detectors/tests.schema.json

lock:
	uv pip compile --universal --python-version 3.11 --no-annotate --no-header \
		--no-emit-package scoreback requirements-dev.in -o requirements-dev.lock

clean:
	rm -rf $(VENV) .venv-* .*_cache .hypothesis build dist
