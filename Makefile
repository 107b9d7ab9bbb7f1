# Every command of Lakou. `make` alone lists them.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?=
LAKOU_HOME ?= $(CURDIR)/.lakou
export LAKOU_HOME
DEV := $(LAKOU_HOME)/venvs/dev/bin
BOOTSTRAP = @cd "$(CURDIR)" && python=$$(infra/local/python.sh "$(PYTHON)") && PYTHONDONTWRITEBYTECODE=1 "$$python" -m infra.local.bootstrap

.PHONY: help up down status reset test test-compose test-live check fix bench contracts tools

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1 \t/' | expand -t 24

up: ## set up everything, load the demonstration, leave the services running
	$(BOOTSTRAP) up

down: ## stop every service; the data stay
	$(BOOTSTRAP) down

status: ## say what runs, service by service (code 1 when one is dead)
	$(BOOTSTRAP) status

reset: ## delete the data and the secrets, after asking (CONFIRM=yes answers)
	@CONFIRM="$(CONFIRM)"; export CONFIRM; cd "$(CURDIR)" && python=$$(infra/local/python.sh "$(PYTHON)") && "$$python" -m infra.local.bootstrap reset

tools:
	$(BOOTSTRAP) tools

test: ## run every test (ARGS="-k name" narrows)
	$(BOOTSTRAP) tools browser
	"$(DEV)/python" -m pytest -n auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder $(ARGS)

test-compose: tools ## start docker-compose.yml and break it (needs Docker and root; over an hour)
	"$(DEV)/python" -m pytest tests/compose -o testpaths=tests/compose $(ARGS)

check: tools ## format, lint, types, layering, generated files, locks
	"$(DEV)/python" -m infra.local.check

fix: tools ## format and mend what can be mended
	"$(DEV)/ruff" check --fix --exit-zero .
	"$(DEV)/ruff" format .
	"$(DEV)/sqlfluff" fix --quiet dbt_project/models

test-live: tools ## the tests on pretix itself, installed from PyPI
	$(BOOTSTRAP) environments live
	"$(DEV)/python" -m pytest tests/live $(ARGS)

bench: tools ## the benchmarks
	"$(DEV)/python" -m pytest tests/bench -o testpaths=tests/bench -o python_files="bench_*.py" -s $(ARGS)

contracts: tools ## write again what is generated from the feed contracts
	"$(DEV)/python" -m ingestion.generate
