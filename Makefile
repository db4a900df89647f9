# make demo       set up, train on the embedded digits, write runs/demo
# make test       set up, run the fast tests
# make test-slow  tests that train for real or start processes; SLOW=PATHS for some of them
# make serving-test  requests to TensorFlow Serving, where tensorflow_model_server is installed
# make test-peers losses beside other packages (downloads PyTorch; not part of CI)
# make test-jax   models, layers, losses, metrics and ops on Keras's JAX backend
# make fuzz       changed files for everything that reads files, for 10 minutes; not part of CI
# make lint       ruff
# make lock       write requirements/*.txt anew, which the set-up installs from
# make audit      known vulnerabilities of what is locked
PYTHON ?= python3
BIN := .venv/bin
SLOW ?= tests
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: demo test test-slow test-jax test-peers serving-test fuzz lint lock audit clean

demo: .venv/installed-train
	$(BIN)/python tools/train.py --dataset digits --out runs/demo

test: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: .venv/installed-dev
	$(BIN)/python -m pytest -n 2 -m slow $(SLOW)

serving-test: .venv/installed-dev
	$(BIN)/python -m pytest tests/export/test_model_server.py

test-jax: .venv/installed-dev
	KERAS_BACKEND=jax $(BIN)/python -m pytest -n 2 -m "not slow" tests/ops tests/layers tests/models tests/losses tests/metrics

# An environment of its own: PyTorch is large and nothing else needs it.
test-peers: .venv-peers/installed-peers
	.venv-peers/bin/python -m pytest tests/peers
	.venv-peers/bin/python -m pytest tests/losses/test_backends.py

fuzz: .venv/installed-dev
	$(BIN)/python tests/fuzz/fuzz.py --seconds 600

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The versions and hashes of the lock file, nothing else.
.venv/installed-%: pyproject.toml requirements/%.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements/$*.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

.venv-peers/installed-%: pyproject.toml
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --upgrade pip
	.venv-peers/bin/python -m pip install --quiet -e '.[$*]'
	touch $@

# Newest versions that pyproject.toml allows, for all systems and Pythons it supports.
LOCK := .venv-lock/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--no-annotate --custom-compile-command "make lock" pyproject.toml -

lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	echo "setuptools>=77" | $(LOCK) --extra dev -c requirements/constraints.txt -o requirements/dev.txt
	echo "setuptools>=77" | $(LOCK) --extra train -c requirements/dev.txt -o requirements/train.txt

audit:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet pip-audit
	.venv-lock/bin/pip-audit --require-hashes --disable-pip -r requirements/dev.txt

clean:
	rm -rf .venv .venv-lock .venv-peers runs
