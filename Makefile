# Everything a developer types. `make demo` and `make test` need only Python 3.11 or newer, git and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help

.PHONY: chaos churn help install demo test test-cluster test-controller test-restarts test-platform check lint format types contracts bench bench-growth bench-auth bench-crons bench-logs images lock lock-image clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

install: $(VENV)/.installed ## create the virtual environment from the lock file

$(VENV)/.installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q leviathan_tui leviathan_sandbox authserver
	@touch $@

demo: install ## the console on its own embedded cluster
	$(BIN)/leviathan demo

test: install ## every test that needs no cluster
	$(BIN)/pytest -n 4 -m "not cluster and not controller and not platform"

test-cluster: install ## the conformance suite on the cluster that LEVIATHAN_TEST_KUBECONFIG names
	@test -n "$$LEVIATHAN_TEST_KUBECONFIG" || { echo "set LEVIATHAN_TEST_KUBECONFIG to a disposable cluster's kubeconfig"; exit 2; }
	$(BIN)/pytest -n 2 -m cluster

test-controller: install ## eight minutes of that cluster's CronJob controller, which may have other things to do
	@test -n "$$LEVIATHAN_TEST_KUBECONFIG" || { echo "set LEVIATHAN_TEST_KUBECONFIG to a disposable cluster's kubeconfig"; exit 2; }
	$(BIN)/pytest -m controller tests/backend/changes

test-restarts: install ## what survives restarts of the cluster's parts, alone: the program LEVIATHAN_TEST_CLUSTER names stops them
	@test -n "$$LEVIATHAN_TEST_CLUSTER" || { echo "set LEVIATHAN_TEST_CLUSTER to a program that takes 'stop PART' and 'start PART'"; exit 2; }
	$(BIN)/pytest -m cluster -k restarts tests/cluster

test-platform: install ## install the platform on that cluster, use it, break it and remove it; the images have to be there
	@test -n "$$LEVIATHAN_TEST_CLUSTER" || { echo "set LEVIATHAN_TEST_CLUSTER to a program that takes 'kubectl …', 'stop PART' and 'start PART'"; exit 2; }
	@test -n "$$LEVIATHAN_TEST_AUTHENTICATION" || { echo "set LEVIATHAN_TEST_AUTHENTICATION to the API server's authentication configuration, a file to be written"; exit 2; }
	$(BIN)/pytest -m platform tests/platform

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install ## rewrite the code as the formatter wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: install
	$(BIN)/mypy

contracts: install
	$(BIN)/lint-imports

check: lint types contracts test ## what must be green before every commit

bench: install ## measure the console; BENCH_KUBECONFIG names a cluster, else the sandbox
	$(BIN)/python -m bench

bench-growth: install ## measure how cost grows from 100 to 50,000 pods, on sandboxes
	$(BIN)/python -m bench.growth

bench-auth: install ## measure the auth server: tokens, logins, refreshes on SQLite and Redis, memory
	$(BIN)/python -m bench.auth

bench-logs: install ## measure the logs: a local server that only sends, and the cluster that BENCH_KUBECONFIG names
	$(BIN)/python -m bench.logs

bench-crons: install ## measure 1,000 cron jobs: their rows, and their time line
	$(BIN)/python -m bench.crons

churn: install ## the console on 1,000 events a second for SECONDS (60): its memory stays flat, its rows are right; UNREAD=1: nobody reads its terminal
	$(BIN)/python -m bench.churn --seconds $(or $(SECONDS),60) $(if $(UNREAD),--unread)

chaos: install ## 200 changes through an API server that dies at random moments; see chaos/__main__.py
	$(BIN)/python -m chaos --mutations $(or $(MUTATIONS),200)

UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
lock: install ## resolve the dependencies again and pin them with hashes: for developers, for the image, for its build
	$(BIN)/pip install --quiet uv
	$(UV_COMPILE) --upgrade --group dev pyproject.toml -o requirements.lock
	$(MAKE) --no-print-directory lock-image

lock-image: ## pin what the image holds, at the versions that the tests ran with
	$(UV_COMPILE) -c requirements.lock pyproject.toml -o requirements-image.lock
	$(UV_COMPILE) -c requirements.lock --group build -o requirements-build.lock

VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' leviathan_tui/__init__.py)
IMAGE ?= localhost/leviathan:$(VERSION)
BASE ?= docker.io/library/python:3.13-slim
BUILDER ?= $(firstword $(foreach tool,docker podman buildah,$(if $(shell command -v $(tool)),$(tool))))
images: ## build the image with docker, podman or buildah (BUILDER); IMAGE names it, BASE what it is built on
	@test -n "$(BUILDER)" || { echo "install docker, podman or buildah, or name another in BUILDER"; exit 2; }
	$(BUILDER) build --build-arg BASE=$(BASE) --build-arg VERSION=$(VERSION) \
		--build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null || echo unknown) --tag $(IMAGE) .
	@$(BUILDER) images $(IMAGE)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
