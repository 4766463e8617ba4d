# What a developer does, one verb each. PYTHON is the interpreter of the environment.
PYTHON ?= .venv/bin/python
BIN = $(dir $(PYTHON))

.PHONY: help develop test quick coverage wheel matrix roads lint format types imports mutants fuzz benchmark benchmark-against sweep ci clean

help:  ## list the verbs
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/:/' | column -t -s ':'

develop:  ## make .venv with everything that development needs
	python3 -m venv .venv
	.venv/bin/pip install -e '.[test,lint,postgres]'

test:  ## run the tests
	$(PYTHON) -m pytest -n auto

quick:  ## run the tests that are not slow
	$(PYTHON) -m pytest -n auto -m 'not slow'

coverage:  ## run the tests and show what no test reaches; below 95 % is a failure
	$(PYTHON) -m pytest -n auto --cov --cov-report=term-missing:skip-covered

wheel:  ## build the wheel and try it outside the tree
	.ci/wheel

matrix:  ## try every supported Python, pip and uv, and the oldest libraries
	.ci/matrix

roads:  ## compare the quick roads with the plain one over 200 random markets
	STOPTRAIL_MARKETS=200 $(PYTHON) -m pytest -q --timeout 0 tests/backtest/test_roads.py

lint:  ## check style
	$(BIN)ruff check
	$(BIN)ruff format --check

format:  ## mend what can be mended
	$(BIN)ruff check --fix
	$(BIN)ruff format

types:  ## check types
	$(BIN)mypy --strict

imports:  ## check that imports point one way
	$(BIN)lint-imports

mutants:  ## plant 300 faults, one at a time, and count those that no test sees (an hour)
	$(PYTHON) -m tests.mutants

fuzz:  ## 5,000 bad inputs of another seed, and the fuzz targets of the readers
	$(PYTHON) -m tests.bad_inputs 5000 20260622
	HYPOTHESIS_PROFILE=fuzz $(PYTHON) -m pytest -q --timeout 0 tests/bad_inputs/test_readers.py

benchmark-against:  ## compare speed and memory with commit REV on the candles of DATA
	$(PYTHON) -m benchmarks.against_revision $(REV) --data $(DATA)

benchmark:  ## measure, and write benchmarks/RESULTS.md
	$(PYTHON) -m benchmarks

sweep:  ## search the grid of strategy.toml
	$(PYTHON) runner.py backtest --sweep

ci:  ## what continuous integration runs
	.ci/run

clean:  ## remove caches, but no results and no state
	rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
