# Everything a person needs from a clean clone: `make demo` and `make test`.
# PYTHON chooses the interpreter (3.11 or newer); VENV the folder of the virtual environment.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test test-editors test-train eval-model lint format install install-test wheelhouse clean

## demo: install, then show completions for real code from the embedded model
demo: install
	@$(BIN)/codehearth demo

## test: install, lint, and run the whole suite
test: install-test
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest

## test-editors: the same product in a real Neovim and a real VS Code, which are brought into .editors/ (Debian, Ubuntu;
## needs npm, and root where packages of the distribution are missing)
test-editors: install-test
	@$(BIN)/python -I tests/editors/install_neovim.py
	@$(BIN)/python -I tests/editors/install_vscode.py
	@$(BIN)/python -m pytest --editors tests/editors

## test-train: the tests of training that need PyTorch (2.13, about 200 MB for a CPU)
test-train:
	@$(PYTHON) -I lsp_server/cli/install.py --venv $(VENV) --extra test --extra train
	@$(BIN)/python -m pytest tests/train

## eval-model: the figures of the embedded model's card, measured anew (15 minutes; fetches the held-out packages once)
eval-model:
	@$(PYTHON) -I lsp_server/cli/install.py --venv $(VENV) --extra evaluate
	@$(BIN)/python -m models.train evaluate

## lint: style and strict types
lint: install-test
	@$(BIN)/ruff check lsp_server models tests
	@$(BIN)/ruff format --check lsp_server models tests
	@$(BIN)/mypy

## format: rewrite the sources in the house style
format: install-test
	@$(BIN)/ruff check --fix lsp_server models tests
	@$(BIN)/ruff format lsp_server models tests

install:
	@$(PYTHON) -I lsp_server/cli/install.py --venv $(VENV)

install-test:
	@$(PYTHON) -I lsp_server/cli/install.py --venv $(VENV) --extra test

## wheelhouse: wheels of codehearth and all it needs, to install elsewhere without a compiler or a network
## (for a GPU: make wheelhouse CMAKE_ARGS=-DGGML_CUDA=on)
wheelhouse: install
	@$(BIN)/python -m pip wheel --wheel-dir wheelhouse .

clean:
	rm -rf $(VENV) build dist wheelhouse
