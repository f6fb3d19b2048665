"""
What tests share: the real hosts, and when they have to be there.

A test that uses `fleet` is marked `hosts`, one that starts servers or
processes of its own `slow`.  Where the hosts cannot be had it
skips with the reason; with ``PREFLIGHT_REQUIRE_HOSTS=1`` it fails instead.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.hosts import fleet as hosts
from tests.hosts.needs import missing
from tests.transport import accounts
from tests.transport.accounts import Accounts

# A machine may be busy with something else; pytest-timeout ends what really hangs.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

# Fixtures behind which stand servers with keys of their own, or a process for each test.
STARTERS = {"keys", "start_accounts", "start", "shell", "served"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need real hosts or servers, so that nobody has to remember it."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "fleet" in fixtures:
            item.add_marker(pytest.mark.hosts)
        if not STARTERS.isdisjoint(fixtures):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def fleet() -> Iterator[hosts.Fleet]:
    """The real hosts, up and ready for connections until the session ends."""
    if reason := missing():
        skip_or_fail(reason)
    with hosts.running() as running:
        yield running


@pytest.fixture(scope="session")
def start_accounts() -> Iterator[Callable[..., Accounts]]:
    """Return a function that starts the accounts with further settings; the same ones once."""
    if lacking := accounts.missing():
        skip_or_fail(f"without {lacking}")
    running: dict[tuple[str, ...], Accounts] = {}
    with contextlib.ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="preflight-accounts-")))
        place.chmod(0o755)  # the accounts' own processes read their keys

        def start(*settings: str) -> Accounts:
            if settings not in running:
                directory = place / str(len(running))
                running[settings] = stack.enter_context(accounts.running(directory, *settings))
            return running[settings]

        yield start


def skip_or_fail(reason: str) -> None:
    """Skip the test, or fail it where the hosts have to be there."""
    if os.environ.get("PREFLIGHT_REQUIRE_HOSTS") == "1":
        pytest.fail(f"no test hosts: {reason}")
    pytest.skip(f"no test hosts: {reason}")
