# make venv        preflight itself, installed into .venv
# make dev         a development environment in .venv
# make test        everything: what the tests need, the test hosts, lint, all tests
# make test-quick  lint and the tests that need neither hosts nor servers: a minute
# make help        all targets

# Any Python from 3.11 on.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
# Root on Debian can have real hosts; elsewhere the tests that need them say so and skip.
CAN_HAVE_HOSTS := $(shell [ "$$(id -u)" = 0 ] && [ -e /etc/debian_version ] && echo yes)
# Tests start preflight a thousand times: its bytecode is kept, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=
PYTEST := $(RUN) -m pytest

.PHONY: help venv dev setup lint format test test-quick test-oldest bench bench-fleet crosscheck fuzz-loader docs \
        hosts-build hosts-up hosts-down clean clean-hosts

help:
	@sed -n 's/^# make /make /p' $(MAKEFILE_LIST)

venv: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$(PYTHON) is too old; name one from 3.11 on: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || tests/setup-debian.sh python3-venv
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade 'pip>=25.1'
	$(RUN) -m pip install --quiet --editable .
	@touch $@

dev: $(VENV)/ready

$(VENV)/ready: $(VENV)/installed
	$(RUN) -m pip install --quiet --group dev
	@touch $@

# make setup       Debian's packages for the tests (root)
setup:
	tests/setup-debian.sh

# make lint        ruff and mypy, for Linux and macOS
lint: dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) -m mypy --platform darwin

# make format      bring the code into its form
format: dev
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

test: $(if $(CAN_HAVE_HOSTS),setup) lint $(if $(CAN_HAVE_HOSTS),hosts-build)
	$(PYTEST) -n 2 -m "not hosts"
	$(PYTEST) -n 2 --dist loadfile -m hosts

test-quick: lint
	$(PYTEST) -n 2 -m "not hosts and not slow"

# make test-oldest the quick tests with the oldest dependencies that are allowed
test-oldest: dev
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(VENV)-oldest/bin/python -m pip install --quiet --group dev --editable . \
	    $$(sed -n '/^dependencies = \[/,/^\]/s/^ *"\(.*\)>=\(.*\)",$$/\1==\2/p' pyproject.toml)
	$(VENV)-oldest/bin/python -m pytest -n 2 -m "not hosts and not slow"

# make bench       all measurements; takes long, and root on Debian
bench: dev
	for file in bench/[a-z]*.py; do $(RUN) -m bench.$$(basename $$file .py) || exit 1; done

# make bench-fleet what hosts cost, beside other tools, and docs/performance.md; root on Debian
bench-fleet: dev setup hosts-build
	$(RUN) -m pip install --quiet --group bench
	$(RUN) -m bench.fleet
	$(RUN) -m bench.peers
	$(RUN) -m docs.make_performance

# make crosscheck  judge every program of some roots in every other; takes long, and root on Debian
crosscheck: dev
	$(RUN) -m tests.crosscheck

# make fuzz-loader judge and start random graphs of libraries; a minute, and root on Debian
fuzz-loader: dev
	$(RUN) -m tests.fuzz --graphs 2000

# make docs        write what the program says of itself into docs/, and the site into build/site
docs: dev
	$(RUN) -m docs.make_findings
	$(RUN) -m docs.make_commands
	$(RUN) -m docs.make_man
	$(RUN) -m mkdocs build --strict -f docs/site/mkdocs.yml

# make hosts-build build the root file systems of the test hosts (root)
hosts-build: dev
	$(RUN) -m tests.hosts build

# make hosts-up    start the test hosts and print their inventory (root)
hosts-up: dev
	@$(RUN) -m tests.hosts up

# make hosts-down  end them
hosts-down: dev
	@$(RUN) -m tests.hosts down

# make clean       remove what was built here
clean:
	rm -rf $(VENV) $(VENV)-oldest build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# make clean-hosts remove the cached roots (root; no test may be running)
clean-hosts:
	rm -rf --one-file-system $${PREFLIGHT_TEST_CACHE:-/var/cache/preflight-test-hosts}
