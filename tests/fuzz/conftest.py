"""The roots in which graphs are tried, once for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.fuzz import arena
from tests.hosts.needs import missing


@pytest.fixture(scope="session")
def rings() -> Iterator[dict[str, arena.Ring]]:
    """Yield every root, ready for trials."""
    if reason := missing():
        if os.environ.get("PREFLIGHT_REQUIRE_HOSTS") == "1":
            pytest.fail(f"no test hosts: {reason}")
        pytest.skip(f"no test hosts: {reason}")
    with arena.opened() as opened:
        yield opened
