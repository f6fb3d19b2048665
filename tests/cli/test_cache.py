"""``preflight cache``: what is kept, where, and how it is made smaller."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STORE = Path("cache/preflight")


def records() -> list[Path]:
    """Return the files of the store, without its own mark."""
    return [path for path in STORE.rglob("*") if path.is_file() and path.name != ".pruned"]


def test_cache_is_shown(run, program):
    """The directory, the size, and the records of each kind with their age."""
    run("check", program(), "--local")

    result = run("cache")

    first, *rows = result.out.splitlines()
    assert (0, "") == (result.status, result.err)
    assert re.fullmatch(rf"{STORE.absolute()}: [\d.,]+ MB", first)
    assert len(rows) == 4
    for row in rows:
        assert re.fullmatch(r"  [\w ,:]{37} +\d+ +[\d.]+ MB   the oldest used today", row)


def test_empty_cache_is_shown(run):
    """Where nothing was kept yet there is nothing to say, and nothing is made."""
    assert (0, f"{STORE.absolute()}: 0.0 MB\n", "") == run("cache")
    assert not STORE.exists()


def test_path_is_for_scripts(run):
    """The directory alone, on one line."""
    assert (0, f"{STORE.absolute()}\n", "") == run("cache", "path")


@pytest.mark.parametrize("options", [["--all"], ["--size", "0"]])
def test_everything_is_removed(run, program, options):
    """An emptied store is filled again by the next check."""
    run("check", program(), "--local")
    count = len(records())

    result = run("cache", "prune", *options)

    assert [] == records()
    assert result.out.startswith(f"{count} records removed, ")
    assert result.out.endswith("; 0.0 MB left\n")
    assert 0 == run("check", program(), "--local").status
    assert count == len(records())


def test_cache_within_its_size_stays(run, program, monkeypatch):
    """By default two gigabytes, or what the environment says, are no reason to remove anything."""
    run("check", program(), "--local")
    count = len(records())

    assert run("cache", "prune").out.startswith("0 records removed, 0.0 MB; ")
    monkeypatch.setenv("PREFLIGHT_CACHE_SIZE", "4K")
    run("cache", "prune")

    assert len(records()) < count


def test_check_keeps_the_cache_small(run, program):
    """A run leaves no more than it may, without being asked."""
    run("check", program(), "--local", "--cache-size", "100K")

    assert sum(path.stat().st_blocks * 512 for path in records()) <= 100 << 10


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5G", "2GG", "9" * 20])
def test_what_is_no_size_is_an_error(run, value):
    """Sizes are whole numbers with K, M, G or T."""
    result = run("cache", "prune", "--size", value)

    assert 2 == result.status
    assert "is no size such as 500M or 2G" in result.err
