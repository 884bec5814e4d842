# `make help` lists the targets. Each target sets up .venv itself, and again after pyproject.toml or
# constraints.txt has changed.

PYTHON ?= python3
PORT ?= 8000
ARGS ?=
SOAK ?= 60

VENV := .venv
RUN := $(VENV)/bin/python
INSTALL := $(RUN) -m pip install --disable-pip-version-check -qq --constraint constraints.txt

# Without services, and without graphene-django's own view, which takes as long as ours.
QUICK := $(RUN) -m pytest -xq -k "not stock" \
	-m "not (postgres or mysql or redis or rabbitmq or pgbouncer)"

python_is_new_enough = $(shell exec 2>&-; $(PYTHON) -c 'import sys; print(sys.version_info >= (3, 11))')

.DEFAULT_GOAL := help
.PHONY: help demo demo-celery test test-quick lint soak mutants bench bench-quick count docs
.PHONY: screenshots snapshots pins dist release clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.demo ## Serve the example shop, in under a minute, on http://127.0.0.1:8000 (PORT=8001 for another port)
	@EXAMPLE_SIGN_IN=1 $(RUN) manage.py demo --port $(PORT)

demo-celery: $(VENV)/.celery ## Serve it with a Celery worker on Redis, which computes the slow part
	@EXAMPLE_SIGN_IN=1 DJANGO_SETTINGS_MODULE=example_schema.celery_settings \
		$(RUN) manage.py demo --port $(PORT)

test: $(VENV)/.dev ## Run every test, in 25 minutes (ARGS="-k cursor" to select some)
	@$(if $(ARGS),,echo "Every test: 25 minutes on two cores. After a single change: make test-quick.")
	@$(RUN) -m pytest $(ARGS)

test-quick: $(VENV)/.dev ## Run the quick tests of the library, in under a minute, each folder up to its first failure
	@printf '%s\n' tests/core tests/graphql tests/rest | \
		PARTSTREAM_TEST_EXAMPLES=5 xargs -P 3 -I {} sh -c 'told=$$($(QUICK) {} $(ARGS)); \
			code=$$?; echo "$$told"; test $$code = 5 || exit $$code'

lint: $(VENV)/.dev ## Check style, types, the direction of imports, and that every test can be imported
	@$(RUN) -m ruff check
	@$(RUN) -m ruff format --check
	@$(RUN) -m mypy
	@$(VENV)/bin/basedpyright
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/zizmor --offline --quiet .github
	@$(RUN) -m pytest --collect-only -qq --no-summary > /dev/null || $(RUN) -m pytest --collect-only -qq

docs: $(VENV)/.docs ## Build the site of the documentation in build/site
	@$(RUN) -m sphinx -b html -W --keep-going -n -q -c docs -d build/doctrees . build/site
	@echo "The site begins at build/site/index.html."

soak: $(VENV)/.dev ## Walk real servers for three minutes, and print their resources (SOAK=600 for thirty)
	@SOAK_SECONDS=$(SOAK) $(RUN) -m pytest -q \
		tests/server/test_soak.py tests/server/test_soak_of_streams.py \
		tests/background/systems/test_soak.py

mutants: $(VENV)/.dev ## Change the code in one place at a time; list changes that no test notices
	@$(RUN) -m tests.mutants $(ARGS)

bench: $(VENV)/.bench ## Compare a page with the code it replaces, in seven minutes; write the results
	@$(RUN) -m benchmarks

bench-quick: $(VENV)/.bench ## Compare roughly, in a minute; write no files
	@$(RUN) -m benchmarks --quick

count: $(VENV)/.bench ## Compare instructions; fail if a page costs more (ARGS=--set-bounds after a change)
	@$(RUN) -m benchmarks.count $(ARGS)

screenshots: $(VENV)/.dev ## Save pictures of the dashboard in screenshots/ (needs Chromium)
	@$(RUN) -m pytest tests/browser/screenshots.py -q

snapshots: $(VENV)/.dev ## Write the snapshots again; read the diff before you commit
	@$(RUN) -m pytest --snapshot-update $(ARGS)

pins: $(VENV)/.dev ## Write constraints.txt again, with the newest version of each package
	@$(RUN) -m nox --session pins

dist: $(VENV)/.dev ## Build the sdist, the wheel and the npm package into dist/, and check them
	@rm -rf dist
	@$(RUN) -m nox --session dist

release: $(VENV)/.dev ## Write VERSION=1.2.3 and the entries of changes/ where a release has them
	$(if $(VERSION),,$(error Name the version: make release VERSION=1.2.3))
	@$(RUN) -m hatchling version $(VERSION)
	@npm --prefix clients/js version --no-git-tag-version $(VERSION)
	@$(VENV)/bin/towncrier build --yes --version $(VERSION)

clean: ## Remove every file that these targets create
	rm -rf $(VENV) .bench .nox .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -rf build dist db.sqlite3* screenshots clients/js/node_modules tests/clients/node_modules
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.python:
	$(if $(filter True,$(python_is_new_enough)),,$(error This needs Python 3.11 or newer, and \
	$(PYTHON) is not: name another with PYTHON=python3.12))
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing the demo into $(VENV), once ..."
	@$(INSTALL) --editable '.[demo]'
	@touch $@

$(VENV)/.celery: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing the demo and Celery into $(VENV), once ..."
	@$(INSTALL) --editable '.[demo,celery]' 'celery[redis]'
	@touch $(VENV)/.demo $@

$(VENV)/.docs: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing the tools of the documentation into $(VENV), once ..."
	@$(INSTALL) --editable '.[docs]'
	@touch $@

# The dev extra contains the demo and docs extras, and Celery.
$(VENV)/.dev: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing the tests and tools into $(VENV), once ..."
	@$(INSTALL) --editable '.[dev]'
	@touch $(VENV)/.demo $(VENV)/.celery $(VENV)/.docs $@

$(VENV)/.bench: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing the benchmarks into $(VENV), once ..."
	@$(INSTALL) --editable '.[bench]'
	@touch $(VENV)/.demo $@
