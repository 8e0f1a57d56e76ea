# Two commands: `make run` shows Gardoon at work on real purchase data, `make test` proves it. Everything generated is in var/.
PYTHON ?= python3
PORT ?= 8000
SECONDS ?= 300
UV := $(or $(shell command -v uv),.tools/bin/uv)
BIN := .venv/bin
export UV_COMPILE_BYTECODE ?= 1
export MLFLOW_DISABLE_TELEMETRY = true
export FEAST_USAGE = False
unexport PYTHONDONTWRITEBYTECODE # tests start a hundred Pythons, each of which would compile what it imports anew

.PHONY: run test test-fast engines check bench soak format lock clean

run: .venv/run.stamp ## set up, prepare data and models, answer on port $(PORT); Ctrl-C stops it
	$(BIN)/python -m training prepare
	@exec $(BIN)/python -m service run --port $(PORT)

test: .venv/dev.stamp .tools/engines/stamp ## every test, on the real parts
	JDK_JAVA_OPTIONS="-XX:TieredStopAtLevel=1 -XX:+UseSerialGC" $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

engines: .venv/dev.stamp .tools/engines/stamp .tools/n8n/stamp ## the examples of docs/engines.md in every engine; n8n takes minutes and 2 GB
	$(BIN)/python -m pytest tests/journeys/test_engine_docs.py

test-fast: .venv/dev.stamp ## the tests that take seconds
	$(BIN)/python -m pytest tests -m "not slow" -n 2

check: .venv/dev.stamp ## lint, format, types, the import table
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2
	$(BIN)/python -m pytest -q tests/test_imports.py

bench: .venv/dev.stamp ## measure what is claimed, on the data of `make run`
	$(BIN)/python -m training prepare
	$(BIN)/python -m benchmarks.online_writer
	$(BIN)/python -m benchmarks.scorers
	$(BIN)/python -m benchmarks.long_log
	$(BIN)/python -m benchmarks.batch
	$(BIN)/python -m benchmarks.serving --short

bench-%: .venv/dev.stamp ## one thing at length: bench-features, ours against Feast's own; bench-policies, half an hour with peers; bench-serving, over HTTP
	$(BIN)/python -m training prepare
	$(BIN)/python -m benchmarks.$*

soak: .venv/dev.stamp ## load while parts are killed, then an audit; SECONDS=60 for the short form
	$(BIN)/python -m training prepare
	$(BIN)/python -m benchmarks.soak --seconds $(SECONDS)

format: .venv/dev.stamp ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(UV) ## resolve the dependencies anew and write requirements/
	$(UV) lock --upgrade
	$(UV) export -q --no-default-groups --format requirements.txt --no-emit-project --no-annotate --no-header -o requirements/serve.lock
	$(UV) export -q --no-default-groups --group training --format requirements.txt --no-emit-project --no-annotate --no-header -o requirements/run.lock
	$(UV) export -q --no-default-groups --group journeys --format requirements.txt --no-emit-project --no-annotate --no-header -o requirements/journeys.lock
	$(UV) export -q --all-groups --format requirements.txt --no-emit-project --no-annotate --no-header -o requirements/dev.lock
	$(UV) pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-annotate --no-header requirements/engines.in -o requirements/engines.lock

clean: ## forget everything generated: data, models, logs, the environment
	rm -rf var .venv .tools

.venv/%.stamp: requirements/%.lock | $(UV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and f"Gardoon needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}")'
	@test -x $(BIN)/python || $(UV) venv -q --python $$($(PYTHON) -c 'import sys; print(sys.executable)') .venv
	$(UV) pip install -q --python $(BIN)/python --require-hashes -r $<
	@touch $@

.tools/engines/stamp: requirements/engines.lock | $(UV) ## journey engines, whose dependencies conflict with ours
	@test -x $(@D)/bin/python || $(UV) venv -q --python $$($(PYTHON) -c 'import sys; print(sys.executable)') $(@D)
	UV_COMPILE_BYTECODE=0 $(UV) pip install -q --python $(@D)/bin/python --require-hashes -r $<
	@touch $@

.tools/n8n/stamp: requirements/n8n.json ## needs Node 20 to 24 and a compiler
	@mkdir -p $(@D) && cp $< $(@D)/package.json
	npm install --prefix $(@D) --ignore-scripts --no-audit --no-fund
	npm rebuild --prefix $(@D) sqlite3
	@touch $@

.tools/bin/uv:
	$(PYTHON) -m pip install -q --target .tools uv
