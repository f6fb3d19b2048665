"""The benches themselves, which no other test runs."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

import bench

BENCHES = sorted(path.stem for path in Path(bench.__path__[0]).glob("[a-z]*.py"))


@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_can_begin(name):
    """What it imports is there."""
    assert importlib.import_module(f"bench.{name}").__doc__
